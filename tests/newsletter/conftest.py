import pytest


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    """What one test writes down about suppressed addresses, no other test finds again."""
    settings.VAR = tmp_path


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
