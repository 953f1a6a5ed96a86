import pytest


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    """What one test writes down about suppressed addresses, no other test finds again."""
    settings.VAR = tmp_path


@pytest.fixture(autouse=True)
def https(settings):
    """The site as patients reach it. Where its links begin with http, as in the trial, no mailing goes to a server."""
    settings.BASE_URL = "https://elmstreet.example"


@pytest.fixture
def sink(settings):
    """The mail server, a real one, that mailings are sent to."""
    from tests import mail_sink

    with mail_sink.running() as sink:
        settings.SENDS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 30
        settings.DEFAULT_FROM_EMAIL = "Elm Street <news@elmstreet.example>"
        yield sink


@pytest.fixture
def practice(db):
    # pytest reads this file before Django is ready.
    from clinic.models import Practice

    return Practice.objects.create(
        name="Fern & Vale",
        phone="+1 212 555 0142",
        email="desk@example.com",
        street="12 Orchard Street",
        city="New York",
        region="NY",
        postal_code="10002",
    )
