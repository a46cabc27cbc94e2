"""What is answered before Django, and what never is."""

import threading
import time
from dataclasses import replace

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

from shared_apps.plans.entitlements import Entitlements
from shared_apps.tenants.domain_map import domain_map
from shared_apps.tenants.models import TenantStatus
from shared_apps.tenants.redis_client import shared
from shared_apps.tenants.simultaneous import simultaneous
from tenant_apps.cached import flights
from tenant_apps.products.models import Product
from tests.api import Api, code
from tests.cached.shops import how
from tests.wsgi import Visitor

LIST = "/api/products/"


class Asked(Exception):
    """Django was asked."""


def django(environ, start_response):
    raise Asked


@pytest.fixture
def visitor(shop):
    """Return a visitor for whom the list is there, and for whom Django is not."""
    domain_map.tenant_for(shop.primary_host)
    visitor = Visitor(shop.primary_host)
    assert how(visitor.get(LIST)) == "miss"
    visitor.application._application = django
    domain_map._poll()
    return visitor


@pytest.fixture
def change(shop, monkeypatch):
    """Return a function that changes what the process knows of the tenant."""

    def changed(**values):
        held = domain_map.tenant_for(shop.primary_host)
        assert held
        monkeypatch.setitem(domain_map._by_host, shop.primary_host, replace(held, **values))

    return changed


def test_what_is_there_is_answered_without_django_and_queries(visitor, django_assert_num_queries):
    with django_assert_num_queries(0):
        first = visitor.get(LIST)
        again = visitor.get(LIST, headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, how(first)) == (200, "hit")
    assert (again.status_code, again.content, how(again)) == (304, b"", "hit")


ANOTHER = [
    {"HTTP_AUTHORIZATION": "Bearer x"},
    {"HTTP_COOKIE": "sessionid=x"},
    {"HTTP_ACCEPT": "text/html"},
    {"HTTP_HOST": "nobody.localhost"},
    {"HTTP_HOST": "localhost"},
    {"HTTP_HOST": "a/b"},
    {"REQUEST_METHOD": "HEAD"},
    {"REQUEST_METHOD": "POST"},
    {"CONTENT_LENGTH": "5"},
    {"QUERY_STRING": "ordering=price"},
    {"PATH_INFO": "/api/products/?"},
    {"PATH_INFO": "/api/orders/"},
    {"wsgi.url_scheme": "https"},
]


@pytest.mark.parametrize("asked", ANOTHER, ids=str)
def test_what_is_another_question_is_djangos(visitor, asked):
    assert how(visitor.get(LIST)) == "hit"
    with pytest.raises(Asked):
        visitor.get(LIST, **asked)


def test_a_neighbours_answer_is_not_there(visitor, portal):
    host = portal().primary_host
    domain_map.tenant_for(host)
    with pytest.raises(Asked):
        visitor.get(LIST, HTTP_HOST=host)


def test_it_looks_for_changed_tenants_and_leases_itself(visitor, monkeypatch):
    monkeypatch.setattr(domain_map, "_polled_at", domain_map._polled_at - 0.5)
    assert how(visitor.get(LIST)) == "hit"
    shared().delete(*shared().keys("cached:lease:*"))
    assert how(visitor.get(LIST)) == "hit"


def test_the_connection_it_asked_by_goes_back_to_the_pool(visitor):
    shared().delete(*shared().keys("cached:lease:*"))
    visitor.get(LIST)
    assert not connection.is_usable()


def test_what_it_cannot_look_for_without_the_database_is_djangos(visitor, no_database, monkeypatch):
    no_database()
    shared().delete(*shared().keys("cached:lease:*"))
    with pytest.raises(Asked):
        visitor.get(LIST)
    monkeypatch.setattr(domain_map, "_polled_at", domain_map._polled_at - 0.5)
    with pytest.raises(Asked):
        visitor.get(LIST)


def test_a_portal_that_is_suspended_refuses(visitor, change):
    change(status=TenantStatus.SUSPENDED)
    with pytest.raises(Asked):
        visitor.get(LIST)


def test_whoever_asked_too_often_is_refused_as_by_django(visitor, limit, shop):
    limit("general", address="2/minute")
    assert [how(visitor.get(LIST)) for _ in range(2)] == ["hit", "hit"]
    refused = visitor.get(LIST)
    djangos = Api(shop.primary_host).get(LIST)
    assert refused.status_code == djangos.status_code == 429
    assert code(refused) == code(djangos)
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert str(refused["Retry-After"]) in refused.json()["errors"][0]["detail"]
    assert set(djangos.headers) - {"Allow"} == set(refused.headers)
    assert visitor.get(LIST)["RateLimit"].startswith('"caller";r=0')


def test_too_many_at_once_are_refused(visitor, shop, change):
    change(entitlements=Entitlements(limits={"simultaneous_requests": 1}))
    assert how(visitor.get(LIST)) == "hit"
    with simultaneous.one_of(shop), pytest.raises(Asked):
        visitor.get(LIST)


@pytest.mark.parametrize("proxied", [True, False])
def test_over_tls_the_headers_are_djangos_too(shop, settings, proxied):
    settings.SECURE_HSTS_SECONDS, settings.SECURE_SSL_REDIRECT = 3600, True
    told = {}
    if proxied:
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        told = {"HTTP_X_FORWARDED_PROTO": "https, http"}
    visitor = Visitor(shop.primary_host, "http" if proxied else "https")
    made = visitor.get(LIST, **told)
    visitor.application._application = django
    found = visitor.get(LIST, **told)
    assert (how(made), how(found)) == ("miss", "hit")
    assert found["Strict-Transport-Security"] == made["Strict-Transport-Security"]
    visitor.application._application = WSGIHandler()
    visitor.scheme = "http"
    assert visitor.get(LIST).status_code == 301
    assert visitor.get(LIST, HTTP_X_FORWARDED_PROTO="http").status_code == 301


def test_it_leaves_the_same_line_and_nothing_of_the_request_before(shop, visitor, lines):
    label = shop.primary_host.partition(".")[0]
    Api(shop.primary_host).signed_in(f"owner@{label}.example").get("/api/me/")
    visitor.get(LIST, HTTP_X_REQUEST_ID="from-the-proxy-1")
    visitor.application._application = WSGIHandler()
    visitor.get(LIST, HTTP_COOKIE="nothing=known")
    found, made = [line for line in lines() if line["event"] == "request"][-2:]
    assert found["request_id"] == "from-the-proxy-1"
    assert set(found) == set(made)
    same = ("method", "route", "status", "tenant", "level", "logger")
    assert [found[name] for name in same] == [made[name] for name in same]


def test_of_those_who_ask_for_what_has_changed_one_asks_django(visitor, monkeypatch):
    def slow_django(environ, start_response):
        asked.append(threading.current_thread())
        time.sleep(0.3)
        return WSGIHandler()(environ, start_response)

    monkeypatch.setattr(flights, "PATIENCE", 60)
    asked, answers, begun = [], [], threading.Barrier(8)
    visitor.application._application = slow_django

    def read():
        begun.wait()
        answers.append(visitor.get(LIST))
        connection.close()

    Product.objects.update(price=11)
    threads = [threading.Thread(target=read, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(asked) == 1
    assert sorted(how(answer) for answer in answers) == ["hit"] * 7 + ["miss"]
    assert {answer.json()["results"][0]["price"] for answer in answers} == {"11.00"}


def test_whoever_waits_for_one_who_fails_asks_django(visitor):
    def failing_django(environ, start_response):
        asked.append(environ)
        time.sleep(0.2)
        raise Asked

    asked, failed = [], []
    visitor.application._application = failing_django

    def read():
        try:
            visitor.get(LIST)
        except Asked:
            failed.append(True)
        finally:
            connection.close()

    Product.objects.update(price=11)
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(asked), len(failed)) == (3, 3)
