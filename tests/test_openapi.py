"""The OpenAPI documents: valid, complete, each host's own."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from drf_spectacular.validation import validate_schema

from config.embedded import free_port
from config.openapi import NOT_BLANK
from config.openapi_documents import OneDocument
from shared_apps.tenants.deeds import SIGNING_PATHS
from tests.api import Api
from tests.stack.running import Http, web

# Its refusals are RFC 6749's.
OAUTH = "/api/auth/token/"
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


def test_every_operation_has_an_id_of_its_own_and_says_what_it_does(host):
    found = operations(host)
    assert len(found) >= 3
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(set(ids)) == len(ids)
    for told in ("summary", "description"):
        assert [(m, p) for m, p, operation in found if not operation.get(told)] == []


def test_operations_are_named_as_a_program_calls_them(acme):
    names = {operation["operationId"] for _, _, operation in operations("acme.localhost")}
    of_lists = {"list_products", "list_categories", "list_sessions", "create_api_key"}
    of_one = {"read_category", "replace_product", "change_role", "delete_role", "delete_session"}
    assert of_lists | of_one | {"place_order", "pay_order", "rotate_api_key"} <= names
    assert [name for name in names if re.search(r"_(create|list|retrieve|update)$", name)] == []


def test_each_host_documents_its_own_routes_only(acme):
    public = {path for _, path, _ in operations("localhost")}
    tenant = {path for _, path, _ in operations("acme.localhost")}
    assert not public & tenant
    assert "/api/signup/" in public
    assert {"/api/orders/", "/api/products/{id}/favorite/", "/api/imports/"} <= tenant


def test_every_status_that_a_request_may_meet_is_told(host):
    for method, path, operation in operations(host):
        taken = {each["name"] for each in operation.get("parameters", [])}
        of_tenant = host != "localhost"
        changes = of_tenant and method != "get" and path not in SIGNING_PATHS
        due = {
            "304": "If-None-Match" in taken,
            "402": changes,
            "403": of_tenant,
            "404": "{" in path or "cursor" in taken,
            "409": changes,
            "412": "If-Match" in taken,
            "413": "requestBody" in operation,
            "415": "requestBody" in operation,
            "422": "Idempotency-Key" in taken,
        }
        told = set(operation["responses"])
        assert {status for status, is_due in due.items() if is_due} <= told, (method, path)


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


def resolved(found: Any, node: Any) -> Any:
    while "$ref" in node:
        *_, group, name = node["$ref"].split("/")
        node = found["components"][group][name]
    return node


def test_every_refusal_is_documented_in_the_one_format(host):
    found = document(host)
    for method, path, operation in operations(host):
        statuses = {int(status) for status in operation["responses"]}
        assert {400, 406, 429, 500, 503} <= statuses, (method, path)
        assert any(status < 300 for status in statuses), (method, path)
        assert (401 in statuses) is (
            any(operation.get("security", []))
            or path in ("/api/auth/login/", "/api/auth/refresh/", OAUTH)
        ), (method, path)
        for status, refusal in operation["responses"].items():
            if path == OAUTH and status in ("400", "401"):
                assert set(
                    resolved(
                        found, resolved(found, refusal)["content"]["application/json"]["schema"]
                    )["properties"]
                ) == {"error", "error_description"}
            elif int(status) >= 400:
                content = resolved(found, refusal)["content"]
                assert content["application/json"]["schema"] == {
                    "$ref": "#/components/schemas/Error"
                }


def test_what_takes_a_tag_tells_that_it_answers_with_one(acme):
    found = [
        (method, path, operation["responses"])
        for method, path, operation in operations("acme.localhost")
        if {"If-Match", "If-None-Match"} & {p["name"] for p in operation.get("parameters", [])}
    ]
    assert {"get", "put", "patch", "delete"} == {method for method, _, _ in found}
    for method, path, answers in found:
        assert ("ETag" in answers.get("200", {}).get("headers", {})) is (method != "delete"), path
        assert ("412" in answers) is (method != "get")


def test_signing_in_is_optional_where_the_portal_may_let_anyone_read(acme):
    optional = {
        (method, path)
        for method, path, operation in operations("acme.localhost")
        if {} in operation.get("security", []) and any(operation["security"])
    }
    lists = ("/api/products/", "/api/categories/")
    assert optional == {("get", path) for each in lists for path in (each, f"{each}{{id}}/")} | {
        ("get", "/api/products/popular/"),
        ("get", "/api/products/{id}/image/"),
    }


def test_operations_name_the_scope_that_an_api_key_needs(acme):
    scopes = {
        f"{method} {path}": each["api_key"]
        for method, path, operation in operations("acme.localhost")
        for each in operation.get("security", [])
        if "api_key" in each
    }
    assert scopes["get /api/products/{id}/"] == ["products:read"]
    assert scopes["post /api/orders/{id}/refund/"] == ["orders:write"]
    assert "get /api/users/" not in scopes


def test_bodies_tell_that_unknown_fields_are_refused(host):
    found = document(host)
    bodies = [
        operation["requestBody"]
        for _, path, operation in operations(host)
        if "requestBody" in operation and path != OAUTH  # RFC 6749: they are ignored there
    ]
    assert bodies
    for body in bodies:
        for content in body["content"].values():
            assert resolved(found, content["schema"])["additionalProperties"] is False


@pytest.mark.parametrize("blank", ["\x1c", "\x1f", "\x85"])
def test_what_python_takes_for_blank_the_documents_do_too(blank):
    assert not blank.strip()
    assert not re.search(NOT_BLANK, blank, re.ASCII)  # JSON Schema has another \s
    assert re.search(NOT_BLANK, f"{blank}a", re.ASCII)


def test_pages_tell_what_follows_the_last(acme):
    page = document("acme.localhost")["components"]["schemas"]["PaginatedProductList"]
    assert page["required"] == ["next", "previous", "results"]
    assert page["properties"]["next"]["type"] == ["string", "null"]


def test_a_change_answers_with_every_field_the_document_requires(owner):
    product = owner.post("/api/products/", {"name": "L", "slug": "l", "price": "1"}).json()
    changed = owner.patch(f"/api/products/{product['id']}/", {"stock": 1}).json()
    assert set(changed) == set(product)


def test_first_requests_for_both_documents_at_once_are_all_answered(portal, tmp_path):
    tenant, port = portal(), free_port()
    hosts = ["localhost", tenant.primary_host] * 4
    with web(port, tmp_path / "log"), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda host: Http(port, host).get("/api/schema/"), hosts))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 2


def test_a_document_is_made_once_a_process(host):
    first, second = (OneDocument(urlconf=HOSTS[host]).get_schema() for _ in range(2))
    assert first is second


def test_a_list_that_must_not_be_sent_empty_may_become_so(acme):
    schemas = document("acme.localhost")["components"]["schemas"]
    assert schemas["InvitationRequest"]["properties"]["roles"]["minItems"] == 1
    assert "minItems" not in schemas["Invitation"]["properties"]["roles"], "a role was deleted"
