"""What an export of the catalogue holds."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from shared_apps.tenants.admin_export import Rows, column


class CategoryRows(Rows):
    """Categories with the figures of their list."""

    id = column("id")
    name = column("name")
    slug = column("slug")
    attribute_schema = column("attribute_schema")
    products_count = column("products_count")
    avg_price = column("avg_price")

    class Meta:
        name = _("Categories")

    def dehydrate_avg_price(self, category: Any) -> Any:
        """Return it in cents, as prices are."""
        return None if category.avg_price is None else round(category.avg_price, 2)


class ProductRows(Rows):
    """Products; the category by its slug."""

    id = column("id")
    name = column("name")
    slug = column("slug")
    sku = column("sku")
    description = column("description")
    price = column("price")
    stock = column("stock")
    category = column("category__slug")
    attributes = column("attributes")
    tags = column("tags")
    image_url = column("image_url")
    is_active = column("is_active")
    views = column("views")
    created_at = column("created_at")
    updated_at = column("updated_at")

    class Meta:
        name = _("Products")
