from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminIntegerFieldWidget

from shared_apps.tenants.admin_export import ExportAdmin
from shared_apps.tenants.admin_forms import JSON_OBJECTS, NarrowModelAdmin
from shared_apps.tenants.admin_sites import tenant_admin
from shared_apps.tenants.plan_limits import check_form
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import NotAPicture, Picture, encoded_anew
from tenant_apps.history.admin import HistoryAdmin
from tenant_apps.users.roles.admin import VisibleAdmin, grant_inlines

from .admin_import import CatalogueImportAdmin
from .attribute_schema import check_attributes
from .exporting import CategoryRows, ProductRows
from .models import MAX_STOCK, Category, Product


@admin.register(Category, site=tenant_admin)
class CategoryAdmin(VisibleAdmin, HistoryAdmin, ExportAdmin, NarrowModelAdmin):
    resource_classes = [CategoryRows]
    formfield_overrides = JSON_OBJECTS
    actions = ["export_selected", "grant", "take_back"]
    list_display = ["name", "slug", "products_count", "avg_price"]
    # The model's own is lost where rows are grouped for the figures.
    ordering = ["name", "id"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = grant_inlines(Category)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """Add the figures that the list shows."""
        categories: Any = super().get_queryset(request)
        return categories.with_figures()  # type: ignore[no-any-return]

    @admin.display(description=_("active products"))
    def products_count(self, category: Any) -> int:
        """Show the annotation."""
        return int(category.products_count)

    @admin.display(description=_("average price"))
    def avg_price(self, category: Any) -> str:
        """Show the annotation."""
        return "-" if category.avg_price is None else floatformat(category.avg_price, 2)


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The stock is changed by a difference: orders take from it while the page is open."""

    stock_change = forms.IntegerField(
        label=_("Stock change"),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        min_value=-MAX_STOCK,
        max_value=MAX_STOCK,
        help_text=_("Added to the stock when you save; a negative number takes away."),
    )

    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("A JPEG, PNG or WebP picture; it replaces the one before."),
    )

    class Meta:
        model = Product
        fields = "__all__"  # noqa: DJ007  # the admin's fieldsets say which

    def clean(self) -> dict[str, Any]:
        """Hold the attributes to the category's schema, if either was changed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        category, attributes = cleaned.get("category"), cleaned.get("attributes")
        before = (self.instance.category, self.instance.attributes)
        if category and attributes is not None and (category, attributes) != before:
            try:
                check_attributes(attributes, category.attribute_schema)
            except forms.ValidationError as error:
                self.add_error("attributes", error)
        return cleaned

    def clean_picture(self) -> Picture | None:
        """Encode the picture anew, or say why not."""
        uploaded = self.cleaned_data["picture"]
        if not uploaded:
            return None
        try:
            picture = encoded_anew(uploaded)
        except NotAPicture as error:
            raise forms.ValidationError(str(error), code="not_a_picture") from error
        check_form(StoredFile, len(picture.content))
        return picture


@admin.register(Product, site=tenant_admin)
class ProductAdmin(VisibleAdmin, HistoryAdmin, ExportAdmin, CatalogueImportAdmin, NarrowModelAdmin):
    resource_classes = [ProductRows]
    actions = ["export_selected", "grant", "take_back"]
    form = ProductForm
    formfield_overrides = JSON_OBJECTS
    list_display = ["name", "price", "stock", "category", "is_active", "created_at"]
    list_filter = [
        ("category", AutocompleteSelectFilter),
        *("is_active", ("created_at", RangeDateFilter)),
    ]
    list_filter_submit = True
    search_fields = ["name", "slug", "sku"]
    list_editable = ["price", "is_active"]
    list_select_related = ["category"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["views", "created_at", "updated_at"]
    autocomplete_fields = ["category"]
    inlines = grant_inlines(Product)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Offer the stock itself for a new product, its change for an old one."""
        stock = ["stock"] if obj is None else ["stock", "stock_change"]
        return [
            *("name", "slug", "sku", "description", "price", *stock, "category", "attributes"),
            *("tags", "picture", "shown_picture", "image_url", "is_active", *self.readonly_fields),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show an old product's stock."""
        shown = ["shown_picture", *self.readonly_fields]
        return shown if obj is None else [*shown, "stock"]

    @admin.display(description=_("shown now"))
    def shown_picture(self, product: Any) -> str:
        """Show the picture, through a signed link."""
        url = product.picture_url
        return format_html('<img src="{}" alt="" width="160">', url) if url else "-"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, then move the stock as it is by now."""
        super().save_model(request, obj, form, change)
        if picture := form.cleaned_data.get("picture"):
            obj.show_picture(picture, user=request.user)
        amount = form.cleaned_data.get("stock_change") or 0
        if change and amount and not Product.objects.all().adjust_stock(obj.pk, amount):
            message = _("There is not so much of %(name)s by now; its stock was left as it is.")
            self.message_user(request, message % {"name": obj}, messages.ERROR)
