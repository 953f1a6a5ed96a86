"""Settings come from the environment, strictly: what is missing or malformed stops the start and is named."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from clinic import env
from clinic.mail_providers import PROVIDERS

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "Zf8-pass%2Fword"
PRODUCTION = {
    "DATABASE_URL": f"postgres://clinic:{SECRET}@db.example:5433/site?sslmode=require",
    "SECRET_KEY": "k3y-of-a-test-" * 4,
    "ALLOWED_HOSTS": "clinic.example, www.clinic.example",
    "BASE_URL": "https://clinic.example",
    "EMAIL_URL": f"smtp+tls://post:{SECRET}@mail.example",
    "DEFAULT_FROM_EMAIL": "The practice <desk@clinic.example>",
}


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Reads clinic/settings.py with this environment and nothing else; returns its names."""

    def read(variables):
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in {"VAR_FOLDER": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "clinic" / "settings.py"))

    return read


def manage(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


# What is missing or malformed


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "DATABASE_URL"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_each_missing_variable_of_production_stops_the_start_and_is_named(start, name, value):
    variables = {**PRODUCTION, name: value}
    if value is None:
        del variables[name]

    with pytest.raises(ImproperlyConfigured) as refusal:
        start(variables)

    assert str(refusal.value) == f"{name} is not set. .env.example says what it holds."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"mysql://clinic:{SECRET}@db.example/site"),
        ("DATABASE_URL", f"postgres://clinic:{SECRET}@db.example"),
        ("DATABASE_URL", f"postgres://clinic:{SECRET}@db.example:port/site"),
        ("DATABASE_URL", "postgres://clinic:Zf8-pass/word@db.example/site"),
        ("DATABASE_URL", "postgres://clinic:Zf8-pass#word@db.example/site"),
        ("DATABASE_URL", f"postgres://clinic:{SECRET}℀@db.example/site"),
        ("DATABASE_URL", f"clinic:{SECRET}"),
        ("SECRET_KEY", "Zf8-pass, and it is short"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "clinic.example,*"),
        ("ALLOWED_HOSTS", ","),
        ("ALLOWED_HOSTS", "https://clinic.example"),
        ("ALLOWED_HOSTS", "clinic.example/"),
        ("ALLOWED_HOSTS", "clinic.example:443"),
        ("ALLOWED_HOSTS", "clinic.example www.clinic.example"),
        ("ALLOWED_HOSTS", "other.example"),
        ("BASE_URL", "clinic.example"),
        ("BASE_URL", "ftp://clinic.example"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "https://clinic.example/site"),
        ("BASE_URL", "https://clinic.example?x=1"),
        ("BASE_URL", f"https://me:{SECRET}@clinic.example"),
        ("BASE_URL", "https://clinic.example:port"),
        ("BASE_URL", "http://clinic.example"),
        ("BASE_URL", "http://127.0.0.1.clinic.example"),
        ("BASE_URL", "http://192.168.1.10"),
        ("EMAIL_URL", f"mailto:{SECRET}"),
        ("EMAIL_URL", f"post:{SECRET}@mail.example"),
        ("EMAIL_URL", "smtp://post:Zf8-pass/word@mail.example"),
        ("EMAIL_URL", "smtp://"),
        ("DEFAULT_FROM_EMAIL", "The practice"),
        ("DEFAULT_FROM_EMAIL", "desk@"),
        ("DEFAULT_FROM_EMAIL", "desk at clinic.example"),
        ("CACHE_URL", f"memcached://:{SECRET}@cache.example"),
        ("TASKS_BACKEND", "rq"),
        ("TRUSTED_PROXIES", "10"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "one"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80a"),
        ("PORT", "٣"),
        ("WEB_WORKERS", "0"),
        ("WEB_WORKERS", "65"),
        ("DEBUG", "true"),
        ("DEMO", "yes"),
        ("MAIL_PROVIDER", "amazon-ses"),
        ("MAIL_PROVIDER", "Mailgun"),
    ],
)
def test_each_malformed_variable_stops_the_start_and_is_named_and_no_password_is_told(start, name, value):
    with pytest.raises(ImproperlyConfigured) as refusal:
        start({**PRODUCTION, name: value})

    assert str(refusal.value).startswith(f"{name} ")
    assert "Zf8-pass" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_command_fails_at_start_and_tells_the_variable_without_the_password():
    broken = {**PRODUCTION, "DATABASE_URL": "postgres://clinic:Zf8-pass/word@db.example/site"}

    ended = manage("check", **broken)

    assert ended.returncode != 0
    assert "DATABASE_URL is not a URL." in ended.stderr
    assert "Zf8-pass" not in ended.stdout + ended.stderr


# What the parts become


def test_a_database_url_becomes_djangos_settings(start):
    database = start(PRODUCTION)["DATABASES"]["default"]

    names = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    assert [database[name] for name in names] == [
        "django.db.backends.postgresql",
        "site",
        "clinic",
        "Zf8-pass/word",
        "db.example",
        "5433",
        {"sslmode": "require"},
    ]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("%2FRun%2Fpostgres", "/Run/postgres"), ("[::1]", "::1"), ("DB.example", "DB.example"), ("", "")],
)
def test_a_host_may_be_a_socket_a_name_or_an_ipv6_address(host, expected):
    assert env.database("DATABASE_URL", f"postgres://u:p@{host}:5432/site")["HOST"] == expected


@pytest.mark.parametrize(
    ("scheme", "port", "tls", "ssl"),
    [("smtp", 25, False, False), ("smtp+tls", 587, True, False), ("smtps", 465, False, True)],
)
def test_a_mail_url_becomes_djangos_settings(start, scheme, port, tls, ssl):
    names = start({**PRODUCTION, "EMAIL_URL": f"{scheme}://po%40st:{SECRET}@mail.example"})

    wanted = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    assert [names[name] for name in wanted] == ["mail.example", port, "po@st", "Zf8-pass/word", tls, ssl]


@pytest.mark.parametrize(
    ("provider", "secret"),
    [
        ("mailgun", "key-3ax6xnjp29jd"),
        ("postmark", "post:three:long-words"),
        ("resend", "whsec_MfKQ9r8GKYqrTwjUPD8ILA=="),
    ],
)
def test_a_mail_provider_is_set_with_its_secret(start, provider, secret):
    names = start({**PRODUCTION, "MAIL_PROVIDER": provider, "MAIL_PROVIDER_SECRET": secret})

    assert (names["MAIL_PROVIDER"], names["MAIL_PROVIDER_SECRET"]) == (provider, secret)


def test_without_a_mail_provider_there_is_no_secret(start):
    names = start({**PRODUCTION, "MAIL_PROVIDER": " ", "MAIL_PROVIDER_SECRET": ""})

    assert (names["MAIL_PROVIDER"], names["MAIL_PROVIDER_SECRET"]) == ("", "")


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_a_mail_provider_without_its_secret_stops_the_start(start, provider):
    with pytest.raises(ImproperlyConfigured, match=f"^MAIL_PROVIDER_SECRET is not set. For {provider} it is "):
        start({**PRODUCTION, "MAIL_PROVIDER": provider})


def test_a_secret_without_a_mail_provider_stops_the_start(start):
    with pytest.raises(ImproperlyConfigured, match=r"^MAIL_PROVIDER is not set, but MAIL_PROVIDER_SECRET is\.$"):
        start({**PRODUCTION, "MAIL_PROVIDER_SECRET": "Zf8-pass-word-of-some-length"})


@pytest.mark.parametrize(
    ("provider", "secret"),
    [
        ("mailgun", "Zf8-pass"),
        ("mailgun", "Zf8-pass word of some length"),
        ("mailtrap", "Zf8-pass-wörd-of-some-length"),
        ("postmark", "Zf8-pass-word-of-some-length"),
        ("postmark", ":Zf8-pass-word-of-some-length"),
        ("brevo", "post:Zf8-pass"),
        ("sparkpost", "post:Zf8-pass word"),
        ("resend", "Zf8-pass-word-of-some-length"),
        ("resend", "whsec_Zf8-pass-word-of-some-length"),
        ("resend", "whsec_Zf8"),
    ],
)
def test_a_malformed_secret_of_a_mail_provider_stops_the_start_and_is_not_told(start, provider, secret):
    with pytest.raises(ImproperlyConfigured) as refusal:
        start({**PRODUCTION, "MAIL_PROVIDER": provider, "MAIL_PROVIDER_SECRET": secret})

    assert str(refusal.value).startswith(f"MAIL_PROVIDER_SECRET is, for {provider}, ")
    assert "Zf8" not in str(refusal.value)


# The kinds of installation


def test_nothing_set_is_a_trial_with_the_demo_and_a_key_of_its_own(start, tmp_path):
    names = start({})

    assert [names[name] for name in ("TRIAL", "PRODUCTION", "DEMO", "SENDS_MAIL", "HTTPS", "DEBUG")] == [
        True,
        False,
        True,
        False,
        False,
        False,
    ]
    assert names["BASE_URL"] == "http://127.0.0.1:8000"
    assert names["SECRET_KEY"] == (tmp_path / "secret_key").read_text() == start({})["SECRET_KEY"]
    assert len(names["SECRET_KEY"]) >= 50
    assert oct((tmp_path / "secret_key").stat().st_mode & 0o777) == "0o600"


def test_a_secret_key_alone_is_embedded_without_the_demo(start, tmp_path):
    names = start({"SECRET_KEY": "chosen"})

    assert [names[name] for name in ("TRIAL", "PRODUCTION", "DEMO", "SECRET_KEY")] == [False, False, False, "chosen"]
    assert not (tmp_path / "secret_key").exists()


def test_a_mail_server_can_be_tried_without_production(start):
    names = start({"EMAIL_URL": "smtp://localhost:1025", "DEFAULT_FROM_EMAIL": "desk@clinic.example"})

    assert [names[name] for name in ("TRIAL", "SENDS_MAIL", "EMAIL_PORT")] == [True, True, 1025]


def test_a_database_url_is_production_without_the_demo_and_with_mail(start):
    names = start(PRODUCTION)

    assert [names[name] for name in ("PRODUCTION", "TRIAL", "DEMO", "SENDS_MAIL", "DEBUG")] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert names["ALLOWED_HOSTS"] == ["clinic.example", "www.clinic.example"]


def test_https_gives_redirect_hsts_and_host_cookies(start):
    names = start(PRODUCTION)

    assert {name: names[name] for name in names if name.startswith(("SECURE_", "SESSION_COOKIE_", "CSRF_COOKIE_"))} == {
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_SSL_REDIRECT": True,
        "SECURE_REDIRECT_EXEMPT": ["^healthz$", "^readyz$"],
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_HSTS_SECONDS": 730 * 86400,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SESSION_COOKIE_AGE": 12 * 3600,
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
        "CSRF_COOKIE_AGE": None,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": True,
    }


def test_http_on_loopback_has_neither(start):
    names = start({**PRODUCTION, "BASE_URL": "http://127.0.0.1:8000", "ALLOWED_HOSTS": "127.0.0.1"})

    https_only = {"SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE"}
    assert https_only & set(names) == set()


@pytest.mark.parametrize("proxies", ["0", "1"])
def test_a_proxys_word_on_https_counts_only_when_there_is_a_proxy(start, proxies):
    names = start({**PRODUCTION, "TRUSTED_PROXIES": proxies})

    assert names.get("SECURE_PROXY_SSL_HEADER") == {"0": None, "1": ("HTTP_X_FORWARDED_PROTO", "https")}[proxies]


def test_the_deployment_check_is_clean_with_production_settings():
    ended = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "System check identified no issues (1 silenced).\n"


def test_importing_settings_starts_no_process(tmp_path):
    code = (
        "import subprocess, os\n"
        "def told(*a, **k): raise SystemExit('a process was started')\n"
        "subprocess.Popen.__init__ = os.fork = os.posix_spawn = told\n"
        "import django; django.setup()\n"
        "import sys; print('clinic.cluster' in sys.modules, os.path.exists(os.environ['VAR_FOLDER'] + '/postgres'))"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "VAR_FOLDER": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "clinic.settings",
    }

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )

    assert (ended.stdout, ended.stderr) == ("False False\n", "")
