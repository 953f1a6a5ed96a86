"""What the mail provider tells of letters, each in its own form: what becomes of it, and what is not kept."""

import json
import re
from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone
from django.utils.module_loading import import_string

from clinic.mail_providers import PROVIDERS
from newsletter.emails.providers import delivery_header, untracked_headers
from newsletter.models import Consent, MailEvent
from newsletter.services import events, ledger, reports, tokens
from newsletter.services.told import DEAD
from newsletter.services.told import told as what_is_told
from newsletter.views import provider_requests
from tests.factories import make_letter, make_subscriber
from tests.newsletter.mail_events import ADA, after, make_delivery, mark_of, stored, stranger, use
from tests.newsletter.provider_requests import SECRETS, post, told

pytestmark = [
    pytest.mark.django_db,
    # docs/mail-provider.md tells it too.
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]


@pytest.fixture(params=sorted(SECRETS))
def provider(request, settings):
    return use(settings, request.param)


@pytest.fixture
def mailgun(settings):
    return use(settings, "mailgun")


@pytest.fixture
def client():
    return stranger()


def kind_of(provider, body):
    """What is made of a request's only event."""
    request = RequestFactory().post("/", json.dumps(body), content_type="application/json")
    reader = import_string(provider_requests.READERS[provider][0])
    (event,) = reader(**{provider_requests.READERS[provider][1]: SECRETS[provider]}).parse_events(request)
    return what_is_told(provider, event, now=timezone.now()).kind


# What each event does, told by each provider in its own form


def test_delivered_settles_an_uncertain_letter(client, provider):
    delivery = make_delivery("uncertain")
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=3)

    answer = post(client, provider, told(provider, "delivered", mark=mark_of(delivery), at=at))

    assert (answer.status_code, answer.content, answer.cookies) == (200, b"Taken.\n", {})
    assert stored() == after(event="delivered", stamps=["delivered_at"])
    delivery.refresh_from_db()
    assert (delivery.delivered_at, delivery.settled_by) == (at, None)
    told_of = MailEvent.objects.get()
    assert (told_of.provider, told_of.delivery, told_of.at) == (provider, delivery, at)


def test_an_address_that_is_dead_gets_no_newsletter_any_more(client, provider):
    delivery = make_delivery("uncertain")

    post(client, provider, told(provider, "bounced", mark=mark_of(delivery), words="550 5.1.1 No such user"))

    assert stored() == after(
        event="bounced",
        person="bounced",
        suppressions=[(ADA, "bounced", "550 5.1.1 No such user")],
        stamps=["bounced_at"],
    )


def test_a_letter_that_was_refused_for_good_came_back_and_the_person_stays(client, provider):
    delivery = make_delivery(answer="250 OK")
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=3)
    words = "550 5.7.1 We do not want this letter"

    post(client, provider, told(provider, "refused", mark=mark_of(delivery), at=at, words=words))

    assert stored() == after(event="refused", stamps=["bounced_at"])
    delivery.refresh_from_db()
    assert (delivery.bounced_at, delivery.answer) == (at, words)
    # As the report and the breaker count it.
    assert reports.figures([delivery.campaign])[delivery.campaign_id].bounced == 1
    assert ledger.came_back(delivery.campaign) == 1


def test_a_letter_that_the_provider_still_tries_has_not_come_back(client, provider):
    delivery = make_delivery(answer="250 OK")

    post(client, provider, told(provider, "deferred", mark=mark_of(delivery), words="452 4.2.2 Mailbox full"))

    assert stored() == after(event="deferred")
    delivery.refresh_from_db()
    assert delivery.answer == "250 OK"


@pytest.mark.parametrize(("hours", "stamps"), [(1, {"delivered_at"}), (-1, {"bounced_at", "delivered_at"})])
@pytest.mark.parametrize("is_told_in_order", [True, False])
def test_what_happened_last_counts_in_whichever_order_it_is_told(client, settings, hours, stamps, is_told_in_order):
    """Delivered an hour after the refusal it is there; an hour before, it was sent back from the mailbox."""
    use(settings, "postmark")
    delivery, at = make_delivery(answer="250 OK"), timezone.now() - timedelta(hours=2)
    told_of = [("refused", at, "554 5.7.1 No"), ("delivered", at + timedelta(hours=hours), "250 Kept")]

    for kind, moment, words in sorted(told_of, key=lambda one: one[1], reverse=not is_told_in_order):
        post(client, "postmark", told("postmark", kind, mark=mark_of(delivery), at=moment, words=words))

    assert stored() == {**after(event=None, stamps=stamps), "events": ["delivered", "refused"]}
    delivery.refresh_from_db()
    # A delivery by itself changes no words.
    assert delivery.answer == {1: "250 Kept" if is_told_in_order else "250 OK", -1: "554 5.7.1 No"}[hours]


@pytest.mark.parametrize(
    ("words", "is_dead"),
    [
        *((f"550 {code} Said", True) for code in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")),
        ("smtp; 550-5.1.1 Said", True),
        ("550 No such user", True),
        ("550 5.0.0 Undefined", True),
        ("550 Mail from [5.7.1.4] is refused", True),
        *((f"552 {code} Said", False) for code in ("5.1.0", "5.1.7", "5.1.8", "5.1.100", "5.2.2", "5.7.1", "5.7.515")),
        ("452 4.2.2 Mailbox full", False),
    ],
)
def test_where_a_status_code_is_told_it_must_call_the_address_dead_as_well(words, is_dead):
    """For ever is long: by its own word a provider calls a full mailbox dead, or one that did not like the text."""
    kinds = {name: kind_of(name, told(name, "bounced", words=words)) for name in SECRETS}

    assert kinds == dict.fromkeys(SECRETS, "bounced" if is_dead else "refused")


@pytest.mark.parametrize(
    ("provider_name", "path", "value"),
    [
        ("mailgun", ("event-data", "delivery-status", "enhanced-code"), "5.2.2"),
        ("mailjet", (0, "error"), "quota exceeded"),
        ("postmark", ("Description",), "The mailbox is full: 5.2.2"),
        ("resend", ("data", "bounce", "diagnosticCode"), ["smtp; 552 5.2.2 Mailbox full"]),
        ("sendgrid", (0, "status"), "5.2.2"),
    ],
)
def test_a_code_may_stand_beside_the_servers_words(provider_name, path, value):
    body = told(provider_name, "bounced", words="Mailbox full")
    *outer, last = path
    at = body
    for key in outer:
        at = at[key]
    at[last] = value

    assert kind_of(provider_name, body) == "refused"


def test_a_complaint_is_for_ever(client, provider):
    delivery = make_delivery()

    post(client, provider, told(provider, "complained", mark=mark_of(delivery)))

    assert stored() == after(
        event="complained", person="complained", suppressions=[(ADA, "complained", "")], stamps=["complained_at"]
    )


@pytest.mark.parametrize("name", sorted(set(SECRETS) - {"resend"}))  # which has no such button
def test_leaving_with_the_provider_is_leaving(client, settings, name):
    provider = use(settings, name)
    delivery = make_delivery()

    post(client, provider, told(provider, "unsubscribed", mark=mark_of(delivery)))

    assert stored() == after(
        event="unsubscribed", person="unsubscribed", suppressions=[(ADA, "unsubscribed", "")], stamps=["left_at"]
    )
    line = Consent.objects.get()
    assert (line.kind, line.version, line.network_address) == ("left", "leaving at the provider 1", None)
    assert line.words == "The person has left with the mail provider, which told the site so."


def test_an_open_is_not_kept(client, provider):
    delivery = make_delivery("uncertain")

    answer = post(client, provider, told(provider, "opened", mark=mark_of(delivery)))

    assert answer.status_code == 200
    assert stored() == after(event=None, delivery="uncertain")


@pytest.mark.parametrize("name", ["SpamNotification", "Unknown"])
def test_a_filter_at_the_mailbox_is_no_complaint(client, settings, name):
    use(settings, "postmark")
    delivery = make_delivery()
    body = told("postmark", "refused", mark=mark_of(delivery))

    post(client, "postmark", {**body, "Type": name})

    assert stored() == after(event="refused", stamps=["bounced_at"])


def test_what_the_provider_does_not_send_on_has_failed(client, settings):
    use(settings, "sendgrid")
    delivery = make_delivery("uncertain")
    (event,) = told("sendgrid", "delivered", mark=mark_of(delivery))

    post(client, "sendgrid", [{**event, "event": "dropped", "reason": "Spam Content"}])

    assert stored() == after(event="rejected", delivery="failed")


def test_several_events_come_in_one_request(client, settings):
    use(settings, "sendgrid")
    first, second = make_delivery("uncertain"), make_delivery("uncertain", email="bob@example.com")
    bodies = [
        told("sendgrid", "delivered", mark=mark_of(delivery), to=delivery.subscriber.email)
        for delivery in (first, second)
    ]

    post(client, "sendgrid", [*bodies[0], *bodies[1]])

    assert stored()["deliveries"] == ["accepted", "accepted"]
    assert MailEvent.objects.count() == 2


# Whose letter it is


def test_the_message_id_names_the_delivery_where_no_mark_does(client, mailgun):
    delivery = make_delivery("uncertain")
    body = told(mailgun, "delivered")
    name = tokens.message_id(delivery.campaign_id, delivery.subscriber_id).strip("<>")
    body["event-data"]["message"]["headers"]["message-id"] = name

    post(client, mailgun, body)

    assert stored() == after(event="delivered", stamps=["delivered_at"])


def test_the_providers_own_number_names_it_where_that_was_kept(client, settings):
    use(settings, "resend")
    make_delivery("uncertain", provider_id="ae2014de-c168-4c61-8267-70d2662a1ce1")

    post(client, "resend", told("resend", "delivered", number="ae2014dec1684c61826770d2662a1ce1"))

    assert stored() == after(event="delivered", stamps=["delivered_at"])


@pytest.mark.parametrize("to", [ADA, "ADA@EXAMPLE.com"])
def test_an_address_that_bounced_a_letter_of_an_appointment_is_dead_for_newsletters_too(client, provider, to):
    make_subscriber(email=ADA)
    letter = make_letter(to=ADA, state="sent", next_attempt_at=None)

    post(client, provider, told(provider, "bounced", to=to, words="550 No such user"))

    assert stored() == {
        "events": ["bounced"],
        "people": [(ADA, "bounced")],
        "suppressions": [(ADA, "bounced", "550 No such user")],
        "deliveries": [],
        "stamps": [],
    }
    letter.refresh_from_db()
    assert (letter.state, letter.error) == ("sent", "")


@pytest.mark.parametrize("kind", ["delivered", "refused", "bounced", "complained", "unsubscribed"])
def test_what_concerns_nobody_on_the_list_leaves_no_trace(client, provider, kind):
    make_delivery()

    answer = post(client, provider, told(provider, kind, to="stranger@example.com"))

    assert answer.status_code == 200
    assert stored() == after(event=None)


def test_a_mark_of_another_site_names_nobody(client, mailgun, settings):
    delivery = make_delivery("uncertain")
    mark = mark_of(delivery)
    settings.SECRET_KEY = "another-sites-key-" * 4
    assert mark_of(delivery) != mark

    answer = post(client, mailgun, told(mailgun, "delivered", mark=mark))

    assert answer.status_code == 200
    assert stored() == after(event=None, delivery="uncertain")


# What is kept


def test_after_a_year_it_is_forgotten():
    now = timezone.now()
    for days in (364, 366, 800):
        MailEvent.objects.create(
            provider="mailgun", event_id=str(days), kind="delivered", at=now, received_at=now - timedelta(days=days)
        )

    assert events.forget_old(now=now) == 2
    assert MailEvent.objects.get().event_id == "364"


# What goes along with a newsletter


def test_each_provider_that_can_be_set_can_be_read_and_has_a_mark(provider):
    assert set(PROVIDERS) == set(provider_requests.READERS) == set(SECRETS) == set(DEAD)
    name, template = delivery_header(provider)
    assert re.fullmatch(r"X-[A-Za-z-]+", name)
    assert template.count("%") == 1
    if provider != "postmark":
        assert '"delivery": "n1-2-abc"' in json.dumps(json.loads(template % "n1-2-abc"))
    for field, value in untracked_headers(provider):
        assert re.fullmatch(r"X-[A-Za-z-]+", field)
        assert value in {"no", "0", "false", "None", "true"}


def test_without_a_provider_there_is_no_header():
    assert delivery_header("") is None
    assert untracked_headers("") == ()


def test_a_mark_that_a_restored_database_gave_to_somebody_else_harms_nobody(client, settings):
    use(settings, "sendgrid")
    delivery = make_delivery("accepted")

    post(client, "sendgrid", told("sendgrid", "complained", mark=mark_of(delivery), to="somebody.else@example.net"))

    delivery.subscriber.refresh_from_db()
    assert (delivery.subscriber.state, MailEvent.objects.count()) == ("confirmed", 0)
