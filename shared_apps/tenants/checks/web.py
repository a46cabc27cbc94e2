"""Rules of hosts, cookies, tokens and the API."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings

from .. import development_keys
from .rule import rule

ROUTING = "shared_apps.tenants.routing.TenantRouting"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
BOUND_SESSIONS = "shared_apps.tenants.sessions.SessionsOfOneTenant"

MASTER_KEY_BYTES = 32
LONGEST_ACCESS = timedelta(minutes=15)
LONGEST_REFRESH = timedelta(days=30)
LONGEST_LEEWAY = timedelta(seconds=30)


@rule(
    "E020",
    "Sessions are not in the tenant's own schema: {}.",
    "Set SESSION_ENGINE to 'django.contrib.sessions.backends.db'.",
)
def _sessions_elsewhere() -> list[str]:
    engine = settings.SESSION_ENGINE
    return [] if engine == "django.contrib.sessions.backends.db" else [engine]


@rule(
    "E021",
    "Cookies are sent to every portal: {}.",
    "Leave these None: a cookie is its host's alone.",
)
def _shared_cookies() -> list[str]:
    names = ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN")
    return [name for name in names if getattr(settings, name) is not None]


@rule(
    "E022",
    "CSRF_TRUSTED_ORIGINS lets one portal's page post to another: {}.",
    "Name single hosts that are not portals, or leave it empty.",
)
def _trusted_portals() -> list[str]:
    domain = f".{settings.FREEHOLD_DOMAIN}"
    hosts = {o: o.split("://")[-1].partition(":")[0] for o in settings.CSRF_TRUSTED_ORIGINS}
    return [o for o, host in hosts.items() if "*" in host or f".{host}".endswith(domain)]


@rule(
    "E023",
    "A client's header chooses the tenant: {}.",
    "Set USE_X_FORWARDED_HOST to False; the proxy passes Host on.",
)
def _forwarded_host() -> list[str]:
    return ["USE_X_FORWARDED_HOST is on"] if settings.USE_X_FORWARDED_HOST else []


@rule(
    "E024",
    "The middleware is out of order: {}.",
    "The order is the routing, Django's sessions, then the binding of a session to its tenant.",
)
def _middleware_order() -> list[str]:
    wanted = [ROUTING, SESSIONS, BOUND_SESSIONS]
    found = [name for name in settings.MIDDLEWARE if name in wanted]
    return [] if found == wanted else [" > ".join(found) or "none of it is there"]


@rule(
    "E025",
    "A portal below could set these cookies for all of them: {}.",
    "Begin their names with '__Host-'.",
    deploy=True,
)
def _cookie_names() -> list[str]:
    names = (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
    return [name for name in names if not name.startswith("__Host-")]


@rule(
    "E026",
    "Links in mails are not encrypted: {}.",
    "Set FREEHOLD_SCHEME=https.",
    deploy=True,
)
def _plain_links() -> list[str]:
    scheme = settings.FREEHOLD_SCHEME
    return [] if scheme == "https" else [f"FREEHOLD_SCHEME is {scheme}"]


@rule(
    "W020",
    "Limits by address count every client as the proxy: {}.",
    "Set TRUSTED_PROXIES to the number of proxies before the web server.",
    deploy=True,
)
def _uncounted_proxies() -> list[str]:
    is_proxied = settings.SECURE_PROXY_SSL_HEADER is not None
    return ["TRUSTED_PROXIES is 0"] if is_proxied and not settings.TRUSTED_PROXIES else []


@rule(
    "E030",
    "The master keys of the tokens are wrong: {}.",
    "JWT_MASTER_KEYS is 1:<base64 of 32 random bytes>, one or more (deploy/env.example).",
)
def _master_keys() -> list[str]:
    keys = settings.JWT_MASTER_KEYS
    if not keys:
        return ["there is none"]
    return [f"key {n} has {len(k)} bytes" for n, k in keys.items() if len(k) != MASTER_KEY_BYTES]


@rule(
    "E031",
    "Keys that everybody can read in the repository are in use: {}.",
    "Make your own, as deploy/env.example says.",
    deploy=True,
)
def _development_keys() -> Iterator[str]:
    if development_keys.SECRET_KEY in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield "DJANGO_SECRET_KEY"
    if development_keys.MASTER_KEY in settings.JWT_MASTER_KEYS.values():
        yield "JWT_MASTER_KEYS"


@rule(
    "E032",
    "Tokens live too long or are not the tenant's: {}.",
    "See SIMPLE_JWT in config/settings/base.py.",
)
def _token_settings() -> Iterator[str]:
    jwt: dict[str, Any] = settings.SIMPLE_JWT
    if jwt.get("ALGORITHM") != "EdDSA":
        yield "ALGORITHM is not EdDSA"
    for name, longest in (
        ("ACCESS_TOKEN_LIFETIME", LONGEST_ACCESS),
        ("REFRESH_TOKEN_LIFETIME", LONGEST_REFRESH),
    ):
        if not timedelta(0) < jwt.get(name, timedelta.max) <= longest:
            yield f"{name} is not within {longest}"
    leeway = jwt.get("LEEWAY", 0)
    if (leeway if isinstance(leeway, timedelta) else timedelta(seconds=leeway)) > LONGEST_LEEWAY:
        yield f"LEEWAY is more than {LONGEST_LEEWAY}"


@rule(
    "E033",
    "The API is open to everybody by default: {}.",
    "Set DEFAULT_PERMISSION_CLASSES to IsAuthenticated; a view that is open says so itself.",
)
def _open_api() -> list[str]:
    api: dict[str, Any] = settings.REST_FRAMEWORK
    classes = api.get("DEFAULT_PERMISSION_CLASSES", ["AllowAny"])
    is_open = not classes or any(str(name).endswith("AllowAny") for name in classes)
    return ["DEFAULT_PERMISSION_CLASSES"] if is_open else []


@rule(
    "E034",
    "The API answers in more than JSON: {}. HTML forms list what a field may refer to.",
    "Set DEFAULT_RENDERER_CLASSES to JSONRenderer alone.",
)
def _other_renderers() -> list[str]:
    api: dict[str, Any] = settings.REST_FRAMEWORK
    renderers = api.get("DEFAULT_RENDERER_CLASSES", ["BrowsableAPIRenderer"])
    return [str(name) for name in renderers if not str(name).endswith("JSONRenderer")]
