"""``EMAIL_URL`` -> an entry of Django's ``MAILERS``."""

from typing import Any

from environ import Env


def mailer(url: str) -> dict[str, Any]:
    """Return the mailer that ``url`` names.

    ``smtp://user:password@host:25``, ``smtp+tls://``, ``smtp+ssl://``, ``filemail:///folder``
    and ``consolemail://`` are known.
    """
    parsed = Env.email_url_config(url)
    backend = parsed["EMAIL_BACKEND"]
    options: dict[str, Any] = {}
    if "smtp" in backend:
        options = {
            "host": parsed["EMAIL_HOST"] or "localhost",
            "port": parsed["EMAIL_PORT"] or 25,
            "username": parsed["EMAIL_HOST_USER"] or "",
            "password": parsed["EMAIL_HOST_PASSWORD"] or "",
            "use_tls": parsed.get("EMAIL_USE_TLS", False),
            "use_ssl": parsed.get("EMAIL_USE_SSL", False),
            "timeout": 15,
        }
    elif "filebased" in backend:
        options = {"file_path": parsed["EMAIL_FILE_PATH"]}
    return {"BACKEND": backend, "OPTIONS": options}
