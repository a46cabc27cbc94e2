"""A Python client, generated from the documents as they are served, at work."""

import importlib
import os
import re
import runpy
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import yaml
from django.db import connections

from config.embedded import free_port
from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Category, Product
from tests.api import PASSWORD
from tests.conftest import open_portal
from tests.files.pictures import picture
from tests.stack.running import BIN, ROOT, Http, web

DOCS = ROOT / "docs" / "api.md"
CONFIG = ROOT / "docs" / "python-client.yaml"
HOSTS = {"tenant": "tinker.localhost", "public": "localhost"}
OWNER = "owner@tinker.example"


@dataclass
class Generated:
    """A client's package, what was said as it was made, and where its server listens."""

    package: str
    host: str
    said: str
    document: Any
    port: int

    def __getattr__(self, name: str) -> Any:
        """Import a function of the API or a model."""
        for folder in ("models", "types", "client"):
            module = importlib.import_module(f"{self.package}.{folder}")
            if hasattr(module, name):
                return getattr(module, name)
        tags = [
            operation["tags"][0].replace("-", "_")
            for methods in self.document["paths"].values()
            for operation in methods.values()
            if operation["operationId"] == name
        ]
        return importlib.import_module(f"{self.package}.api.{tags[0]}.{name}")

    def client(self, token: str = "") -> Any:
        """Return a client, to be used in a `with`."""
        made = self.AuthenticatedClient if token else self.Client
        return made(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Host": self.host},
            raise_on_unexpected_status=True,
            **({"token": token} if token else {}),
        )


def generate(kind: str, port: int, folder: Path) -> Generated:
    served = Http(port, HOSTS[kind]).get("/api/schema/")
    file = folder / f"{kind}.yaml"
    file.write_bytes(served.body)
    package = f"{kind}_client"
    done = subprocess.run(
        [
            *(str(BIN / "openapi-python-client"), "generate", "--path", str(file)),
            *("--output-path", str(folder / package), "--meta", "none", "--config", str(CONFIG)),
        ],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},  # it calls ruff
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return Generated(package, HOSTS[kind], said, yaml.safe_load(served.body), port)


@pytest.fixture(scope="module")
def generated(django_db_setup, django_db_blocker, tmp_path_factory):
    """Run the web server for a portal with a catalogue; generate both clients."""
    folder = tmp_path_factory.mktemp("clients")
    with django_db_blocker.unblock():
        tenant = open_portal("tinker")
        with tenant_scope(tenant):
            lamps = Category.objects.create(name="Lamps", slug="lamps")
            lamps.attribute_schema = {"color": {"type": "text"}}
            lamps.save()
            for n in range(1, 6):
                color = "red" if n < 3 else "blue"
                Product.objects.create(
                    name=f"Lamp {n}",
                    slug=f"lamp-{n}",
                    price=10 * n,
                    stock=9,
                    category=lamps,
                    attributes={"color": color},
                )
        for connection in connections.all():
            connection.close()
    port = free_port()
    sys.path.insert(0, str(folder))
    with web(port, folder / "web"):
        yield {kind: generate(kind, port, folder) for kind in HOSTS}
    sys.path.remove(str(folder))


@pytest.fixture
def api(generated):
    return generated["tenant"]


@pytest.fixture
def owner(api):
    """Sign in through the client."""
    with api.client() as visitor:
        pair = api.login.sync(client=visitor, body=api.LoginRequest(email=OWNER, password=PASSWORD))
    with api.client(pair.access) as client:
        yield client


@pytest.mark.parametrize("kind", HOSTS)
def test_it_is_generated_without_a_warning_and_has_every_operation(generated, kind):
    made = generated[kind]
    assert re.fullmatch(rf"Generating \S+{kind}_client\s*", made.said), made.said
    operations = [
        operation for methods in made.document["paths"].values() for operation in methods.values()
    ]
    assert len(operations) >= {"tenant": 70, "public": 3}[kind]
    for operation in operations:
        module = getattr(made, operation["operationId"])
        assert callable(module.sync_detailed), module
        assert callable(module.asyncio_detailed), module


def test_it_lists_filters_searches_and_pages(api, owner):
    listed = api.list_products.sync
    first = listed(client=owner, page_size=2, ordering="price")
    assert [product.name for product in first.results] == ["Lamp 1", "Lamp 2"]
    [cursor] = parse_qs(urlsplit(first.next_).query)["cursor"]
    second = listed(client=owner, page_size=2, ordering="price", cursor=cursor)
    assert [product.name for product in second.results] == ["Lamp 3", "Lamp 4"]
    dear = listed(client=owner, price_min="40")
    assert {product.name for product in dear.results} == {"Lamp 4", "Lamp 5"}
    assert [p.name for p in listed(client=owner, search="lamp 3").results] == ["Lamp 3"]
    red = api.ListProductsAttributes.from_dict({"attributes.color": "red"})
    found = listed(client=owner, attributes=red, ordering="name").results
    assert [product.attributes["color"] for product in found] == ["red", "red"]


def test_it_creates_reads_changes_and_deletes(api, owner):
    attributes = api.ProductRequestAttributes.from_dict({"beams": [1, {"wide": True}]})
    body = api.ProductRequest(
        name="Trail lamp", slug="trail-lamp", price="49.90", attributes=attributes
    )
    lamp = api.create_product.sync(client=owner, body=body)
    assert isinstance(lamp, api.Product)
    assert (lamp.price, lamp.category_name) == ("49.90", None)
    assert lamp.attributes.to_dict() == attributes.to_dict()
    read = api.read_product.sync_detailed(lamp.id, client=owner)
    assert read.parsed.slug == "trail-lamp"
    change = {"client": owner, "body": api.PatchedProductRequest(stock=3)}
    tag = read.headers["ETag"]
    assert api.change_product.sync(lamp.id, if_match=tag, **change).stock == 3
    lost = api.change_product.sync(lamp.id, if_match=tag, **change)
    assert lost.errors[0].code == "precondition_failed"
    assert api.delete_product.sync_detailed(lamp.id, client=owner).status_code == 204


def test_it_sends_and_reads_a_picture(api, owner):
    lamp = api.list_products.sync(client=owner, search="lamp 1").results[0]
    file = api.File(payload=BytesIO(picture()), file_name="lamp.png", mime_type="image/png")
    body = api.PictureRequest(file=file)
    assert api.put_picture.sync(lamp.id, client=owner, body=body).image
    assert api.read_picture.sync(lamp.id, client=owner).payload.read(4) == b"\x89PNG"


def test_it_places_one_order_with_a_key_that_is_sent_twice(api, owner):
    lamp = api.list_products.sync(client=owner, search="lamp 5").results[0]
    body = api.PlaceOrderRequest(items=[api.OrderLineRequest(product=lamp.id, quantity=2)])
    first, again = (
        api.place_order.sync_detailed(client=owner, body=body, idempotency_key="cart-1")
        for _ in range(2)
    )
    order = first.parsed
    assert isinstance(order, api.Order)
    assert (Decimal(order.total), order.status) == (100, api.OrderStatusEnum.PENDING)
    assert again.parsed == order
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.read_order.sync(order.id, client=owner) == order
    assert api.cancel_order.sync(order.id, client=owner).status == "cancelled"
    placed = api.list_orders.sync(client=owner).results
    assert [each.id for each in placed if each.items[0].product == lamp.id] == [order.id]


def test_the_example_of_the_docs_places_an_order(api, owner, tmp_path):
    [example] = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    where = f'"http://127.0.0.1:{api.port}", headers={{"Host": "{api.host}"}}'
    code = example.replace('"https://acme.example.com"', where)
    code = code.replace("portal_client", api.package)
    lamp = api.list_products.sync(client=owner, search="lamp 4").results[0]
    program, names = tmp_path / "program.py", {"key": owner.token, "product": lamp.id}
    program.write_text(code)
    order = runpy.run_path(str(program), names)["order"]
    assert [item.product for item in order.items] == [lamp.id]
    program.write_text(code.replace("cart-4711", "other"))
    with pytest.raises(SystemExit, match="product_not_on_sale"):
        runpy.run_path(str(program), names | {"product": uuid4()})


def test_it_reads_refusals(api, owner):
    refused = api.create_product.sync(
        client=owner, body=api.ProductRequest(name=" ", slug="x", price="1")
    )
    assert isinstance(refused, api.Error)
    assert refused.type_ == api.ErrorType.VALIDATION_ERROR
    [why] = refused.errors
    assert isinstance(why, api.ErrorDetail)
    assert (why.code, why.attr) == ("blank", "name")
    unknown = "01920000-0000-7000-8000-000000000000"
    missing = api.read_product.sync(unknown, client=owner)
    assert isinstance(missing, api.Error)
    assert [(error.code, error.attr) for error in missing.errors] == [("not_found", None)]
    with api.client() as visitor:
        signed_out = api.list_orders.sync(client=visitor)
    assert signed_out.errors[0].code == "not_authenticated"


def test_it_makes_a_key_and_exchanges_it_for_a_token(api, owner):
    admin = next(role for role in api.list_roles.sync(client=owner).results if role.name == "Admin")
    body = api.IssueKeyRequest(
        name="Shop sync", role=admin.id, scopes=[api.ScopesEnum.PRODUCTSREAD]
    )
    issued = api.create_api_key.sync(client=owner, body=body)
    assert isinstance(issued, api.IssuedKey)
    secret = issued.key.rpartition("_")[2]
    form = api.ClientCredentialsRequest(
        grant_type=api.GrantTypeEnum.CLIENT_CREDENTIALS,
        client_id=str(issued.id),
        client_secret=secret,
    )
    with api.client() as visitor:
        token = api.exchange_api_key.sync(client=visitor, body=form)
        form.client_secret = "wrong"
        refused = api.exchange_api_key.sync(client=visitor, body=form)
    assert refused.error == "invalid_client"
    for credential in (issued.key, token.access_token):
        with api.client(credential) as program:
            assert api.list_products.sync(client=program).results
            beyond = api.list_orders.sync(client=program)
        assert beyond.errors[0].code == "insufficient_scope"


def test_the_public_hosts_client_reads_plans(generated):
    made = generated["public"]
    with made.client() as client:
        plans = made.list_plans.sync(client=client)
        taken = made.check_subdomain.sync(client=client, subdomain="tinker")
    assert {plan.code for plan in plans.results} >= {"team", "business"}
    assert taken.available is False
