"""A canary in every text column of a tenant: wherever it turns up, that tenant's data did."""

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from guardian.shortcuts import assign_perm

from shared_apps.tenants.active import ActiveTenant
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.files.models import StoredFile
from tenant_apps.files.pictures import Picture
from tenant_apps.history.models import Change
from tenant_apps.integrations.models import Job, KeptAnswer, OutboxEntry
from tenant_apps.orders.placing import place_order
from tenant_apps.products.models import Category, Product
from tenant_apps.users.api_keys.issuing import issue
from tenant_apps.users.invitations.inviting import invite
from tenant_apps.users.models import PortalSettings, Role, User
from tenant_apps.users.tokens import open_login
from tests.api import PASSWORD

# Columns that hold no text of a tenant's, and why.
BARE = {
    "cached_generations.tokens": "random",
    "django_migrations.app": "the template's rows",
    "django_migrations.name": "the template's rows",
    "django_content_type.app_label": "the template's rows",
    "django_content_type.model": "the template's rows",
    "auth_permission.name": "the template's rows",
    "auth_permission.codename": "the template's rows",
    "users_user.password": "a hash",
    "users_role.code": "of the built-in roles",
    "users_portalsettings.currency": "a currency's code",
    "users_portalsettings.colour": "a colour",
    "users_portalsettings.language": "a language's code",
    "users_portalsettings.time_zone": "a zone's name",
    "users_portalsettings.catalogue_readers": "a choice",
    "users_invitation.digest": "a digest",
    "users_refreshfamily.current": "a digest",
    "users_apikey.digest": "a digest",
    "users_apikey.scopes": "a choice",
    "users_apikey.addresses": "networks",
    "users_refreshfamily.previous": "a digest",
    "integrations_outboxentry.kind": "names code",
    "integrations_keptanswer.digest": "a digest",
    "integrations_job.language": "a language's code",
    "integrations_job.kind": "names code",
    "integrations_job.status": "a choice",
    "orders_order.status": "a choice",
    "orders_order.currency": "a currency's code",
    "files_storedfile.content": "a random name",
}


def mark_of(tenant: ActiveTenant) -> str:
    """Return the tenant's canary."""
    return f"canary-of-{tenant.primary_host.partition('.')[0]}"


def plant(tenant: ActiveTenant) -> dict[str, str]:
    """Put the canary into every text of ``tenant``; return the ids of what the API knows."""
    mark = mark_of(tenant)
    with tenant_scope(tenant):
        ids = _shop(mark)
        _people(mark, ids["products"])
        _background(mark)
        return ids


def _shop(mark: str) -> dict[str, str]:
    owner = User.objects.get()
    schema = {mark: {"type": "text"}}
    shelf = Category.objects.create(name=f"Shelf {mark}", slug=mark, attribute_schema=schema)
    product = Product.objects.create(
        name=f"Lamp {mark}",
        slug=mark,
        sku=mark,
        description=mark,
        price=2,
        stock=10**6,
        category=shelf,
        attributes={mark: mark},
        tags=[mark],
        image_url=f"https://pictures.example/{mark}.png",
    )
    product.show_picture(Picture(f"{mark}.txt", f"content {mark}".encode(), f"text/{mark}"))
    order = place_order(user=owner, items=[(product.pk, 1)])
    job = Job.objects.create(
        kind="catalogue_import",
        filename=mark,
        content=mark.encode(),
        refusals=[{"line": 1, "handle": mark, "reason": mark}],
        error=mark,
        status="failed",
    )
    return {
        "products": str(product.pk),
        "categories": str(shelf.pk),
        "orders": str(order.pk),
        "imports": str(job.pk),
        "files": str(StoredFile.objects.get().pk),
    }


def _people(mark: str, product: str) -> None:
    settings = PortalSettings.objects.get()
    settings.name = mark
    settings.store()
    User.objects.update(name=mark)
    customer = User.objects.create_member(f"{mark}@x.example", PASSWORD, role="customer", name=mark)
    own = Role.objects.create(name=mark, description=mark)
    owner = User.objects.get(email__startswith="owner@")
    open_login(owner, user_agent=mark)
    issue(acting=owner, name=mark, role=own, scopes=["products:read"])
    invite(acting=owner, email=f"guest-{mark}@x.example", roles=[own])
    # A grant on one object, to a person and to a role, in guardian's own tables, too.
    for receiver in (customer, own):
        assign_perm("change_product", receiver, Product.objects.get(pk=product))
        assign_perm("view_job", receiver, Job.objects.get())
    connection.cursor().execute(
        "UPDATE guardian_userobjectpermission SET object_pk = %s;"
        "UPDATE guardian_groupobjectpermission SET object_pk = %s",
        [mark, mark],
    )


def _background(mark: str) -> None:
    OutboxEntry.objects.update(last_error=mark)
    OutboxEntry.objects.create(kind="users.confirm_email", payload={mark: mark}, last_error=mark)
    KeptAnswer.objects.create(
        user=User.objects.first(), key=mark, digest="d", status=201, body=mark, location=mark
    )
    LogEntry.objects.create(
        user=User.objects.first(),
        content_type=ContentType.objects.get_for_model(Product),
        object_id=mark,
        object_repr=mark,
        change_message=mark,
        action_flag=1,
    )
    Change.objects.create(
        content_type=ContentType.objects.get_for_model(Product),
        object_pk=mark,
        object_repr=mark,
        action=Change.Action.UPDATE,
        changes={"name": [mark, mark]},
        actor_email=mark,
        cid=mark,
    )
    session = SessionStore()
    session[mark] = mark
    session.save()
    session.model.objects.update(
        session_key=Value(mark), session_data=Concat(F("session_data"), Value(mark))
    )


def columns_without(tenant: ActiveTenant) -> set[str]:
    """Return the tenant's text columns in which no row holds its canary."""
    mark = mark_of(tenant)
    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = %s AND data_type IN"
            " ('text', 'character varying', 'character', 'jsonb', 'json', 'ARRAY', 'bytea')",
            [tenant.schema_name],
        )
        columns = cursor.fetchall()
        without = set()
        for table, column, kind in columns:
            text = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
            cursor.execute(f"SELECT 1 FROM {table} WHERE {text} LIKE %s LIMIT 1", [f"%{mark}%"])
            if cursor.fetchone() is None:
                without.add(f"{table}.{column}")
    return without
