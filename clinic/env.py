"""The environment, read strictly: a missing or malformed variable fails at start and is named."""

import os
import re
import secrets
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from clinic.mail_providers import PROVIDERS, Secret

MAIL_PROVIDER_SECRETS = {
    Secret.SIGNING_KEY: r"[!-~]{12,}",
    Secret.SVIX_KEY: r"whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    Secret.PASSWORD: r"[!-9;-~]+:[!-~]{12,}",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


def text(name: str, default: str | None = None) -> str:
    """The variable as it stands; without a default it must be set and not empty."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. .env.example says what it holds.")
    return value


def flag(name: str, default: bool) -> bool:
    value = text(name, "1" if default else "0")
    if value not in {"0", "1"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return value == "1"


def number(name: str, default: int, *, least: int = 0, most: int = 65535) -> int:
    value = text(name, str(default))
    if not re.fullmatch(r"[0-9]{1,5}", value) or not least <= int(value) <= most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}, not {value!r}.")
    return int(value)


def words(name: str, default: str | None = None) -> list[str]:
    """A comma-separated list; spaces around the commas do not count."""
    return [word for word in (part.strip() for part in text(name, default).split(",")) if word]


def hosts(name: str, default: str | None = None) -> list[str]:
    """Host names as Django's ALLOWED_HOSTS wants them: no scheme, no port, no `*`."""
    found = words(name, default)
    wrong = [host for host in found if not re.fullmatch(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", host, re.I)]
    if wrong or not found:
        raise ImproperlyConfigured(f"{name} must name hosts alone, without scheme, port or *: {', '.join(wrong)!r}.")
    return found


def sender(name: str, default: str | None = None) -> str:
    """An address that letters come from, like `The practice <desk@clinic.example>`."""
    value = text(name, default)
    try:
        validate_email(parseaddr(value)[1])
    except ValidationError:
        raise ImproperlyConfigured(f"{name} must be like The practice <desk@clinic.example>, not {value!r}.") from None
    return value


def _split(name: str, url: str, schemes: frozenset[str]) -> SplitResult:
    """The URL's parts. Errors never quote the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Python's own words would quote a part of it.
        message = f"{name} is not a URL. Write a / : @ ? or # inside a password as %2F %3A %40 %3F %23."
        raise ImproperlyConfigured(message) from None
    if parts.scheme not in schemes:
        raise ImproperlyConfigured(f"{name} must begin with one of: {', '.join(sorted(s + '://' for s in schemes))}.")
    return parts


def _host_as_written(parts: SplitResult) -> str:
    """urlsplit lowers the host's case; a socket folder's name has to keep it."""
    if ":" in (parts.hostname or ""):
        return parts.hostname or ""  # an IPv6 address, without its brackets
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def database(name: str, url: str) -> dict[str, Any]:
    """Django's settings for `postgres://user:password@host:port/name?option=value`.

    A host that begins with `%2F` is the folder of a Unix socket.
    """
    parts = _split(name, url, frozenset({"postgres", "postgresql"}))
    if not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name} names no database: it ends like /clinic.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": _host_as_written(parts),
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


def mail_server(name: str) -> dict[str, Any]:
    """Django's EMAIL_ settings for `smtp://`, `smtp+tls://` (STARTTLS) or `smtps://user:password@host:port`."""
    parts = _split(name, text(name), frozenset({"smtp", "smtp+tls", "smtps"}))
    if not parts.hostname:
        raise ImproperlyConfigured(f"{name} names no host.")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def mail_provider(name: str, secret: str) -> tuple[str, str]:
    """Whose reports about letters are taken in, and the secret that proves them; two empty texts for nobody's."""
    provider, given = text(name, ""), text(secret, "")
    if not provider:
        if given:
            raise ImproperlyConfigured(f"{name} is not set, but {secret} is.")
        return "", ""
    if provider not in PROVIDERS:
        raise ImproperlyConfigured(f"{name} must be one of: {', '.join(PROVIDERS)}.")
    kind = PROVIDERS[provider].secret
    if not given:
        raise ImproperlyConfigured(f"{secret} is not set. For {provider} it is {kind}.")
    if not re.fullmatch(MAIL_PROVIDER_SECRETS[kind], given):
        raise ImproperlyConfigured(f"{secret} is, for {provider}, {kind}; a password has at least 12 letters.")
    return provider, given


def cache(name: str) -> dict[str, Any]:
    """`redis://…`, or the table `clinic_cache` of the database when the variable is not set."""
    url = text(name, "")
    if not url:
        return {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "clinic_cache"}
    _split(name, url, frozenset({"redis", "rediss"}))
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}


def base_url(name: str, default: str | None) -> SplitResult:
    """The site's own address, which every mailed link begins with: https, or http on loopback alone."""
    parts = _split(name, text(name, default).rstrip("/"), frozenset({"http", "https"}))
    if not parts.hostname or parts.path or parts.query or parts.username:
        raise ImproperlyConfigured(f"{name} must be a scheme and a host, like https://clinic.example.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ImproperlyConfigured(f"{name} must begin with https:// unless the host is this machine itself.")
    return parts


def kept_secret(path: Path) -> str:
    """The trial's secret key: made once, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A rename would let two first starts disagree; linking a finished file refuses the second.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()
