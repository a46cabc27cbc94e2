"""The plans on offer, what they give, and what a plan does not have."""

import re
from dataclasses import FrozenInstanceError
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import translation

from shared_apps.plans import catalogue
from shared_apps.plans.catalogue import PLANS, load_plans
from shared_apps.plans.entitlements import FEATURES, LIMITS, Entitlements, in_words
from shared_apps.plans.models import Plan
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import Tenant
from shared_apps.tenants.scope import no_scope, public_scope
from tenant_apps.users.models import ApiKey, PortalSettings, Role
from tests.api import code, count_queries
from tests.billing.test_signing_up import sign_up
from tests.files.pictures import picture, upload
from tests.plans.portals import put_on


@pytest.fixture
def plan(public) -> Plan:
    """A plan of one's own that is on offer."""
    return Plan.objects.create(code="own", name="Own", price_month=5, limits={"max_products": 1})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"limits": {"max_prodcts": 1}}, "Unknown: max_prodcts."),
        ({"limits": {"max_products": -1}}, "max_products is no whole number from 0."),
        ({"limits": {"max_products": True}}, "max_products is no whole number from 0."),
        ({"limits": {"max_products": "9"}}, "max_products is no whole number from 0."),
        ({"limits": [1]}, "Limits are an object of names and numbers."),
        ({"features": ["sing"]}, "Unknown: sing."),
        ({"features": "api_keys"}, "Features are a list of names."),
        ({"price_year": -1}, "A price is not negative."),
        ({"currency": "eur"}, "A currency is three capital letters, as in EUR."),
    ],
)
def test_a_plan_that_is_none_is_refused_with_the_reason(plan, values, said):
    for name, value in values.items():
        setattr(plan, name, value)
    with pytest.raises(ValidationError) as refused:
        plan.full_clean()
    assert refused.value.messages == [said]


@pytest.mark.parametrize(
    "values", [{"price_month": -1}, {"price_year": -1}, {"currency": "eur"}, {"currency": "EU"}]
)
def test_the_database_refuses_a_price_that_is_none(plan, values):
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.filter(pk=plan.pk).update(**values)


def test_a_plan_that_left_the_code_is_archived_and_comes_back_with_it(public, monkeypatch):
    held = {plan.code: plan.pk for plan in Plan.objects.all()}
    monkeypatch.setattr(catalogue, "PLANS", PLANS[:-1])
    load_plans()
    assert [plan.code for plan in Plan.objects.on_offer()] == ["free", "team"]
    assert Plan.objects.get(code="business").is_archived
    monkeypatch.undo()
    load_plans()
    load_plans()
    assert [plan.code for plan in Plan.objects.on_offer()] == ["free", "team", "business"]
    assert {plan.code: plan.pk for plan in Plan.objects.all()} == held


def test_nothing_is_written_of_plans_of_which_one_is_wrong(public, monkeypatch):
    wrong = PLANS[2] | {"limits": {"max_everything": 1}}
    monkeypatch.setattr(catalogue, "PLANS", (PLANS[0] | {"name": "Gratis"}, wrong))
    with pytest.raises(ValidationError, match="max_everything"):
        load_plans()
    assert Plan.objects.get(code="free").name == "Free"


def test_every_plan_of_the_code_bounds_everything_and_a_year_costs_less_than_twelve_months():
    for plan in PLANS:
        assert set(plan["limits"]) == set(LIMITS), plan["code"]
        assert plan["price_year"] <= 12 * plan["price_month"]
    for name in LIMITS:
        bounds = [plan["limits"][name] for plan in PLANS]
        assert bounds == sorted(bounds), name


def test_a_tenant_keeps_an_archived_plan(plan, acme):
    with public_scope():
        tenant = Tenant.objects.get(pk=acme.id)
        tenant.change(plan=plan)
        Plan.objects.update(is_archived=True)
        tenant = Tenant.objects.get(pk=acme.id)
        assert tenant.entitlements.limit("max_products") == 1
        assert tenant.snapshot().entitlements == tenant.entitlements


def test_one_asks_what_a_tenant_may_without_a_query(acme, anonymous):
    put_on(acme, features=("own_logo",), max_products=7)

    def ask() -> None:
        tenant = domain_map.tenant_for(acme.primary_host)
        assert tenant
        entitlements = tenant.entitlements
        assert (entitlements.allows("own_logo"), entitlements.allows("sso")) == (True, False)
        assert (entitlements.limit("max_products"), entitlements.limit("max_users")) == (7, None)
        with pytest.raises(FrozenInstanceError):
            entitlements.plan = "Large"

    ask()
    assert count_queries(ask) == 0


def test_without_a_plan_there_are_no_bounds():
    free = Entitlements()
    assert all(free.allows(name) for name in FEATURES)
    assert not any(free.limit(name) for name in LIMITS)


def test_what_a_plan_gives_is_said_in_words():
    assert [in_words(name, 1) for name in LIMITS if name != "storage_bytes"] == [
        "1 product",
        "1 person",
        "1 API request a month",
        "1 API request a minute",
        "1 request at once",
    ]
    assert in_words("max_products", 5000) == "5,000 products"
    assert in_words("storage_bytes", 10 * 2**30).replace("\xa0", " ") == "10.0 GB of files"
    with translation.override("de"):
        assert in_words("max_products", 5000) == "5.000 Produkte"
        assert in_words("max_users", 1) == "1 Person"


def test_the_plans_are_listed_with_all_they_give(public_client, plan):
    with no_scope():
        listed = {one["code"]: one for one in public_client.get("/api/plans/").json()["results"]}
    assert list(listed) == ["own", "free", "team", "business"]
    assert listed["team"] == {
        "code": "team",
        "name": "Team",
        "description": "For a shop with a few colleagues.",
        "price_month": "29.00",
        "price_year": "290.00",
        "currency": "EUR",
        "trial_days": 14,
        "features": ["api_keys", "own_logo"],
        "limits": PLANS[1]["limits"],
    }


def test_whoever_has_the_list_is_told_only_that(public_client, public):
    with no_scope():
        first = public_client.get("/api/plans/")
        again = public_client.get("/api/plans/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Plan.objects.filter(code="team").update(price_month=Decimal(30))
    with no_scope():
        later = public_client.get("/api/plans/", headers={"If-None-Match": first["ETag"]})
    assert (later.status_code, later["ETag"] == first["ETag"]) == (200, False)


@pytest.mark.parametrize("values", [{"is_archived": True}, {"is_public": False}])
def test_what_is_not_on_offer_is_neither_shown_nor_taken(plan, public_client, values):
    Plan.objects.filter(pk=plan.pk).update(**values)
    with no_scope():
        codes = [one["code"] for one in public_client.get("/api/plans/").json()["results"]]
        page = public_client.get("/plans/").content.decode()
        form = public_client.get("/signup/").content.decode()
    assert "own" not in codes
    assert "plan=own" not in page
    assert 'value="own"' not in form
    refused = sign_up(plan="own", subdomain="not-offered")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "plan")
    assert not Tenant.objects.filter(domains__host__startswith="not-offered").exists()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            [
                "29.00 EUR a month",
                "or 290.00 EUR a year",
                "14 days free",
                *("5,000 products", "25 people", "10.0\xa0GB of files"),
                "2,000,000 API requests a month",
                "3,000 API requests a minute",
                "Your own logo",
            ],
        ),
        (
            "de",
            [
                "29,00 EUR im Monat",
                "oder 290,00 EUR im Jahr",
                "14 Tage kostenlos",
                *("5.000 Produkte", "25 Personen", "10,0\xa0GB Dateien"),
                "2.000.000 API-Anfragen im Monat",
                "3.000 API-Anfragen in der Minute",
                "Eigenes Logo",
            ],
        ),
    ],
)
def test_the_page_says_what_each_plan_costs_and_gives(public_client, language, said):
    with no_scope():
        page = public_client.get("/plans/", headers={"Accept-Language": language}).content.decode()
    team = page.partition("Team")[2].partition("Business")[0]
    assert [text for text in said if text not in team] == []
    free = page.partition("Free")[2].partition("Team")[0]
    assert not re.search(r"EUR (a year|im Jahr)|days free|kostenlos", free)


def put_logo(api: Any) -> Any:
    body = encode_multipart(BOUNDARY, {"file": upload(picture())})
    return api.request("put", "/api/settings/logo/", body, content_type=MULTIPART_CONTENT)


def test_a_logo_of_ones_own_needs_a_plan_that_has_it(owner, admin, acme):
    path = "/admin/users/portalsettings/1/change/"
    portal = PortalSettings.objects.get()
    names = ("name", "colour", "currency", "language", "time_zone", "catalogue_readers")
    form = {name: getattr(portal, name) for name in names}
    put_on(acme, features=("api_keys",))
    refused = put_logo(owner)
    assert (refused.status_code, code(refused)) == (402, "feature_not_in_plan")
    assert refused.json()["errors"][0]["detail"] == (
        "The plan Small does not have this: Your own logo. Choose another plan:"
        " http://localhost:8000/plans/"
    )
    answer = admin.post(path, form | {"new_logo": upload(picture())})
    assert (answer.status_code, "does not have this" in answer.content.decode()) == (200, True)
    put_on(acme, features=("own_logo",))
    assert put_logo(owner).status_code == 200
    put_on(acme)
    assert owner.get("/api/settings/").json()["logo"], "what is there stays"
    assert owner.delete("/api/settings/logo/").status_code == 204


def test_keys_are_made_where_the_plan_has_them_and_go_on_where_it_has_them_no_more(
    owner, admin, acme
):
    role = Role.objects.get(code="staff")
    body = {"name": "Shop", "role": str(role.uuid), "scopes": ["products:read"]}
    made = owner.post("/api/api-keys/", body)
    assert made.status_code == 201
    put_on(acme, features=("own_logo",))
    refused = owner.post("/api/api-keys/", body)
    assert (refused.status_code, code(refused)) == (402, "feature_not_in_plan")
    form = {"name": "Shop", "role": role.pk, "scopes": ["products:read"], "addresses": ""}
    answer = admin.post("/admin/users/apikey/add/", form)
    assert (answer.status_code, "does not have this" in answer.content.decode()) == (200, True)
    assert ApiKey.objects.count() == 1
    key = made.json()
    assert owner.post(f"/api/api-keys/{key['id']}/rotate/").status_code == 201
