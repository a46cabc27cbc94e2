from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateFilter

from shared_apps.tenants.admin_sites import tenant_admin

from .models import Category, Product


@admin.register(Category, site=tenant_admin)
class CategoryAdmin(ModelAdmin):
    list_display = ["name", "slug", "products_count", "avg_price"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Add the figures that the list shows."""
        return super().get_queryset(request).with_figures()  # type: ignore[no-any-return]

    @admin.display(description="active products")
    def products_count(self, category: Any) -> int:
        """Show the annotation."""
        return int(category.products_count)

    @admin.display(description="average price")
    def avg_price(self, category: Any) -> str:
        """Show the annotation."""
        return "-" if category.avg_price is None else f"{category.avg_price:.2f}"


@admin.register(Product, site=tenant_admin)
class ProductAdmin(ModelAdmin):
    list_display = ["name", "price", "stock", "category", "is_active", "created_at"]
    list_filter = ["category", "is_active", ("created_at", RangeDateFilter)]
    list_filter_submit = True
    search_fields = ["name", "slug", "sku"]
    list_editable = ["price", "is_active"]
    list_select_related = ["category"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["views", "created_at", "updated_at"]
    autocomplete_fields = ["category"]
