"""Instances and querysets stay in the tenant they were made in."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import ProgrammingError, transaction
from django.db.models import Model, QuerySet

from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.scope import WrongScope, no_scope, tenant_scope
from tenant_apps.products.models import Category, Product


def add(name: str) -> None:
    Category.objects.create(name=name, slug=name)


def names() -> list[str]:
    return list(Category.objects.order_by("name").values_list("name", flat=True))


def refusal(model: str, made_in: ActiveTenant, used_in: ActiveTenant) -> str:
    return (
        f"^{model} was made in the scope 'tenant:{made_in.id}' and used in 'tenant:{used_in.id}'.$"
    )


def test_an_instance_of_one_tenant_is_refused_in_another(acme, globex):
    loaded = Category.objects.create(name="acme's", slug="mine")
    unsaved = Category(name="acme's too", slug="mine-too")
    product = Product.objects.create(name="p", slug="p", price=1, category=loaded)
    fresh = Product.objects.get(pk=product.pk)
    with tenant_scope(globex):
        for use in (
            *(loaded.save, unsaved.save, loaded.delete, loaded.refresh_from_db),
            lambda: unsaved.save(using="default", force_insert=True),
            lambda: loaded.delete(using="default"),
            lambda: Category.objects.bulk_create([unsaved]),
            lambda: Category.objects.bulk_update([loaded], ["name"]),
        ):
            with pytest.raises(WrongScope, match=refusal("Category", acme, globex)):
                use()
        with pytest.raises(WrongScope):
            fresh.category.name  # noqa: B018
        with pytest.raises(WrongScope):
            loaded.products.count()
        with pytest.raises(WrongScope):
            Product(name="x", slug="x", price=1, category=loaded)
        assert names() == []


def test_in_its_own_tenant_an_instance_is_written_as_ever(acme):
    one, two = Category(name="one", slug="one"), Category(name="two", slug="two")
    Category.objects.bulk_create([one, two])
    one.name = "uno"
    two.name = "due"
    assert Category.objects.bulk_update([one, two], ["name"], batch_size=1) == 2
    assert names() == ["due", "uno"]
    assert one.delete(using="default") == (1, {"products.Category": 1})
    assert names() == ["due"]


def test_a_lazy_queryset_of_one_tenant_is_refused_in_another(acme, globex):
    add("acme's")
    lazy = Category.objects.filter(name__contains="acme")
    raw = Category.objects.raw("SELECT * FROM products_category")
    with tenant_scope(globex):
        for use in (
            list,
            len,
            bool,
            lambda q: q.count(),
            lambda q: q.exists(),
            lambda q: q.first(),
        ):
            with pytest.raises(WrongScope, match=refusal("Category", acme, globex)):
                use(lazy.all())
        with pytest.raises(WrongScope):
            list(raw)
        with pytest.raises(WrongScope):
            lazy.update(name="globex's")
        with pytest.raises(WrongScope):
            lazy.delete()
    assert names() == ["acme's"]


def test_a_queryset_made_outside_any_scope_is_of_the_tenant_that_uses_it(acme, globex):
    with no_scope():
        class_level = Category.objects.all()
    add("acme's")
    assert [c.name for c in class_level.all()] == ["acme's"]
    with tenant_scope(globex):
        assert [c.name for c in class_level.all()] == []


def test_content_types_are_the_same_in_every_tenant_and_may_be_used_in_any(acme, globex):
    of_acme = ContentType.objects.get_for_model(Category)
    lazy = ContentType.objects.filter(pk=of_acme.pk)
    with tenant_scope(globex):
        assert lazy.get() == of_acme
        # Past the stamps; PostgreSQL refuses, for its own reason.
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            of_acme.save()


@pytest.mark.parametrize(
    ("kind", "names"),
    [(Model, ["save", "save_base", "delete"]), (QuerySet, ["bulk_create", "bulk_update"])],
)
def test_a_template_still_cannot_call_what_is_guarded(kind, names):
    assert all(getattr(kind, name).alters_data for name in names)
