"""All settings, from the environment alone. `.env.example` documents each variable."""

import os
from datetime import timedelta
from pathlib import Path

from csp.constants import NONCE, NONE, SELF
from django.http.request import validate_host
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor

from clinic import env

BASE_DIR = Path(__file__).resolve().parent.parent
# What the site makes for itself: static files, fonts, uploads, the embedded database.
VAR = Path(env.text("VAR_FOLDER", str(BASE_DIR / "var")))

# The kind of installation: contract.md's trial, embedded or production.
PRODUCTION = bool(os.environ.get("DATABASE_URL"))
TRIAL = not PRODUCTION and not os.environ.get("SECRET_KEY")

DEBUG = env.flag("DEBUG", False)
DEMO = env.flag("DEMO", TRIAL)
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, least=1)
WEB_WORKERS = env.number("WEB_WORKERS", 2, least=1, most=64)
SECRET_KEY = env.kept_secret(VAR / "secret_key") if TRIAL else env.text("SECRET_KEY")
if PRODUCTION and len(SECRET_KEY) < 50:
    raise env.ImproperlyConfigured("SECRET_KEY must be at least 50 characters long.")
if PRODUCTION and DEBUG:
    raise env.ImproperlyConfigured("DEBUG must be 0 with a DATABASE_URL: error pages would show what patients typed.")

# Addresses
_site = env.base_url("BASE_URL", None if PRODUCTION else f"http://127.0.0.1:{PORT}")
BASE_URL = _site.geturl()
HTTPS = _site.scheme == "https"
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", None if PRODUCTION else "127.0.0.1,localhost,[::1]")
_host = (_site.netloc.rpartition(":")[0] if _site.port else _site.netloc).lower()
if not validate_host(_host, ALLOWED_HOSTS):
    raise env.ImproperlyConfigured("ALLOWED_HOSTS must hold the host of BASE_URL, or each mailed link is refused.")
# How many proxies of the practice's own stand in front; each adds one address to X-Forwarded-For. The web server
# itself speaks no TLS, so with https there is one.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 1 if HTTPS else 0, most=9)

# Database, cache, background work
_embedded = os.environ.get("EMBEDDED_DATABASE_URL", "postgres://clinic@%2Fnonexistent/clinic")
DATABASES = {"default": env.database("DATABASE_URL", os.environ.get("DATABASE_URL") or _embedded)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": env.cache("CACHE_URL")}
if env.text("TASKS_BACKEND", "database") != "database":
    raise env.ImproperlyConfigured("TASKS_BACKEND must be database.")
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}

# Mail. Without EMAIL_URL letters leave nowhere and are read in the admin.
SENDS_MAIL = PRODUCTION or bool(os.environ.get("EMAIL_URL"))
if SENDS_MAIL:
    globals().update(env.mail_server("EMAIL_URL"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.sender("DEFAULT_FROM_EMAIL", None if SENDS_MAIL else "clinic@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
MAIL_PROVIDER, MAIL_PROVIDER_SECRET = env.mail_provider("MAIL_PROVIDER", "MAIL_PROVIDER_SECRET")

INSTALLED_APPS = [
    # Before ours, which takes its tables out of the admin again.
    "django_tasks",
    "django_tasks_db",
    "clinic.apps.ClinicConfig",
    "articles.apps.ArticlesConfig",
    "appointments.apps.AppointmentsConfig",
    "newsletter.apps.NewsletterConfig",
    "clinic.apps.ClinicAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "crispy_forms",
    "csp",
    "django_htmx",
    "django_prose_editor",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "clinic.middleware.page_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "clinic.middleware.small_bodies",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "clinic.page_cache.PageCacheMiddleware",
]

ROOT_URLCONF = "clinic.urls"
WSGI_APPLICATION = "clinic.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "clinic.context.practice",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "clinic_forms"
CRISPY_FAIL_SILENTLY = False

# People
AUTH_USER_MODEL = "clinic.User"
LOGIN_URL = "admin:login"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Words and clocks. Storage is UTC; pages and the admin show the practice's own time.
LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# Files
FONTS_FOLDER = VAR / "fonts"
FONTS_FOLDER.mkdir(parents=True, exist_ok=True)
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static", ("fonts", FONTS_FOLDER)]
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(VAR / "media")))
PRIVATE_MEDIA_ROOT = Path(env.text("PRIVATE_MEDIA_ROOT", str(VAR / "private")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PRIVATE_MEDIA_ROOT, "base_url": None, "file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The editor's source map is half the work of collecting, and nobody is sent it.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
FILE_UPLOAD_PERMISSIONS = 0o644
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# The browser's walls
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "base-uri": [NONE],
        "object-src": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_AGE = None  # gone with the browser's session: nobody keeps a mark that a form was opened
CSRF_FAILURE_VIEW = "clinic.views.errors.csrf_failure"
if HTTPS:
    SECURE_SSL_REDIRECT = True
    # Monitors ask this process directly, without the proxy that speaks TLS.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=730).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    # Whether browsers ship the domain as TLS-only for ever is the practice's own decision, not a default.
    SILENCED_SYSTEM_CHECKS = ["security.W021"]
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "clinic.logs.LineFormatter", "format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # Django's own handler would mail error pages, with what was typed, to the administrators.
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # A wrong address is the visitor's business; only what broke is told.
        "django.request": {"level": "ERROR"},
        "clinic": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
