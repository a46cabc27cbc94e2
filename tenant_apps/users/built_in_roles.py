"""The roles every tenant has, in one table; the template schema is made from it.

Ids are fixed and small; roles that a tenant makes itself start at ``FIRST_OWN_ID``, so that a
later built-in role never meets one of theirs.
"""

from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.models import Q

FIRST_OWN_ID = 1000
FIRST_OWN_RANK = 10

_CATALOGUE = (
    *("products.view_product", "products.add_product", "products.change_product"),
    *("products.delete_product", "products.view_category", "products.add_category"),
    *("products.change_category", "products.delete_category", "products.import_catalogue"),
)
_ORDERS = ("orders.view_order", "orders.change_order")
_PEOPLE = (
    *("users.view_user", "users.add_user", "users.change_user", "users.invite_user"),
    *("users.view_role", "users.add_role", "users.change_role", "users.delete_role"),
    *("users.view_portalsettings", "users.change_portalsettings", "history.view_change"),
    "users.manage_apikey",
)
_JOBS = ("integrations.view_job",)

# code: (id, rank, description, permissions)
BUILT_IN_ROLES: dict[str, tuple[int, int, str, tuple[str, ...]]] = {
    "owner": (
        *(1, 100, "Everything, including the contract."),
        ("users.open_admin", "orders.refund_order", *_PEOPLE, *_CATALOGUE, *_ORDERS, *_JOBS),
    ),
    "admin": (
        *(2, 80, "People, roles, catalogue and orders."),
        ("users.open_admin", "orders.refund_order", *_PEOPLE, *_CATALOGUE, *_ORDERS, *_JOBS),
    ),
    "manager": (
        *(3, 60, "Catalogue and orders, refunds included."),
        ("users.open_admin", "orders.refund_order", *_CATALOGUE, *_ORDERS, *_JOBS),
    ),
    "staff": (
        *(4, 40, "Daily work with the catalogue and orders."),
        ("users.open_admin", *(p for p in _CATALOGUE if ".delete_" not in p), *_ORDERS, *_JOBS),
    ),
    "customer": (5, 20, "Reads the catalogue, places and reads their own orders.", ()),
}


# What any role may hold; nothing of the shared apps is ever in it.
GRANTABLE = frozenset(code for *_, codes in BUILT_IN_ROLES.values() for code in codes)


def grantable(permissions: Any, user: Any) -> Any:
    """Narrow a queryset of permissions to those that ``user`` may put into a role."""
    allowed = Q()
    for code in sorted(GRANTABLE & user.get_all_permissions()):
        app_label, _, codename = code.partition(".")
        allowed |= Q(content_type__app_label=app_label, codename=codename)
    return permissions.filter(allowed) if allowed else permissions.none()


def write_built_in_roles() -> None:
    """Write the table to the schema of the active owner scope; safe to repeat.

    Raises:
        LookupError: the table names a permission that no model declares.

    """
    role_model = apps.get_model("users", "Role")
    permission_model = apps.get_model("auth", "Permission")
    known = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in permission_model.objects.select_related("content_type")
    }
    for code, (pk, rank, description, codes) in BUILT_IN_ROLES.items():
        if missing := set(codes) - set(known):
            raise LookupError(f"Role {code} names unknown permissions: {sorted(missing)}")
        role, _ = role_model.objects.update_or_create(
            pk=pk,
            defaults={
                "name": code.capitalize(),
                "code": code,
                "rank": rank,
                "description": description,
            },
        )
        role.permissions.set([known[c] for c in codes])
    with connections[router.db_for_write(role_model)].cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('auth_group', 'id'), %s, false)"
            " WHERE (SELECT last_value FROM auth_group_id_seq) < %s",
            [FIRST_OWN_ID, FIRST_OWN_ID],
        )
