"""What the mail provider tells is taken in once, in whatever order and however often it comes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from newsletter.models import Delivery, MailEvent
from tests.factories import NOON, make_subscriber
from tests.newsletter.mail_events import ADA, after, make_delivery, mark_of, stored, stranger, use
from tests.newsletter.provider_requests import SECRETS, post, told

AT_ONCE = 8

pytestmark = [
    pytest.mark.django_db,
    # docs/mail-provider.md tells it too.
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]


# One of each way to sign: a password, in the body, in a header, in several.
@pytest.fixture(params=["brevo", "mailgun", "mailtrap", "resend"])
def provider(request, settings):
    return use(settings, request.param)


@pytest.fixture
def mailgun(settings):
    return use(settings, "mailgun")


@pytest.fixture
def client():
    return stranger()


@pytest.mark.parametrize("provider", sorted(SECRETS), indirect=True)  # each numbers its events in its own way
def test_a_repetition_does_nothing(client, provider):
    delivery = make_delivery("uncertain")
    body = told(provider, "delivered", mark=mark_of(delivery))
    post(client, provider, body)
    # As a person may do in between.
    Delivery.objects.update(state="uncertain", delivered_at=None)

    answer = post(client, provider, body)

    # Mailgun's signature is good for one request.
    assert answer.status_code == (403 if provider == "mailgun" else 200)
    assert stored() == after(event="delivered", delivery="uncertain")


def test_the_same_under_a_new_number_finds_it_settled(client, mailgun):
    delivery = make_delivery()
    at = timezone.now() - timedelta(hours=2)
    for moment in (at, at + timedelta(hours=1)):
        post(client, mailgun, told(mailgun, "bounced", mark=mark_of(delivery), at=moment, words=f"said at {moment}"))

    assert stored() == {
        **after(event=None, person="bounced", stamps=["bounced_at"]),
        "events": ["bounced", "bounced"],
        "suppressions": [(ADA, "bounced", f"said at {at}")],
    }


def test_a_complaint_stays_when_the_delivery_is_told_after_it(client, provider):
    delivery = make_delivery("uncertain")
    at = timezone.now()
    post(client, provider, told(provider, "complained", mark=mark_of(delivery), at=at))
    post(client, provider, told(provider, "delivered", mark=mark_of(delivery), at=at - timedelta(minutes=1)))

    assert stored() == {
        **after(event=None, person="complained", stamps=["complained_at", "delivered_at"]),
        "events": ["complained", "delivered"],
        "suppressions": [(ADA, "complained", "")],
    }


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        ("sending", "delivered", "accepted"),
        ("queued", "delivered", "accepted"),
        ("retry", "delivered", "accepted"),
        ("failed", "delivered", "accepted"),
        ("failed", "complained", "accepted"),
        ("failed", "bounced", "failed"),
        ("sending", "refused", "accepted"),
        ("skipped", "delivered", "skipped"),
        ("kept", "delivered", "kept"),
    ],
)
def test_a_letter_that_the_provider_has_is_not_sent_again(client, mailgun, state, kind, expected):
    delivery = make_delivery(state)

    post(client, mailgun, told(mailgun, kind, mark=mark_of(delivery)))

    assert stored()["deliveries"] == [expected]


def test_a_letter_that_was_never_tried_is_still_sent(client, mailgun):
    delivery = make_delivery("queued", attempted_at=None)

    post(client, mailgun, told(mailgun, "refused", mark=mark_of(delivery)))

    assert stored()["deliveries"] == ["queued"]


def test_what_was_rejected_after_it_arrived_has_arrived(client, mailgun):
    delivery = make_delivery(delivered_at=NOON)
    body = told(mailgun, "delivered", mark=mark_of(delivery))
    body["event-data"] |= {"event": "rejected", "reject": {"reason": "Old"}}

    post(client, mailgun, body)

    assert stored() == after(event="rejected", stamps=["delivered_at"])


@pytest.mark.parametrize("kind", ["bounced", "unsubscribed"])
def test_who_joined_after_it_happened_stays(client, mailgun, kind):
    joined = timezone.now() - timedelta(days=1)
    delivery = make_delivery(subscriber=make_subscriber(email=ADA, confirmed_at=joined))

    post(client, mailgun, told(mailgun, kind, mark=mark_of(delivery), at=joined - timedelta(hours=1)))

    assert stored()["people"] == [(ADA, "confirmed")]
    assert stored()["suppressions"] == []


def test_a_complaint_counts_though_the_person_joined_again_after_it(client, mailgun):
    joined = timezone.now() - timedelta(days=1)
    delivery = make_delivery(subscriber=make_subscriber(email=ADA, confirmed_at=joined))

    post(client, mailgun, told(mailgun, "complained", mark=mark_of(delivery), at=joined - timedelta(hours=1)))

    assert stored()["people"] == [(ADA, "complained")]


@pytest.mark.parametrize(("age", "count"), [(timedelta(days=29, hours=23), 1), (timedelta(days=30, minutes=1), 0)])
def test_what_is_older_than_a_month_is_a_recording(client, provider, age, count):
    delivery = make_delivery("uncertain")

    answer = post(client, provider, told(provider, "delivered", mark=mark_of(delivery), at=timezone.now() - age))

    assert answer.status_code == 200
    assert MailEvent.objects.count() == count


def test_a_clock_that_is_ahead_is_not_believed(client, provider):
    delivery = make_delivery()

    post(client, provider, told(provider, "delivered", mark=mark_of(delivery), at=timezone.now() + timedelta(days=9)))

    delivery.refresh_from_db()
    assert timezone.now() - timedelta(minutes=1) < delivery.delivered_at <= timezone.now()


def at_once(provider, bodies):
    """What each of several threads, let go together, got for its request."""
    start = Barrier(len(bodies))

    def one(body):
        start.wait(10)
        try:
            return post(stranger(), provider, body).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(one, bodies))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "repeated"), [("sparkpost", 200), ("mailgun", 403)])
def test_the_same_request_many_times_at_once_is_taken_once(settings, name, repeated):
    provider = use(settings, name)
    delivery = make_delivery("uncertain")
    body = told(provider, "bounced", mark=mark_of(delivery), words="No such user")

    assert sorted(at_once(provider, [body] * AT_ONCE)) == [200, *[repeated] * (AT_ONCE - 1)]

    assert stored() == after(
        event="bounced", person="bounced", suppressions=[(ADA, "bounced", "No such user")], stamps=["bounced_at"]
    )


@pytest.mark.django_db(transaction=True)
def test_different_things_of_one_letter_at_once_do_not_wait_for_each_other_for_ever(mailgun):
    delivery = make_delivery("uncertain")
    kinds = ["bounced", "complained", "delivered", "unsubscribed"] * 3

    assert at_once(mailgun, [told(mailgun, kind, mark=mark_of(delivery)) for kind in kinds]) == [200] * len(kinds)

    assert stored()["people"] == [(ADA, "complained")]
    assert stored()["deliveries"] == ["accepted"]
    assert len(stored()["suppressions"]) in {1, 2, 3}
    assert {reason for _email, reason, _words in stored()["suppressions"]} >= {"bounced", "complained"}


@pytest.mark.django_db(transaction=True)
def test_without_the_constraint_it_is_taken_several_times(settings):
    """The negative control."""
    provider = use(settings, "sparkpost")
    delivery = make_delivery("uncertain")
    body = told(provider, "bounced", mark=mark_of(delivery))
    (guard,) = [constraint for constraint in MailEvent._meta.constraints if constraint.name == "mail_event_once"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(MailEvent, guard)
    try:
        at_once(provider, [body] * AT_ONCE)
        assert MailEvent.objects.count() == AT_ONCE
    finally:
        MailEvent.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(MailEvent, guard)


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_kept_gives_its_signature_back(client, mailgun):
    make_delivery("uncertain")
    body = told(mailgun, "bounced")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE newsletter_mailevent RENAME TO away")
        try:
            assert post(client, mailgun, body).status_code == 500
        finally:
            cursor.execute("ALTER TABLE away RENAME TO newsletter_mailevent")
    assert post(client, mailgun, body).status_code == 200
    assert stored()["people"] == [(ADA, "bounced")]


def test_a_request_that_the_database_could_not_keep_is_asked_for_again(client, provider):
    delivery = make_delivery("uncertain")
    body = told(provider, "delivered", mark=mark_of(delivery))
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before; ALTER TABLE newsletter_mailevent RENAME TO away")
        assert post(client, provider, body).status_code == 500
        cursor.execute("ROLLBACK TO SAVEPOINT before")
    assert stored() == after(event=None, delivery="uncertain")

    assert post(client, provider, body).status_code == 200
    assert stored() == after(event="delivered", stamps=["delivered_at"])
