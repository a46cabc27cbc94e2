from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MinValueValidator
from django.db import connection, models, transaction
from django.db.models import Avg, Count, Q
from django.db.models.functions import Least
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from shared_apps.tenants.plan_limits import Limited, LimitedQuerySet
from shared_apps.tenants.postgresql.writes import unwatched
from shared_apps.tenants.scope import active_tenant
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import Picture
from tenant_apps.files.signed_links import signed_link
from tenant_apps.history.recording import record
from tenant_apps.users.models import CatalogueReaders
from tenant_apps.users.roles.objects import PersonGrant, RoleGrant, granted

from . import searching
from .attribute_schema import check_schema

MAX_STOCK = 2_147_483_647
# What counts how often products are looked at.
VIEWS = "views"


class Sight(StrEnum):
    """How much of the catalogue somebody sees: all that ``visible_to`` depends on, but who."""

    ALL = "all"
    ON_SALE = "on sale"
    ON_SALE_AND_GIVEN = "on sale, and what was granted"
    GIVEN = "what was granted"
    NOTHING = "nothing"


def is_open_to(user: Any) -> bool:
    """Whether the settings or a role let ``user`` read the whole catalogue that is on sale."""
    readers = active_tenant().settings.get("catalogue_readers", CatalogueReaders.MEMBERS)
    if readers == CatalogueReaders.ANYONE:
        return True
    if readers == CatalogueReaders.MEMBERS:
        return bool(user.is_authenticated)
    return bool(user.has_perm("products.view_product"))


def sight_of_categories(user: Any) -> Sight:
    """Return how many categories ``user`` sees: all, or those granted to them."""
    if is_open_to(user) or user.has_perm("products.view_category"):
        return Sight.ALL
    return Sight.GIVEN if user.is_authenticated else Sight.NOTHING


def sight_of_products(user: Any) -> Sight:
    """Return how much ``user`` sees.

    All for those who keep the catalogue; what is on sale for those it is open to; and what was
    granted to them or to a role of theirs, itself or with its category.
    """
    if user.has_perm("products.change_product"):
        return Sight.ALL
    if not user.is_authenticated:
        return Sight.ON_SALE if is_open_to(user) else Sight.NOTHING
    return Sight.ON_SALE_AND_GIVEN if is_open_to(user) else Sight.GIVEN


class CategoryQuerySet(models.QuerySet["Category"]):
    def visible_to(self, user: Any) -> "CategoryQuerySet":
        """Categories that ``user`` may see."""
        return self.within(sight_of_categories(user), user)

    def within(self, sight: Sight, user: Any) -> "CategoryQuerySet":
        """Categories that are in ``sight``, the grants being those of ``user``."""
        match sight:
            case Sight.ALL:
                return self
            case Sight.GIVEN:
                return self.granted_to(user)
        return self.none()

    def granted_to(self, user: Any) -> "CategoryQuerySet":
        """Categories that were granted to ``user`` or to a role of theirs."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(granted(Category, user, "view_category", "change_category"))

    def changeable_by(self, user: Any) -> "CategoryQuerySet":
        """Categories that ``user`` may change, by role or by grant."""
        if user.has_perm("products.change_category"):
            return self
        if not user.is_authenticated:
            return self.none()
        return self.filter(granted(Category, user, "change_category"))

    def with_figures(self) -> "CategoryQuerySet":
        """Add ``products_count`` and ``avg_price`` of active products."""
        active = Q(products__is_active=True)
        return self.annotate(
            products_count=Count("products", filter=active),
            avg_price=Avg("products__price", filter=active),
        )


class Category(models.Model):
    """A shelf of the catalogue."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=255)
    slug = models.SlugField(_("slug"), unique=True, max_length=255)
    attribute_schema = models.JSONField(
        _("attribute schema"),
        default=dict,
        # What still runs while the fleet is migrated knows no such column.
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        validators=[check_schema],
        help_text=_(
            'The attributes of the products in it, as JSON: {"size": {"type": "number", "unit":'
            ' "cm", "required": true}}. Types: text, number, integer, boolean, choice (with'
            ' "choices": [...]). Empty: any attributes.'
        ),
    )

    objects = CategoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


def _granted(user: Any, deed: str) -> Q:
    """Return the condition that ``deed`` was granted to ``user`` on the product or its category."""
    on_product = granted(Product, user, f"{deed}_product")
    return on_product | granted(Category, user, f"{deed}_category", key="category")


class ProductQuerySet(LimitedQuerySet["Product"]):
    def on_sale(self) -> "ProductQuerySet":
        """Products that can be seen and ordered."""
        return self.filter(is_active=True)

    def visible_to(self, user: Any) -> "ProductQuerySet":
        """Products that ``user`` may see."""
        return self.within(sight_of_products(user), user)

    def within(self, sight: Sight, user: Any) -> "ProductQuerySet":
        """Products that are in ``sight``, the grants being those of ``user``."""
        match sight:
            case Sight.ALL:
                return self
            case Sight.ON_SALE:
                return self.on_sale()
            case Sight.ON_SALE_AND_GIVEN:
                # What they may only view is on sale anyway.
                return self.filter(Q(is_active=True) | _granted(user, "change"))
            case Sight.GIVEN:
                return self.granted_to(user)
        return self.none()

    def on_sale_to(self, user: Any) -> "ProductQuerySet":
        """Products on sale of those that ``user`` may see."""
        # Of an open catalogue that is all of it, with and without grants.
        seen = self if is_open_to(user) else self.visible_to(user)
        return seen.on_sale()

    def granted_to(self, user: Any) -> "ProductQuerySet":
        """Products that were granted to ``user`` or a role of theirs, or whose category was."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(is_active=True) & _granted(user, "view") | _granted(user, "change"))

    def changeable_by(self, user: Any) -> "ProductQuerySet":
        """Products that ``user`` may change, by role or by grant."""
        if user.has_perm("products.change_product"):
            return self
        return self.filter(_granted(user, "change")) if user.is_authenticated else self.none()

    def matching(self, text: str) -> "ProductQuerySet":
        """Products that a search for ``text`` finds, with their ``relevance``."""
        found: ProductQuerySet = searching.matching(self, text)
        return found

    def popular(self) -> "ProductQuerySet":
        """Order the products on sale by their views, most viewed first."""
        return self.on_sale().order_by("-views", "-created_at", "-id")

    def running_low(self, threshold: int) -> "ProductQuerySet":
        """Products on sale of which ``threshold`` or fewer are left, the fewest first."""
        return self.on_sale().filter(stock__lte=threshold).order_by("stock", "name", "id")

    def return_stock(self, product_id: Any, quantity: int) -> None:
        """Put ``quantity`` back."""
        # Not past what the column holds: a cancellation must not fail for it.
        room = Least(models.F("stock"), MAX_STOCK - quantity)
        self.filter(pk=product_id).update(stock=room + quantity)

    def adjust_stock(self, product_id: Any, amount: int) -> bool:
        """Add ``amount`` (or take it away); False, and no change, if that cannot be."""
        here = self.filter(pk=product_id, stock__gte=-amount, stock__lte=MAX_STOCK - amount)
        with transaction.atomic():
            if not here.update(stock=models.F("stock") + amount):
                return False
            product = self.get(pk=product_id)
            record(product, stock=(product.stock - amount, product.stock))
        return True

    def add_views(self, product_id: Any, times: int) -> None:
        """Add views, which renew nothing that is cached: it shows those of when it was made."""
        with unwatched():
            self.filter(pk=product_id).update(views=models.F("views") + times)


class Taken(NamedTuple):
    """A product of which stock was taken, as it was then."""

    name: str
    price: Decimal


# Locks in the order of the keys before it writes, and reads what it locked: never a stock of
# before it waited.
_TAKE_STOCK = """
UPDATE products_product SET stock = locked.stock - locked.quantity
FROM (
    WITH on_sale AS MATERIALIZED (
        SELECT product.id, product.stock, wanted.quantity
        FROM products_product AS product
        JOIN unnest(%s::uuid[], %s::integer[]) AS wanted (id, quantity) USING (id)
        WHERE product.is_active
        ORDER BY product.id
        FOR NO KEY UPDATE OF product
    )
    SELECT * FROM on_sale
) AS locked
WHERE products_product.id = locked.id AND locked.stock >= locked.quantity
RETURNING products_product.id, name, price
"""


class ProductManager(models.Manager.from_queryset(ProductQuerySet)):  # type: ignore[misc]  # made at run time
    """Leaves the column for searching in the database."""

    def get_queryset(self) -> ProductQuerySet:
        """Return the products without it."""
        products: ProductQuerySet = super().get_queryset().defer("search")
        return products

    def take_stock(self, quantities: Mapping[UUID, int]) -> dict[UUID, Taken]:
        """Take of each product on sale of which that much is there; return what was, by its key.

        All that are on sale stay locked until the end of the transaction. They are locked in
        primary-key order, so that no two who take wait for each other.
        """
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_STOCK, [list(quantities), list(quantities.values())])
            return {key: Taken(name, price) for key, name, price in cursor.fetchall()}


class Product(Limited):
    """Something the tenant sells."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=255)
    slug = models.SlugField(_("slug"), unique=True, max_length=255)
    sku = models.CharField(_("SKU"), max_length=64, blank=True)
    description = models.TextField(_("description"), blank=True)
    price = models.DecimalField(
        _("price"), max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))]
    )
    stock = models.PositiveIntegerField(_("stock"), default=0)
    category = models.ForeignKey(
        Category,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="products",
        db_index=False,  # the index on category and is_active serves it
        verbose_name=_("category"),
    )
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    tags = ArrayField(
        models.CharField(max_length=50), default=list, blank=True, verbose_name=_("tags")
    )
    image_url = models.URLField(_("image URL"), max_length=500, blank=True)
    image = models.OneToOneField(
        StoredFile, models.SET_NULL, null=True, editable=False, verbose_name=_("image")
    )
    is_active = models.BooleanField(_("active"), default=True)
    views = models.PositiveIntegerField(_("views"), default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    search = models.GeneratedField(
        expression=searching.VECTOR, output_field=SearchVectorField(), db_persist=True
    )

    objects = ProductManager()

    limit = "max_products"

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["category", "is_active"], name="product_category_active"),
            models.Index(fields=["-created_at", "-id"], name="product_newest"),
            GinIndex(fields=["attributes"], name="product_attributes"),
            # A list of what is not sorted in yet would be read by every search.
            GinIndex(fields=["search"], name="product_search", fastupdate=False),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(price__gt=0),
                name="product_price_is_positive",
                violation_error_message=_("Price must be positive."),
            ),
        ]
        permissions = [("import_catalogue", "Can import a catalogue")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the path of its page in the portal."""
        return reverse("product", args=[self.slug])

    @property
    def grants_come_from(self) -> Category | None:
        """The category, whose grants count for its products."""
        return self.category

    @property
    def shown_url(self) -> str:
        """Where its picture is, here or at the shop it came from; empty for none."""
        return self.picture_url or self.image_url

    @property
    def picture_url(self) -> str | None:
        """A signed link to the picture, or None: for whoever may see the product."""
        return signed_link(self.image_id) if self.image_id else None

    def show_picture(self, picture: Picture | None, *, user: Any = None) -> None:
        """Show ``picture`` from now on, or none; the file shown before is removed."""
        with transaction.atomic():
            here = type(self).objects.select_for_update(of=["self"]).select_related("image")
            before = here.get(pk=self.pk).image
            self.image = StoredFile.objects.store(picture, user=user) if picture else None
            type(self).objects.filter(pk=self.pk).update(image=self.image)
            record(self, image=(before and before.name, self.image and self.image.name))
            if before is not None:
                before.remove()


class CategoryPersonGrant(PersonGrant):
    content_object = models.ForeignKey(Category, models.CASCADE, verbose_name=_("category"))


class CategoryRoleGrant(RoleGrant):
    content_object = models.ForeignKey(Category, models.CASCADE, verbose_name=_("category"))


class ProductPersonGrant(PersonGrant):
    content_object = models.ForeignKey(Product, models.CASCADE, verbose_name=_("product"))


class ProductRoleGrant(RoleGrant):
    content_object = models.ForeignKey(Product, models.CASCADE, verbose_name=_("product"))


class Favorite(models.Model):
    """A person's mark on a product."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="favorites", db_index=False
    )
    product = models.ForeignKey(Product, models.CASCADE, related_name="favorites")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "product"], name="favorite_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.product_id}"
