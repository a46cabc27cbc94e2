"""Settings of every environment; what differs comes from the environment (deploy/env.example)."""

import base64
import shutil
from datetime import timedelta
from pathlib import Path

import environ

from config.file_storage import file_storage
from config.logs import configure
from config.mailers import mailer
from config.security_headers import POLICY
from shared_apps.tenants.postgresql.liveness import check_socket

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()

# --- the installation -------------------------------------------------------------------------
FREEHOLD_DOMAIN: str = env("FREEHOLD_DOMAIN", default="localhost").lower()
# How links to a portal begin and end: scheme, and ":8000" where the port is not the usual one.
FREEHOLD_SCHEME: str = env("FREEHOLD_SCHEME", default="https")
FREEHOLD_PORT_SUFFIX: str = env("FREEHOLD_PORT_SUFFIX", default="")

SECRET_KEY = env("DJANGO_SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("DJANGO_SECRET_KEY_FALLBACKS", default=[])
DEBUG = False
# The domain map is the list of allowed hosts: any other host is answered 404 by the routing.
ALLOWED_HOSTS = ["*"]
USE_X_FORWARDED_HOST = False

# --- apps -------------------------------------------------------------------------------------
# Shared apps have their tables in the public schema, tenant apps in every tenant's. Those in
# both are the operators' in public and the tenant's in a tenant.
_IN_BOTH = [
    "tenant_apps.users",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.admin",
]
SHARED_APPS = ["shared_apps.plans", "shared_apps.tenants", "billing", *_IN_BOTH]
TENANT_APPS = [
    *_IN_BOTH,
    "guardian",
    "tenant_apps.cached",
    "tenant_apps.history",
    "tenant_apps.integrations",
    "tenant_apps.files",
    "tenant_apps.products",
    "tenant_apps.orders",
]
_WITHOUT_TABLES = [
    "auditlog",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "import_export",
    "django_tenants",
    "django.contrib.postgres",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
# Ours before django_tenants, whose `migrate` command ours replaces; unfold before the admin.
INSTALLED_APPS = [
    "unfold",
    *SHARED_APPS,
    *(app for app in [*TENANT_APPS, *_WITHOUT_TABLES] if app not in {*SHARED_APPS, "unfold"}),
]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_SYNC_ROUTER = "shared_apps.tenants.routers.SchemaRouter"
DATABASE_ROUTERS = [TENANT_SYNC_ROUTER]
# Functions that write the rows every tenant starts with, run in the template schema.
TENANT_TEMPLATE_STEPS = [
    "tenant_apps.users.built_in_roles.write_built_in_roles",
    "tenant_apps.orders.numbering.write_first_number",
]

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
CSRF_FAILURE_VIEW = "config.exceptions.csrf_failure"

# --- routing ----------------------------------------------------------------------------------
ROOT_URLCONF = "config.urls_tenant"
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
WSGI_APPLICATION = "config.wsgi.application"
_SECURITY_HEADERS = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.security_headers.ContentSecurity",
]
_PRIVATE_ANSWERS = "config.security_headers.PrivateAnswers"
# What gives every answer the same headers, for ``config.at_once``.
CONSTANT_HEADERS = [*_SECURITY_HEADERS, _PRIVATE_ANSWERS]
MIDDLEWARE = [
    "config.request_log.RequestLog",
    "tenant_apps.users.locale.ReaderLocale",
    "config.body_limits.BodyLimits",
    *_SECURITY_HEADERS,
    "whitenoise.middleware.WhiteNoiseMiddleware",
    _PRIVATE_ANSWERS,
    "shared_apps.tenants.use_limits.RateLimitHeaders",
    "shared_apps.tenants.routing.TenantRouting",
    "shared_apps.tenants.api_limit.ApiLimit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shared_apps.tenants.sessions.SessionsOfOneTenant",
    "tenant_apps.users.logins.browsers.BrowserLogins",
    "tenant_apps.users.settling.OwnersAlone",
    "tenant_apps.users.locale.PortalLocale",
    "tenant_apps.history.acting.Acting",
    "django_htmx.middleware.HtmxMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before Unfold's of the same name.
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenant_apps.users.context.portal",
                "tenant_apps.orders.context.cart",
            ],
        },
    },
]

# --- database ---------------------------------------------------------------------------------
# Two logins: "default" is the web and worker login, which owns nothing and may only SET ROLE;
# "owner" makes, migrates and drops schemas, connects directly, and is configured only where
# that is done.
TENANT_ROLES = env.bool("TENANT_ROLES", default=True)
DEFERRABLE_FOREIGN_KEYS = False
DB_POOL_SIZE = env.int("DB_POOL_SIZE", default=8)
# A connection of the pool that has served so many schemas is replaced: a backend keeps some
# 0.1 MB of each.
DB_SCHEMAS_A_CONNECTION = 1200
_ENGINE = {
    "ENGINE": "shared_apps.tenants.postgresql",
    "DISABLE_SERVER_SIDE_CURSORS": True,
    # For connections that are no pool's; CONN_MAX_AGE 0: each request has a new one.
    "CONN_HEALTH_CHECKS": True,
    "CONN_MAX_AGE": 0,
}
DATABASES = {"default": {**env.db("DATABASE_URL"), **_ENGINE}}
# Behind PgBouncer the pooler pools; connecting to it is cheap and a second pool would only
# hold its slots. Directly, a backend is replaced after a while, or when it has seen many tenants.
if DB_POOL_SIZE:
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 0,
        "max_size": DB_POOL_SIZE,
        "timeout": 5,
        "max_lifetime": 900,
        "check": check_socket,
    }
if env("OWNER_DATABASE_URL", default=""):
    DATABASES["owner"] = {**env.db("OWNER_DATABASE_URL"), **_ENGINE, "OWNER": True}
PG_DUMP: str = env("PG_DUMP", default=shutil.which("pg_dump") or "pg_dump")
POOL_SIZE = env.int("POOL_SIZE", default=10)
POOL_POLL_SECONDS = 0.5
# A closed tenant keeps its schema so long: what was under way when it closed comes to its end.
DRAIN_SECONDS = 60
# The library's entries lie in a table of ours, in the tenants' schemas alone.
MIGRATION_MODULES = {"auditlog": None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- history of changes -------------------------------------------------------------------------
AUDITLOG_LOGENTRY_MODEL = "history.Change"
AUDITLOG_CID_GETTER = "tenant_apps.history.acting.request_id"
# Values keep their types; what was chosen is kept by its name.
AUDITLOG_STORE_JSON_CHANGES = True
AUDITLOG_USE_FK_STRING_REPRESENTATION = True

# --- Redis: broker and cache in databases of their own ----------------------------------------
_REDIS: str = env("REDIS_URL", default="redis://127.0.0.1:6379").rstrip("/")
BROKER_URL: str = env("BROKER_URL", default=f"{_REDIS}/0")
CACHE_URL: str = env("CACHE_URL", default=f"{_REDIS}/1")
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_FUNCTION": "shared_apps.tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "shared_apps.tenants.cache.reverse_key",
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 2,
        },
    }
}

# What begins with these is looked for before Django: see ``config.at_once``.
CACHED_PATHS = ("/api/products/", "/api/categories/")
CACHED_QUERIES = env.bool("CACHED_QUERIES", default=True)
# What cached answers of one tenant may take, and one of them.
CACHED_TENANT_BYTES = 16 * 1024 * 1024
CACHED_ENTRY_BYTES = 512 * 1024

# --- Celery -----------------------------------------------------------------------------------
CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CONSUMER = "config.worker:Consumer"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 900
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}
# Sending is tried once more and then left to the sweeper: a request waits for it.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_BEAT_SCHEDULE = {
    "sweep-outboxes": {"task": "integrations.sweep_outboxes", "schedule": 20.0},
    "sweep-every-outbox": {"task": "integrations.sweep_every_outbox", "schedule": 3600.0},
    "sweep-answers": {"task": "integrations.sweep_every_answer", "schedule": 86400.0},
    "write-views": {"task": "products.write_every_view", "schedule": 10.0},
    "apply-events": {"task": "billing.apply_waiting_events", "schedule": 60.0},
    "reconcile": {"task": "billing.reconcile", "schedule": 900.0},
    "dun": {"task": "billing.dun", "schedule": 900.0},
    "sweep-files": {"task": "files.sweep_everywhere", "schedule": 86400.0},
    "write-api-use": {"task": "billing.write_api_use", "schedule": 10.0},
}
# A task of every tenant is spread over so long; well under the visibility timeout.
FAN_OUT_SECONDS = 900
# What single objects can be granted, and the deeds on each.
GRANTABLE_OBJECTS = {
    "products.Category": ("view", "change"),
    "products.Product": ("view", "change"),
    "orders.Order": ("view", "change", "refund"),
}
OUTBOX_DELIVERERS = {
    "integrations.run_job": "tenant_apps.integrations.jobs.dispatch",
    "users.confirm_email": "tenant_apps.users.email_verification.send",
    "users.new_email": "tenant_apps.users.addresses.changing.send_link",
    "users.new_email_notice": "tenant_apps.users.addresses.changing.send_notice",
    "users.reset_password": "tenant_apps.users.passwords.resetting.send",
    "users.invitation": "tenant_apps.users.invitations.inviting.send",
    "orders.confirmation": "tenant_apps.orders.confirmation.send",
    "billing.begin": "billing.beginning.deliver",
    "billing.notice": "billing.notices.send",
}
JOB_RUNNERS = {"catalogue_import": "tenant_apps.products.catalogue_import.run_job"}

# --- Stripe: without a key nobody is charged ------------------------------------------------------
STRIPE_SECRET_KEY: str = env("STRIPE_SECRET_KEY", default="")
# Several while one is replaced.
STRIPE_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_WEBHOOK_SECRET", default=[])
# Another server than Stripe's, for tests.
STRIPE_API_URL: str = env("STRIPE_API_URL", default="")
# How long a portal is read-only, and then suspended, before the next step.
DUNNING_READ_ONLY = timedelta(days=14)
DUNNING_SUSPENDED = timedelta(days=30)
# How long one is closing before it is closed, for good.
DUNNING_CLOSING = timedelta(days=30)

# --- tokens -----------------------------------------------------------------------------------
# Numbered master keys, "1:<base64 of 32 bytes>,2:..."; the highest number signs, all verify.
JWT_MASTER_KEYS: dict[int, bytes] = {
    int(number): base64.b64decode(key)
    for number, _, key in (item.partition(":") for item in env.list("JWT_MASTER_KEYS"))
}
# Stands in each API key, for people and scanners.
API_KEY_ENVIRONMENT = "live"
SIMPLE_JWT = {
    "ALGORITHM": "EdDSA",
    # Never used: each tenant's key is derived in tenant_apps.users.tokens.
    "SIGNING_KEY": "",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}
# A refresh token presented again so soon after its rotation is refused but no theft: an answer
# was lost, or two tabs refreshed at once.
REFRESH_REUSE_GRACE = timedelta(seconds=10)

# --- API --------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenant_apps.users.api_keys.authentication.ApiKeyAuthentication",
        "tenant_apps.users.authentication.TenantJWTAuthentication",
        "tenant_apps.users.authentication.AdminSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["shared_apps.tenants.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "shared_apps.tenants.paging.CursorPages",
    "DEFAULT_THROTTLE_CLASSES": ["tenant_apps.users.throttling.GeneralLimit"],
    "DEFAULT_SCHEMA_CLASS": "config.openapi.FreeholdSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": True,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "config.exceptions.Handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Freehold",
    "DESCRIPTION": "A portal of your own: catalogue, orders, people and roles.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi_sparse.add_sparse_answers",
        "config.openapi_refusals.add_refusals",
        "config.openapi_clients.name_time_zones",
        "config.openapi_examples.add_examples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "OrderStatusEnum": "tenant_apps.orders.models.OrderStatus.choices",
        "InvitationStateEnum": "tenant_apps.users.invitations.models.InvitationState.choices",
        "JobStatusEnum": "tenant_apps.integrations.models.JobStatus.choices",
        "TenantStatusEnum": "shared_apps.tenants.models.TenantStatus.choices",
    },
}
# The dashboard names products of which there are so many or fewer.
LOW_STOCK = 5
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
CATALOGUE_MAX_BYTES = 20 * 1024 * 1024
PICTURE_MAX_BYTES = 5 * 1024 * 1024

# --- limits: by account and by client address, within each tenant --------------------------------
# How many proxies stand before us and write X-Forwarded-For; 0: the peer's own address counts.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
# All processes of the web server, on all machines: they share out what a portal may do at once.
WEB_PROCESSES = env.int("WEB_PROCESSES", default=1)
LIMITS = {
    "login": {"account": "10/minute", "address": "60/minute"},
    # Asking for a new password, which mails somebody.
    "reset": {"account": "5/hour", "address": "60/hour"},
    "signup": {"address": env("LIMIT_SIGNUP", default="20/hour")},
    # Whoever asks: a person, an API key, or an address where nobody signed in.
    "general": dict.fromkeys(
        ("account", "key", "address"), env("LIMIT_GENERAL", default="1200/minute")
    ),
}

# --- mail -------------------------------------------------------------------------------------
MAILERS = {"default": mailer(env("EMAIL_URL", default="consolemail://"))}
DEFAULT_FROM_EMAIL: str = env("DEFAULT_FROM_EMAIL", default=f"portal@{FREEHOLD_DOMAIN}")

# --- logs -------------------------------------------------------------------------------------
LOGGING = configure(env("LOG_FORMAT", default="json"), env("LOG_LEVEL", default="INFO"))
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- language, time, files ---------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = True
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    # Tenants' files: private, served by views alone.
    "default": file_storage(env("FILES_URL")),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- cookies: this host's alone -----------------------------------------------------------------
SESSION_COOKIE_DOMAIN = None
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS: list[str] = []
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = POLICY
SECURE_REFERRER_POLICY = "same-origin"

UNFOLD = {
    "SITE_TITLE": "tenant_apps.users.context.site_title",
    "SITE_HEADER": "tenant_apps.users.context.site_title",
    "SITE_LOGO": "tenant_apps.users.context.site_logo",
    "STYLES": [
        "tenant_apps.users.context.site_stylesheet",
        "tenant_apps.users.context.admin_stylesheet",
    ],
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {"navigation": "billing.owner.admin.account_links"},
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "/static/freehold/icon.svg"},
    ],
}
