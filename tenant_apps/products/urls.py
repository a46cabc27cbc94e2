from django.urls import path
from rest_framework.routers import SimpleRouter

from .images import ProductImageView
from .imports import ImportViewSet
from .views import CategoryViewSet, ProductViewSet

router = SimpleRouter()
router.register("products", ProductViewSet)
router.register("categories", CategoryViewSet)
router.register("imports", ImportViewSet, basename="import")
urlpatterns = [
    *router.urls,
    path("products/<uuid:pk>/image/", ProductImageView.as_view(), name="product-image"),
]
