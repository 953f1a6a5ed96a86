"""Who must get no newsletter: what the person lifts, what nobody can lift, and a log that is only added to."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic.models import Letter
from newsletter.models import Consent, Subscriber, Suppression
from newsletter.services import signing_up
from tests.factories import NOON, make_subscriber, marketing
from tests.newsletter.steps import ADA, confirm, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db

Reason = Suppression.Reason


def log():
    return list(Suppression.objects.order_by("pk").values_list("email", "reason"))


def mailable():
    return list(Subscriber.objects.mailable().values_list("email", flat=True))


def test_the_persons_own_new_double_opt_in_lifts_a_leaving(client):
    client.post(join(client))
    assert (log(), mailable()) == ([(ADA, "unsubscribed")], [])
    sign_up(client)
    # Signing up alone, which anybody can do, lifts nothing.
    assert (log(), mailable()) == ([(ADA, "unsubscribed")], [])
    page = path_in(last_letter(), "confirm")
    client.get(page)
    assert mailable() == []
    client.post(page)
    assert (log(), mailable()) == ([(ADA, "unsubscribed"), (ADA, "lifted")], [ADA])
    client.post(page)
    assert log() == [(ADA, "unsubscribed"), (ADA, "lifted")]


def test_leaving_again_after_coming_back_is_in_force(client):
    client.post(join(client))
    leave = join(client)
    assert mailable() == [ADA]
    client.post(leave)
    assert (log(), mailable()) == ([(ADA, "unsubscribed"), (ADA, "lifted"), (ADA, "unsubscribed")], [])


def test_a_first_confirmation_lifts_nothing(client):
    join(client)
    assert log() == []


def test_an_address_that_left_elsewhere_under_other_capitals_is_lifted_in_person(client):
    """As from an imported list of suppressed addresses: there is no subscriber yet."""
    Suppression.objects.add(["Ada@Example.COM"], Reason.UNSUBSCRIBED, now=NOON)
    join(client)
    assert (log(), mailable()) == ([(ADA, "unsubscribed"), (ADA, "lifted")], [ADA])


@pytest.mark.parametrize("reason", [Reason.BOUNCED, Reason.COMPLAINED])
def test_a_complaint_and_a_dead_address_are_lifted_by_nobody(client, practice, reason):
    sign_up(client)
    page = path_in(last_letter(), "confirm")
    Suppression.objects.add([ADA.upper()], reason, now=timezone.now())
    for method in (client.get, client.post):
        answer = method(page)
        words = answer.content.decode()
        assert answer.status_code == 409
        assert answer["Cache-Control"] == "no-store"
        assert "We cannot send to this address any more" in words
        assert practice.phone in words
        assert 'href="/newsletter/">Sign up with another address</a>' in words
    assert Subscriber.objects.get().state == "pending"
    assert (log(), mailable()) == ([(ADA, reason)], [])
    assert not Consent.objects.filter(kind="confirmed").exists()


def test_an_older_leaving_is_not_lifted_where_a_complaint_holds(client):
    client.post(join(client))
    Suppression.objects.add([ADA], Reason.COMPLAINED, now=timezone.now())
    Subscriber.objects.update(state="complained")
    ask = Consent.objects.filter(kind="asked").get()
    with pytest.raises(signing_up.NotSentTo):
        signing_up.confirm(ask=ask, words=signing_up.wording.CONFIRMATION.newest, network_address="::1", now=NOON)
    assert Reason.LIFTED not in dict(log()).values()


def test_who_has_complained_is_sent_no_letter_and_the_screen_does_not_tell(client):
    Suppression.objects.add([ADA], Reason.COMPLAINED, now=NOON)
    with CaptureQueriesContext(connection) as queries:
        answer = sign_up(client)
    with CaptureQueriesContext(connection) as others:
        other = sign_up(client, "eve@example.org")
    assert (answer.status_code, dict(answer.headers), answer.content) == (
        other.status_code,
        dict(other.headers),
        other.content,
    )
    assert list(Letter.objects.values_list("to", flat=True)) == ["eve@example.org"]
    # The ask is evidence all the same. The letter was written as well, and taken back: one statement more.
    assert Consent.objects.filter(subscriber__email=ADA, kind="asked").count() == 1
    assert len(queries) - len(others) == 1


def test_a_dead_address_is_told_when_it_lives_again(client):
    """The letter arrives where the mailbox has been mended, and its page says whom to call."""
    Suppression.objects.add([ADA], Reason.BOUNCED, now=NOON)
    sign_up(client)
    assert confirm(client).status_code == 409


def test_suppression_is_about_newsletters_alone(client, practice):
    from tests.appointments.steps import send as ask_for_an_appointment

    Suppression.objects.add([ADA], Reason.COMPLAINED, now=NOON)
    assert ask_for_an_appointment(client, email=ADA).status_code == 303
    assert Letter.objects.filter(to=ADA).exists()


def test_staff_who_take_people_off_leave_a_line_for_each(client):
    people = [make_subscriber(email=f"Reader{number}@Example.com") for number in range(3)]
    gone = make_subscriber(state="complained")
    user = marketing()
    assert signing_up.take_off(Subscriber.objects.all(), by=user, now=timezone.now()) == 3
    lines = Suppression.objects.order_by("email")
    assert [(line.email, line.reason, line.by) for line in lines] == [
        (person.email.lower(), "unsubscribed", user) for person in people
    ]
    gone.refresh_from_db()
    assert gone.state == "complained"
    assert signing_up.take_off(Subscriber.objects.all(), by=user, now=timezone.now()) == 0
    assert Suppression.objects.count() == 3


def test_the_log_is_added_to_and_never_changed():
    Suppression.objects.add([ADA], Reason.UNSUBSCRIBED, now=NOON)
    line = Suppression.objects.get()
    line.reason = Reason.LIFTED
    rows = Suppression.objects.all()
    for change in (line.save, line.delete, rows.delete, lambda: rows.update(reason=Reason.LIFTED)):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM newsletter_suppression")
    assert log() == [(ADA, "unsubscribed")]


def test_the_database_keeps_addresses_in_small_letters():
    with pytest.raises(IntegrityError, match="suppression_in_small_letters"), transaction.atomic():
        Suppression.objects.create(email="Ada@example.com", reason=Reason.BOUNCED, at=NOON)


def test_lines_of_one_address_are_in_the_order_of_their_times():
    """However far behind a clock is: what was written last counts, and the journal knows times alone."""
    Suppression.objects.add([ADA], Reason.UNSUBSCRIBED, now=NOON)
    Suppression.objects.add([ADA, "eve@example.org"], Reason.LIFTED, now=NOON - timedelta(hours=1))
    assert list(Suppression.objects.order_by("pk").values_list("email", "at")) == [
        (ADA, NOON),
        (ADA, NOON + timedelta(microseconds=1)),
        ("eve@example.org", NOON - timedelta(hours=1)),
    ]
