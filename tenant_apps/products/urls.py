from rest_framework.routers import SimpleRouter

from .imports import ImportViewSet
from .views import CategoryViewSet, ProductViewSet

router = SimpleRouter()
router.register("categories", CategoryViewSet)
router.register("products", ProductViewSet)
router.register("imports", ImportViewSet, basename="import")
urlpatterns = router.urls
