"""Conditional requests: what is known is not sent again, what changed is not overwritten."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import yaml
from django.db import connection

from shared_apps.tenants.scope import tenant_scope
from tenant_apps.products.models import Category, Product
from tenant_apps.products.tasks import write_views
from tenant_apps.users.models import Role
from tests.api import Api, code
from tests.isolation.test_authorisation import fill
from tests.orders.test_placing import add, place

ONE = ["products", "categories", "orders", "imports", "roles", "users", "api-keys"]
OTHERS = ["settings", "me", "me/sessions", "invitations", "permissions", "grants"]


def read(api: Api, path: str, tag: str = ""):
    return api.get(path, headers={"If-None-Match": tag} if tag else {})


def change(api: Api, path: str, tag: str, body: object = None, method: str = "patch"):
    return api.request(method, path, body, headers=api.headers | {"If-Match": tag})


@pytest.mark.parametrize("path", [*(f"{kind}/{{}}" for kind in ONE), *ONE, *OTHERS])
def test_what_the_caller_has_is_not_sent_again(owner, path):
    ids = fill("mine")
    path = f"/api/{path.format(ids.get(path.split('/')[0], ''))}/"
    if path == "/api/grants/":
        path += f"?kind=product&object={ids['products']}"
    first = read(owner, path)
    assert first.status_code == 200, first.content
    tag = first["ETag"]
    is_list = isinstance(first.json(), list) or "results" in first.json()
    assert tag.startswith('W/"' if is_list else '"')
    again = read(owner, path, tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert again["Cache-Control"] == first["Cache-Control"]
    assert set(again["Vary"].split(", ")) == set(first["Vary"].split(", "))
    assert read(owner, path, f'"x", W/{tag.removeprefix("W/")}').status_code == 304
    assert read(owner, path, "*").status_code == 304
    for other in ('"x"', "x", tag.strip('W/"')):
        assert read(owner, path, other).status_code == 200


def test_another_state_has_another_tag(owner):
    path = f"/api/products/{add().pk}/"
    lists = ["/api/products/", "/api/products/popular/"]
    before = [read(owner, each)["ETag"] for each in (path, *lists)]
    Product.objects.update(price=11)
    for each, tag in zip((path, *lists), before, strict=True):
        answer = read(owner, each, tag)
        assert (answer.status_code, answer["ETag"] == tag) == (200, False)


def test_two_pages_have_two_tags(owner):
    add(), add("rope")
    one = read(owner, "/api/products/?page_size=1")
    assert read(owner, one.json()["next"].partition("localhost")[2], one["ETag"]).status_code == 200


def test_being_looked_at_changes_no_tag(owner):
    path = f"/api/products/{add().pk}/"
    tag = read(owner, path)["ETag"]
    write_views.run()
    again = read(owner, path)
    assert (again["ETag"], again.json()["views"]) == (tag, 1)
    assert read(owner, path, tag).status_code == 304
    write_views.run()
    assert Product.objects.get().views == 3


def test_an_order_that_was_moved_has_another_tag(owner):
    path = f"/api/orders/{place(owner, (add().pk, 1)).json()['id']}/"
    tag = read(owner, path)["ETag"]
    owner.post(f"{path}pay/")
    assert read(owner, path, tag).json()["status"] == "paid"


def test_a_refusal_has_no_tag(owner):
    answer = owner.get("/api/products/00000000-0000-0000-0000-000000000000/")
    assert (answer.status_code, answer.get("ETag")) == (404, None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("products", {"name": "New"}),
        ("categories", {"name": "New"}),
        ("roles", {"name": "New"}),
        ("users", {"name": "New"}),
        ("settings", {"name": "New"}),
        ("me", {"name": "New"}),
    ],
)
def test_a_change_of_what_was_read_is_made_and_one_of_something_older_is_not(owner, path, body):
    key = fill("mine").get(path)
    path = f"/api/{path}/{key}/" if key and path != "me" else f"/api/{path}/"
    tag = read(owner, path)["ETag"]
    made = change(owner, path, f'"x", {tag}', body)
    assert (made.status_code, made.json()["name"]) == (200, "New")
    late = change(owner, path, tag, {"name": "Late"})
    assert (late.status_code, code(late)) == (412, "precondition_failed")
    assert owner.get(path).json()["name"] == "New"
    assert change(owner, path, "*", {"name": "Any"}).json()["name"] == "Any"


@pytest.mark.parametrize("path", ["products", "categories", "roles", "users", "settings", "me"])
def test_a_change_answers_with_the_tag_of_what_it_made_so_that_the_next_needs_no_reading(
    owner, path
):
    key = fill("mine")[path] if path in ONE else ""
    path = f"/api/{path}/{key}/" if key else f"/api/{path}/"
    tag = owner.patch(path, {"name": "First"})["ETag"]
    assert read(owner, path)["ETag"] == tag
    second = change(owner, path, tag, {"name": "Second"})
    assert (second.status_code, read(owner, path, second["ETag"]).status_code) == (200, 304)
    refused = change(owner, path, tag, {"name": "Third"})
    assert (refused.status_code, refused.get("ETag")) == (412, None)


def test_what_changes_something_else_than_it_answers_has_no_tag(owner):
    ids = fill("mine")
    roles = {"roles": [ids["roles"]]}
    answers = [
        owner.request("put", f"/api/users/{ids['users']}/roles/", roles),
        owner.post(f"/api/products/{ids['products']}/favorite/"),
    ]
    assert [(answer.status_code, answer.get("ETag")) for answer in answers] == [(200, None)] * 2


def test_a_change_is_answered_whatever_the_caller_has_already(owner):
    headers = owner.headers | {"If-None-Match": "*"}
    answer = owner.patch("/api/me/", {"name": "New"}, headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "New")


def test_replacing_answers_with_the_tag_too(owner):
    path = f"/api/categories/{Category.objects.create(name='Shelf', slug='s').pk}/"
    put = change(owner, path, "*", {"name": "Other", "slug": "o"}, "put")
    assert read(owner, path)["ETag"] == put["ETag"]


def test_what_cannot_be_read_alone_has_no_tag_to_match(owner):
    login = owner.get("/api/me/sessions/").json()["results"][0]["id"]
    assert change(owner, f"/api/me/sessions/{login}/", '"x"', method="delete").status_code == 204
    document = yaml.safe_load(owner.get("/api/schema/").content)
    delete = document["paths"]["/api/me/sessions/{id}/"]["delete"]
    assert [each["name"] for each in delete["parameters"]] == ["id"]


def test_replacing_and_deleting_take_the_condition_too(owner):
    path = f"/api/categories/{Category.objects.create(name='Shelf', slug='s').pk}/"
    tag = read(owner, path)["ETag"]
    body = {"name": "Other", "slug": "o"}
    assert change(owner, path, '"x"', body, "put").status_code == 412
    assert change(owner, path, tag, body, "put").status_code == 200
    assert change(owner, path, tag, method="delete").status_code == 412
    tag = read(owner, path)["ETag"]
    assert change(owner, path, tag, method="delete").status_code == 204
    assert change(owner, path, "*", method="delete").status_code == 404


@pytest.mark.parametrize("form", ["W/{}", '"x", W/{}', "", "{}x", "x"])
def test_a_weak_tag_and_what_is_no_tag_match_nothing(owner, form):
    path = f"/api/products/{add().pk}/"
    tag = form.format(read(owner, path)["ETag"])
    assert change(owner, path, tag, {"name": "New"}).status_code == 412
    assert Product.objects.get().name == "Lamp"


def test_who_may_not_change_it_learns_nothing_from_the_condition(member):
    add()
    customer, path = member("customer"), f"/api/products/{Product.objects.get().pk}/"
    for tag in ("*", '"x"'):
        assert change(customer, path, tag, {"name": "New"}).status_code == 403


@pytest.mark.parametrize("kind", ["products", "roles", "me"])
def test_of_two_who_change_the_same_state_at_once_one_is_told(portal, kind):
    tenant = portal()
    owner = Api(tenant.primary_host).signed_in(f"owner@{tenant.primary_host.split('.')[0]}.example")
    with tenant_scope(tenant):
        keys = {"products": add().pk, "roles": Role.objects.create(name="Own", rank=5).uuid}
    path = f"/api/{kind}/{keys[kind]}/" if kind in keys else f"/api/{kind}/"
    both = Barrier(2)

    def patch(tag: str, name: str) -> int:
        try:
            both.wait()
            return change(
                Api(tenant.primary_host, owner.token), path, tag, {"name": name}
            ).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for attempt in range(10):
            tag = owner.get(path)["ETag"]
            names = [f"{attempt} a", f"{attempt} b"]
            done = list(pool.map(patch, [tag] * 2, names))
            assert sorted(done) == [200, 412]
            assert owner.get(path).json()["name"] == names[done.index(200)]
