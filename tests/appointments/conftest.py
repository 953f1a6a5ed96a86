import pytest


@pytest.fixture
def practice(db):
    # pytest reads this file before Django is ready.
    from tests import factories

    return factories.make_practice()
