from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import permissions, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.tenants.filters import DeclaredFilters
from shared_apps.tenants.kept_queries import Rows
from shared_apps.tenants.lists import DeclaredParameters, Search, StableOrdering
from shared_apps.tenants.plain_reads import PlainReads
from shared_apps.tenants.sparse import SparseAnswers
from tenant_apps.cached.views import CachedReads
from tenant_apps.integrations.idempotency import TakesIdempotencyKey

from .cached import (
    CATEGORIES,
    POPULAR,
    PRODUCTS,
    audience_of_categories,
    audience_of_products,
)
from .filters import ATTRIBUTES, AttributeFilters, FullText, ProductFilter
from .models import VIEWS, Category, Product, sight_of_categories, sight_of_products
from .permissions import KeepsCatalogue, ReadsCatalogue
from .reading import categories_within, products_within
from .serializers import CategorySerializer, ProductSerializer

MOST_POPULAR = 10


@extend_schema_view(
    list=extend_schema(summary="List categories with their figures"),
    retrieve=extend_schema(summary="Read a category"),
    create=extend_schema(summary="Add a category"),
    update=extend_schema(summary="Replace a category"),
    partial_update=extend_schema(summary="Change a category"),
    destroy=extend_schema(summary="Delete a category; its products stay"),
)
class CategoryViewSet(
    TakesIdempotencyKey, CachedReads, PlainReads, SparseAnswers, viewsets.ModelViewSet[Category]
):
    """Categories, each with the count and average price of its active products."""

    queryset = Category.objects.all()
    answers = CATEGORIES
    key_resource = "categories"
    serializer_class = CategorySerializer
    permission_classes = [KeepsCatalogue]
    filter_backends = [DeclaredParameters, Search, StableOrdering]
    search_fields = ["name"]
    ordering_fields = ["name"]
    ordering = ["name"]

    def audience(self, user: Any) -> str:
        """Return a name of those who see the same categories."""
        return audience_of_categories(user)

    def rows(self, *asked: Any, key: UUID | None = None) -> Rows:
        """Return the columns of what the caller may see."""
        user = self.request.user
        return categories_within(sight_of_categories(user), *asked, user=user.pk, key=key)

    def get_queryset(self) -> QuerySet[Category]:
        """Return what the caller may see, with figures of what they may see."""
        categories: Any = super().get_queryset()
        seen = categories.visible_to(self.request.user)
        return seen.with_figures() if self.shows("products_count", "avg_price") else seen  # type: ignore[no-any-return]


@extend_schema_view(
    list=extend_schema(summary="List products"),
    retrieve=extend_schema(summary="Read a product"),
    create=extend_schema(summary="Add a product"),
    update=extend_schema(summary="Replace a product"),
    partial_update=extend_schema(summary="Change a product"),
    destroy=extend_schema(summary="Delete a product; orders keep its name and price"),
)
class ProductViewSet(
    TakesIdempotencyKey, CachedReads, PlainReads, SparseAnswers, viewsets.ModelViewSet[Product]
):
    """The catalogue. Whoever may change products also sees those that are not active."""

    queryset = Product.objects.all()
    answers = PRODUCTS
    tallied = VIEWS
    key_resource = "products"
    serializer_class = ProductSerializer
    uncounted = frozenset({"views"})
    sparse_actions = frozenset({"list", "retrieve", "favorites"})
    permission_classes = [KeepsCatalogue]
    filter_backends = [
        *(DeclaredParameters, DeclaredFilters, AttributeFilters, FullText, StableOrdering)
    ]
    filterset_class = ProductFilter
    declared_elsewhere = ATTRIBUTES
    search_fields = ["name", "description"]
    ordering_fields = ["price", "created_at", "name"]
    ordering = ["-created_at"]

    def audience(self, user: Any) -> str:
        """Return a name of those who see the same products."""
        return audience_of_products(user)

    def rows(self, *asked: Any, key: UUID | None = None) -> Rows:
        """Return the columns of what the caller may see."""
        user = self.request.user
        return products_within(sight_of_products(user), *asked, user=user.pk, key=key)

    def get_queryset(self) -> QuerySet[Product]:
        """Return what the caller may see."""
        products: Any = super().get_queryset()
        seen = products.visible_to(self.request.user)
        return seen.select_related("category") if self.shows("category_name") else seen  # type: ignore[no-any-return]

    @extend_schema(
        operation_id="list_popular_products",
        summary="The most viewed products on sale",
        responses=ProductSerializer(many=True),
    )
    @action(
        detail=False,
        permission_classes=[ReadsCatalogue],
        filter_backends=[],
        pagination_class=None,
    )
    def popular(self, request: Request) -> HttpResponse:
        """Return at most ten products, most viewed first."""
        return self.cached(request, self._popular, POPULAR)

    def _popular(self) -> Response:
        popular = self.get_queryset().popular()[:MOST_POPULAR]  # type: ignore[attr-defined]  # ours
        return Response(self.get_serializer(popular, many=True).data)

    @extend_schema(
        operation_id="list_favorites",
        summary="My favorites",
        responses=ProductSerializer(many=True),
    )
    @action(detail=False, permission_classes=[permissions.IsAuthenticated])
    def favorites(self, request: Request) -> Response:
        """Return the caller's favorite products, in pages."""
        mine = self.filter_queryset(self.get_queryset()).filter(favorites__user=request.user.pk)
        page = self.paginate_queryset(mine)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="add_favorite",
        summary="Mark as favorite",
        request=None,
        responses={200: dict[str, str]},
    )
    @action(detail=True, methods=["post"], permission_classes=[permissions.IsAuthenticated])
    def favorite(self, request: Request, pk: str | None = None) -> Response:
        """Add the product to the caller's favorites; safe to repeat."""
        self.get_object().favorites.get_or_create(user_id=str(request.user.pk))
        return Response({"status": "added"})

    @extend_schema(
        operation_id="remove_favorite",
        summary="Remove from favorites",
        request=None,
        responses={204: None},
    )
    @favorite.mapping.delete
    def unfavorite(self, request: Request, pk: str | None = None) -> Response:
        """Take the product from the caller's favorites; safe to repeat."""
        self.get_object().favorites.filter(user_id=str(request.user.pk)).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
