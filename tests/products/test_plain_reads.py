"""Lists and details that nothing narrows are read without instances, and say the same."""

from decimal import Decimal
from functools import partial
from itertools import combinations, islice

import pytest
from guardian.shortcuts import assign_perm

from shared_apps.tenants.columns import columns_of
from tenant_apps.files.models import StoredFile
from tenant_apps.products import reading
from tenant_apps.products.models import Category, Product
from tenant_apps.products.serializers import ProductSerializer
from tenant_apps.users.models import User
from tests.api import PASSWORD, Api, count_queries
from tests.products.test_catalogue_api import add, listed
from tests.products.test_grants import closed

__all__ = ["closed"]  # a fixture

# What answers this has instances.
AS_EVER = "count=true"


@pytest.fixture
def shop(acme):
    """Fill acme with products of every kind, of which a customer was given some."""
    tools, toys = (Category.objects.create(name=name, slug=name) for name in ("tools", "toys"))
    picture = StoredFile.objects.create(name="a.png", content_type="image/png", size=1, content="x")
    odd = {"a": [1, 2.5, None, {"é": "ü\u2028"}], "big": 2**53 + 1, "small": 1e-9, "no": False}
    made = {
        "bare": add("bare"),
        "full": add(
            "full",
            name='Ü"<&>\u2028',
            category=tools,
            attributes=odd,
            tags=["é", ""],
            price=Decimal("99999999.99"),
            sku="S",
            description="x\n",
            image_url="https://x.example/a",
            views=3,
        ),
        "off": add("off", is_active=False, category=tools),
        "off given": add("off-given", is_active=False, category=tools),
        "off viewed": add("off-viewed", is_active=False),
        "toy": add("toy", category=toys, price=Decimal("0.01")),
        "toy off": add("toy-off", category=toys, is_active=False),
    }
    Product.objects.filter(pk=made["full"].pk).update(image=picture)
    ann = User.objects.create_member("ann@x.example", PASSWORD, role="customer")
    assign_perm("change_product", ann, made["off given"])
    assign_perm("view_product", ann, made["off viewed"])
    assign_perm("view_product", ann, made["bare"])
    assign_perm("change_category", ann.groups.get(), toys)
    return made


@pytest.fixture
def readers(shop, acme, anonymous, owner, member):
    """Return callers of all kinds."""
    ann = Api(acme.primary_host).signed_in("ann@x.example")
    return {"visitor": anonymous, "owner": owner, "ann": ann, "ben": member("customer")}


def agree(api: Api) -> None:
    """Check that ``api`` is told the same with instances and without."""
    for kind in ("products", "categories"):
        for how in ("", "&ordering=name", "&ordering=-name", "&fields=name,id"):
            plain = api.get(f"/api/{kind}/?{how}")
            as_ever = api.get(f"/api/{kind}/?{AS_EVER}{how}").content
            count, _, rest = as_ever.partition(b",")
            assert count.startswith(b'{"count":')
            assert plain.content == b"{" + rest
        for row in api.get(f"/api/{kind}/").json()["results"]:
            assert api.get(f"/api/{kind}/{row['id']}/").json() == row


ON_SALE = {"bare", "full", "toy"}


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("visitor", ON_SALE),
        ("owner", ON_SALE | {"off", "off-given", "off-viewed", "toy-off"}),
        ("ann", ON_SALE | {"off-given", "toy-off"}),
        ("ben", ON_SALE | {"toy-off"}),
    ],
)
def test_an_open_catalogue_is_told_alike_in_both_ways(readers, who, sees):
    agree(readers[who])
    assert set(listed(readers[who])) == sees


@pytest.mark.parametrize(
    ("who", "sees"),
    [("ann", {"bare", "off-given", "toy", "toy-off"}), ("ben", {"toy", "toy-off"})],
)
def test_a_closed_catalogue_is_told_alike_in_both_ways(closed, readers, who, sees):
    agree(readers[who])
    assert set(listed(readers[who])) == sees


def test_what_was_read_for_one_says_nothing_about_another(readers, shop):
    path = f"/api/products/{shop['off given'].pk}/"
    for _ in range(2):
        assert [api.get(path).status_code for api in readers.values()] == [404, 200, 200, 404]


@pytest.mark.parametrize(
    "key",
    [
        "1",
        "nonsense",
        "%00",
        "00000000-0000-0000-0000-000000000000",
        "018f0000-0000-7000-8000-000000000001",
    ],
)
def test_what_is_no_product_is_not_found(anonymous, key):
    for kind in ("products", "categories"):
        assert anonymous.get(f"/api/{kind}/{key}/").status_code == 404


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("foo=1", "foo"),
        ("fields=foo", "fields"),
        ("page_size=0", "page_size"),
        ("page_size=101&fields=id", "page_size"),
        ("ordering=views", "ordering"),
        ("ordering=x&page_size=0", "ordering"),
        ("fields=id&foo=", "foo"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(anonymous, query, attr):
    answer = anonymous.get(f"/api/products/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_a_detail_takes_no_more_than_it_did(anonymous, acme):
    path = f"/api/products/{add().pk}/"
    assert anonymous.get(f"{path}?foo=1").status_code == 400
    assert anonymous.get(f"{path}?is_active=false").status_code == 404
    assert anonymous.get(f"{path}?fields=name").json() == {"name": "Lamp"}


@pytest.mark.parametrize("ordering", ["", "price", "-name", "name,-price"])
def test_the_first_page_leads_on(anonymous, acme, ordering):
    slugs = [add(f"p{n}", price=1 + n % 2).slug for n in range(7)]
    seen, url = [], f"/api/products/?page_size=2&fields=slug&ordering={ordering}"
    first = url
    while url:
        page = anonymous.get(url).json()
        seen += [row["slug"] for row in page["results"]]
        back, url = page["previous"], page["next"]
    assert sorted(seen) == slugs
    assert seen == listed(anonymous, f"?ordering={ordering}")
    while back:
        page = anonymous.get(back).json()
        back = page["previous"]
    assert page["results"] == anonymous.get(first).json()["results"]


def test_nothing_is_built_for_what_was_asked_before(anonymous, acme, settings, monkeypatch):
    settings.CACHED_QUERIES = False
    product = add()
    paths = ("/api/products/", f"/api/products/{product.pk}/", "/api/categories/")
    for path in paths:
        anonymous.get(path)
    monkeypatch.setattr(reading, "_read", None)  # what builds them
    for path in paths:
        assert count_queries(partial(anonymous.get, path)) == 1
        assert anonymous.get(path).status_code == 200


def test_what_callers_choose_is_remembered_within_bounds():
    fields = ProductSerializer.Meta.fields
    for chosen in islice(combinations(fields, 3), 300):
        columns_of(ProductSerializer, frozenset(chosen))
    assert columns_of.cache_info().currsize < 300
