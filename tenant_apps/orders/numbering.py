"""Order numbers: 1001, 1002, ... in each tenant, without gaps."""

from django.apps import apps
from django.db import connection

FIRST_NUMBER = 1001


def write_first_number() -> None:
    """Write the counter's row to the template schema; safe to repeat."""
    apps.get_model("orders", "OrderCounter").objects.get_or_create(
        pk=1, defaults={"last": FIRST_NUMBER - 1}
    )


def next_number() -> int:
    """Return the next number; the counter stays locked until the caller's transaction ends.

    Take it last: every other order of the tenant waits for it.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_ordercounter SET last = last + 1 WHERE id = 1 RETURNING last")
        [number] = cursor.fetchone()
    return int(number)
