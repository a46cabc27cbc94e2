"""Sessions of the admin: each is of the portal it was made in."""

from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import RequestFactory

from shared_apps.tenants.scope import no_scope, tenant_scope
from tenant_apps.users.logins.browsers import BrowserLogins
from tenant_apps.users.models import User
from tests.api import BACKEND, PASSWORD, Api


def test_a_session_of_one_portal_is_none_in_another(admin, globex):
    admin.client.defaults["HTTP_HOST"] = globex.primary_host
    admin.client.headers = None
    with no_scope():
        answer = admin.client.get("/admin/", headers={"host": globex.primary_host})
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_a_copied_session_row_is_refused_by_its_mark(admin, acme):
    session = admin.client.session
    session["_tenant"] = "tenant:another"
    session.save()
    assert admin.get("/admin/").status_code == 302
    assert not Session.objects.filter(pk=session.session_key).exists()


def test_signing_in_marks_the_session_with_its_portal(acme):
    client = Api(acme.primary_host).client
    form = {"username": "owner@acme.example", "password": PASSWORD}
    with no_scope():
        assert client.post("/admin/login/", form).status_code == 302
        assert client.get("/admin/").status_code == 200
    assert client.session["_tenant"] == f"tenant:{acme.id}"


def test_a_page_that_is_only_read_saves_no_session(admin):
    answer = admin.get("/admin/")
    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_login_that_cannot_be_asked_about_or_noted_is_none(portal, no_database, when):
    tenant = portal()
    request = RequestFactory().get("/")

    def sign_in(request):
        assert when == "after", "nothing is answered to a session of which nothing is known"
        login(request, user, BACKEND)
        no_database()
        return HttpResponse()

    with tenant_scope(tenant):
        user, request.session = User.objects.get(), SessionStore()
        request.user = AnonymousUser()
        if when == "before":
            request.COOKIES[settings.SESSION_COOKIE_NAME] = "x"
            request.session["_login"] = str(uuid4())
            no_database()
        assert BrowserLogins(sign_in)(request).status_code == 503
