"""Once a commit has been acknowledged, nothing older is served: at every point of both sides."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.cached import generations
from tenant_apps.cached.queries import CachedAnswers
from tenant_apps.products.models import Category, Product
from tenant_apps.users.models import User
from tests.cached.stepping import close_elsewhere, elsewhere, stepped

PRICES = CachedAnswers("tests.prices", [Product])
SHELVES = CachedAnswers("tests.shelves", [Category])


@pytest.fixture
def tenant(portal):
    """Run the test in a portal of its own, with one product."""
    shared().flushdb()
    opened = portal()
    with tenant_scope(opened):
        Product.objects.create(name="Lamp", slug="lamp", price=1)
        yield opened
    close_elsewhere()


def prices() -> str:
    """Return the prices as the cache has them."""
    content, _how = PRICES.get("all", prices_now)
    return content.decode()


def prices_now() -> bytes:
    found = Product.objects.order_by("slug").values_list("price", flat=True)
    return " ".join(f"{price:.0f}" for price in found).encode()


def how() -> str:
    return PRICES.get("all", prices_now)[1]


def tokens() -> dict[str, str]:
    return generations.present()


def raise_price() -> None:
    product = Product.objects.get(slug="lamp")
    product.price += 1
    product.save(update_fields=["price"])


def by_raw_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_product SET price = price + 1")


def by_sql_of_two_statements() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; UPDATE products_product SET price = price + 1")


def by_sql_with_a_table_of_its_own() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH changed AS (UPDATE products_product SET price = price + 1 RETURNING 1)"
            " SELECT count(*) FROM changed"
        )


def by_many() -> None:
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE products_product SET price = %s", [[3], [4]])


def by_copy() -> None:
    made = Product.objects.get()
    with transaction.atomic(), connection.cursor() as cursor:
        columns = "id, name, slug, sku, description, price, stock, attributes, tags, image_url"
        columns += ", is_active, views, created_at, updated_at"
        with cursor.copy(f"COPY products_product ({columns}) FROM STDIN") as copy:
            texts = [uuid7(), "L", "copied", "", "", 9, 0, "{}", "{}", ""]
            copy.write_row([*texts, True, 0, made.created_at, made.updated_at])


def in_bulk() -> None:
    Product.objects.bulk_create([Product(name=n, slug=n, price=1) for n in ("a", "b")])


def changed_in_bulk() -> None:
    product = Product.objects.get()
    product.price = Decimal(7)
    Product.objects.bulk_update([product], ["price"])


WRITERS = {
    "save": raise_price,
    "update": lambda: Product.objects.update(price=5),
    "delete": lambda: Product.objects.all().delete(),
    "bulk_create": in_bulk,
    "bulk_update": changed_in_bulk,
    "get_or_create": lambda: Product.objects.get_or_create(
        slug="new", defaults={"name": "N", "price": 1}
    ),
    "raw SQL": by_raw_sql,
    "two statements": by_sql_of_two_statements,
    "WITH": by_sql_with_a_table_of_its_own,
    "executemany": by_many,
    "COPY": by_copy,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_whoever_writes_how_ever_the_next_reader_sees_it(tenant, write, in_transaction):
    assert (prices(), how()) == ("1", "hit")
    if in_transaction:
        with transaction.atomic():
            write()
    else:
        write()
    assert how() == "miss"
    assert prices() == prices_now().decode() != "1"


def test_what_is_rolled_back_renews_nothing(tenant):
    prices()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise_price()
        raise ZeroDivisionError
    Category.objects.create(name="Shelf", slug="shelf")
    assert (how(), prices()) == ("hit", "1")


def test_what_is_written_elsewhere_renews_nothing(tenant):
    SHELVES.get("all", lambda: b"none")
    prices()
    raise_price()
    assert SHELVES.get("all", lambda: b"none") == (b"none", "hit")


def test_a_neighbour_has_generations_and_answers_of_its_own(tenant, portal):
    prices()
    neighbour = portal()
    with tenant_scope(neighbour):
        assert (prices(), how()) == ("", "hit")
        Product.objects.create(name="Desk", slug="desk", price=8)
    assert (how(), prices()) == ("hit", "1")
    with tenant_scope(neighbour):
        assert prices() == "8"


def test_a_transaction_sees_its_own_writes_and_shows_them_to_nobody(tenant):
    prices()
    with transaction.atomic():
        raise_price()
        assert PRICES.get("all", prices_now) == (b"2", "bypass")
        assert elsewhere(in_scope(tenant, prices)) == "1"
    assert prices() == "2"


def in_scope(tenant, work):
    """Return ``work`` as another thread can run it."""

    def run():
        with tenant_scope(tenant):
            return work()

    return run


def lose_everything() -> None:
    shared().flushdb()


def lose_the_lease() -> None:
    shared().delete(generations.lease_key())


def nothing() -> None:
    pass


def leased_only() -> None:
    prices()
    for key in shared().scan_iter("cached:*"):
        if key.decode() != generations.lease_key():
            shared().delete(key)


def stored_only() -> None:
    prices()
    lose_the_lease()


STATES = {
    "empty": lose_everything,
    "leased": leased_only,
    "stored": stored_only,
    "leased and stored": prices,
}
LOSSES = {"nothing": nothing, "the lease": lose_the_lease, "everything": lose_everything}
# From anywhere with nothing lost, and from where most is there with each loss; soak: all of them.
CASES = [
    pytest.param(
        state,
        loss,
        id=f"{before}, {lost} lost",
        marks=[] if lost == "nothing" or before == "leased and stored" else [pytest.mark.soak],
    )
    for before, state in STATES.items()
    for lost, loss in LOSSES.items()
]


@pytest.mark.parametrize(("state", "loss"), CASES)
def test_a_writer_at_any_line_of_a_reader(tenant, state, loss):
    line = lines = 1
    while line <= lines:
        state()
        before = prices_now().decode()

        def meanwhile():
            raise_price()
            loss()

        seen, lines = stepped(prices, line, in_scope(tenant, meanwhile))
        now = prices_now().decode()
        assert int(now) == int(before) + (line <= lines)
        assert seen in (before, now)
        assert [prices(), prices()] == [now, now], f"after line {line}"
        line += 1
    assert lines > 10


@pytest.mark.parametrize(("state", "loss"), CASES)
def test_a_reader_at_any_line_of_a_writer(tenant, state, loss):
    line = lines = 1
    while line <= lines:
        state()

        def meanwhile():
            loss()
            before = prices_now().decode()
            assert [prices(), prices()] == [before, before]

        _none, lines = stepped(raise_price, line, in_scope(tenant, meanwhile))
        now = prices_now().decode()
        assert [prices(), prices()] == [now, now], f"after line {line}"
        line += 1
    assert lines > 10


def test_what_is_watched_is_known_before_anything_is_written():
    with pytest.raises(RuntimeError, match=r"every process imports it: .'users_user'"):
        CachedAnswers("tests.late", [Product, User])
