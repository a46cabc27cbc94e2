"""The OpenAPI documents: valid, complete, each host's own."""

import re
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from drf_spectacular.validation import validate_schema

from tests.api import Api

HOSTS = {"acme.localhost": "config.urls_tenant", "localhost": "config.urls_public"}


@pytest.fixture(params=HOSTS)
def host(request, acme) -> str:
    return request.param


def document(host: str) -> Any:
    answer = Api(host).get("/api/schema/")
    assert answer.status_code == 200
    return yaml.safe_load(answer.content)


def operations(host: str) -> list[tuple[str, str, Any]]:
    return [
        (method, path, operation)
        for path, methods in document(host)["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_valid_openapi_3_1(host):
    found = document(host)
    assert found["openapi"].startswith("3.1")
    validate_schema(found)


def test_it_is_made_without_a_warning(host, tmp_path):
    call_command(
        "spectacular",
        urlconf=HOSTS[host],
        file=str(tmp_path / "schema.yaml"),
        validate=True,
        fail_on_warn=True,
    )


def test_every_operation_has_an_id_and_a_summary_of_its_own(host):
    found = operations(host)
    assert len(found) >= 3
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(set(ids)) == len(ids)
    unnamed = [(m, p) for m, p, operation in found if not operation.get("summary")]
    assert unnamed == []


def test_each_host_documents_its_own_routes_only(acme):
    public = {path for _, path, _ in operations("localhost")}
    tenant = {path for _, path, _ in operations("acme.localhost")}
    assert not public & tenant
    assert "/api/signup/" in public
    assert {"/api/orders/", "/api/products/{id}/favorite/", "/api/imports/"} <= tenant


def test_the_docs_pages_load_nothing_from_elsewhere(host):
    api = Api(host)
    page = api.get("/api/docs/")
    assert page.status_code == 200
    script = api.get("/api/docs/?script=")
    assert script.status_code == 200
    text = page.content.decode() + script.content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assets = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
    assert len(assets) >= 3
    assert all(finders.find(asset) for asset in assets)
