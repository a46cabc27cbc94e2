"""Logging: every line says whose it is, and none says a secret.

One formatter for structlog's own loggers and for the standard ones (Django, Celery, psycopg):
a JSON object a line with ``tenant``, ``user`` and ``request_id`` where there are such; in
development, coloured text.
"""

import logging
import re
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from shared_apps.tenants import scope

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|cookie|credential|api_?key|\brefresh\b|\baccess\b|master_?key"
    r"|signature|sessionid",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"""
    eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*              # a JSON web token
    | \bfh_[a-z]+_\w{8,}                         # an API key of ours
    | \b(?:sk|rk|whsec)_[A-Za-z0-9_]{8,}         # Stripe's keys
    | (?<=\bBearer\ )\S+ | (?<=\bBasic\ )\S+     # an Authorization header
    | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)            # user:password in an address
    | [\w-]+(?::[\w-]+)?:[\w-]{43}(?![\w-])      # what Django signed: links in mails, of files
    | \b(?:argon2|pbkdf2_sha256|md5)\$\S+        # a password's hash
    | (?<=["']password["']:\ )["'][^"']*["']     # a body that was printed
    """,
    re.VERBOSE,
)

# Without one of these, and shorter than what Django signs, a text cannot match.
_SIGNED = 45
_MARK = re.compile(r"eyJ|fh_|sk_|rk_|whsec_|Bearer |Basic |://|\$|password")

Event = MutableMapping[str, Any]


def redact(value: Any, name: str = "") -> Any:
    """Return ``value`` without secrets: by the name it goes under, and by what it looks like."""
    if name and _SECRET_NAME.search(name):
        return REDACTED
    if isinstance(value, str):
        may_match = len(value) >= _SIGNED or _MARK.search(value)
        return _SECRET_TEXT.sub(REDACTED, value) if may_match else value
    if isinstance(value, dict):
        return {key: redact(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redact(each) for each in value]
    if isinstance(value, bytes):
        return redact(value.decode(errors="replace"))
    if value is None or isinstance(value, bool | int | float):
        return value
    # As the renderer would write it: a request, say, whose text has the path.
    return redact(str(value))


def without_secrets(logger: Any, method: str, event: Event) -> Event:
    """Processor: :func:`redact` everything; the last one before the line is rendered."""
    for name in list(event):
        event[name] = redact(event[name], name)
    return event


def with_tenant(logger: Any, method: str, event: Event) -> Event:
    """Processor: add the scope the code runs in."""
    active = scope.current()
    if active is not None:
        event["tenant"] = str(active.tenant.id) if active.tenant else active.key
    return event


class Whole(dict[str, Any]):
    """An event that has all a line has, and nothing in it to redact."""


class Lines(structlog.stdlib.ProcessorFormatter):
    """Render records; those of :func:`write` without all that other events go through."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        if isinstance(record.msg, Whole):
            return str(self.processors[-1](None, record.levelname.lower(), record.msg))
        return super().format(record)


def write(
    logger: logging.Logger, event: str, bound: Mapping[str, Any], **values: str | float
) -> None:
    """Log ``event`` with what is ``bound``, ``values`` and the time, at level INFO.

    The values are ours, or were redacted: this is for the one line that every request pays for.
    """
    if logger.isEnabledFor(logging.INFO):
        whole = Whole({**bound, **values}, event=event, level="info", logger=logger.name)
        whole["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        logger.handle(logging.LogRecord(logger.name, logging.INFO, "", 0, whole, None, None))


def _as_line(event: Event, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    with_tenant,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure(log_format: str, level: str) -> dict[str, Any]:
    """Configure structlog and return Django's ``LOGGING``; ``log_format`` is json or console."""
    # None of the lines has them, and to find them out costs each record as much as the rest.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if log_format == "console"
        else structlog.processors.JSONRenderer(_as_line)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": Lines,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_secrets,
                    renderer,
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"line": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["line"], "level": level},
        "loggers": {
            # Its own handlers would write lines without tenant and with secrets.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
        },
    }
