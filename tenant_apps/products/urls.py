from django.urls import path
from rest_framework.routers import SimpleRouter

from .images import ProductImageView
from .imports import ImportViewSet
from .views import CategoryViewSet, ProductViewSet

router = SimpleRouter()
router.register("categories", CategoryViewSet)
router.register("products", ProductViewSet)
router.register("imports", ImportViewSet, basename="import")
urlpatterns = [
    path("products/<uuid:pk>/image/", ProductImageView.as_view(), name="product-image"),
    *router.urls,
]
