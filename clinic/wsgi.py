"""The web server's entry: Django, with the public media files in front of it."""

import os
from wsgiref.headers import Headers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from whitenoise import WhiteNoise

MEDIA_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # Newsletters and link previews show these pictures outside of the site.
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def _add_headers(headers: Headers, path: str, url: str) -> None:
    for name, value in MEDIA_HEADERS.items():
        headers[name] = value


settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
# autorefresh looks each file up when it is asked for, since media come and go while the server runs;
# WhiteNoise answers ranges, which Safari needs for a film.
application = WhiteNoise(
    get_wsgi_application(),
    autorefresh=True,
    max_age=31536000,
    allow_all_origins=False,
    add_headers_function=_add_headers,
)
application.add_files(str(settings.MEDIA_ROOT), prefix="media/")
