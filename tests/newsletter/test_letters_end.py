"""A letter to one person ends with what it says, and with their being on the list."""

from datetime import timedelta

import pytest
from django.utils import timezone

from clinic import letters as post
from clinic.models import Letter
from newsletter import suppression_journal, wording
from newsletter.emails import letters
from newsletter.models import MailingRules, Subscriber, Suppression
from newsletter.services import bounces, journal, signing_up
from newsletter.services.own_links import send
from newsletter.suppression_journal import Line
from tests.factories import make_letter, make_subscriber, manager
from tests.newsletter.lists import bring_in, table
from tests.newsletter.steps import ADA, confirm, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db


def leave(subscriber, now):
    words = wording.LEAVING.newest
    signing_up.leave(subscriber=subscriber, words=words, network_address="192.0.2.1", now=now)


def taken_off(subscriber, now):
    signing_up.take_off(Subscriber.objects.filter(pk=subscriber.pk), by=manager(), now=now)


def bounced(subscriber, now):
    bounces.bounced(subscriber=subscriber.pk, words="", now=now)


def complained(subscriber, now):
    bounces.complained(subscriber=subscriber.pk, words="", now=now)


def left_before_a_restore(subscriber, now):
    suppression_journal.append([Line(subscriber.email, Suppression.Reason.UNSUBSCRIBED, now)])
    journal.replay(now=now)


def left_elsewhere(subscriber, now):
    bring_in(table(subscriber.email, header="email"), status="unsubscribed", now=now)


def wait_in_a_queue():
    Letter.objects.update(state="queued", next_attempt_at=timezone.now())


def states(email):
    return dict(Letter.objects.filter(to=email).values_list("kind", "state"))


@pytest.mark.parametrize("go", [leave, taken_off, bounced, complained, left_before_a_restore, left_elsewhere])
def test_whoever_is_off_the_list_gets_no_letter_that_waited(client, practice, go):
    MailingRules.objects.create(welcome_is_sent=True, welcome_subject="Welcome", welcome_text="Good to have you.")
    bea = make_subscriber(email="bea@example.com")
    sign_up(client)
    confirm(client)
    sign_up(client)
    ada = Subscriber.objects.get(email=ADA)
    send(subscribers=[ada.pk, bea.pk], now=timezone.now())
    wait_in_a_queue()
    make_letter(to=ADA, kind="appointments/letters/booked")
    (sent,) = Letter.objects.filter(kind="newsletter/letters/welcome")
    Letter.objects.filter(pk=sent.pk).update(state="sent")

    now = timezone.now()
    go(ada, now)

    assert states(ADA) == {
        "newsletter/letters/confirm": "withdrawn",
        "newsletter/letters/already": "withdrawn",
        "newsletter/letters/own_link": "withdrawn",
        "newsletter/letters/welcome": "sent",
        "appointments/letters/booked": "queued",
    }
    assert states("bea@example.com") == {"newsletter/letters/own_link": "queued"}
    sent.refresh_from_db()
    with pytest.raises(post.NoLongerTrue):
        post.send_again(sent, now=now)


def test_leaving_ends_the_links_to_choose_and_not_those_to_leave(client):
    subscriber, other = make_subscriber(email=ADA), make_subscriber()
    send(subscribers=[subscriber.pk, other.pk], now=timezone.now())
    choose, out = path_in(last_letter(), "preferences"), path_in(last_letter(), "unsubscribe")
    of_another = path_in(last_letter(other.email), "preferences")
    client.post(out)
    answer = client.get(choose)
    assert answer.status_code == 410
    assert "and end when you leave the list." in answer.content.decode()
    assert client.get(out).status_code == 200
    assert client.get(of_another).status_code == 200
    # Nor does it open again for whoever has the old letter when the person has come back.
    sign_up(client)
    confirm(client)
    assert Subscriber.objects.get(email=ADA).state == "confirmed"
    assert client.get(choose).status_code == 410


def test_each_letter_is_true_for_as_long_as_its_link_works(client, practice):
    MailingRules.objects.create(welcome_is_sent=True, welcome_subject="Welcome", welcome_text="Good to have you.")
    sign_up(client)
    confirm(client)
    sign_up(client)
    send(subscribers=[Subscriber.objects.get().pk], now=timezone.now())
    days = {letter.kind.rpartition("/")[2]: letter.not_after - letter.created_at for letter in Letter.objects.all()}
    month, fortnight = timedelta(days=30), timedelta(days=14)
    assert days == {"confirm": fortnight, "already": month, "welcome": month, "own_link": month}
    for letter in Letter.objects.exclude(kind__endswith="confirm"):
        assert "for the next 30 days:" in letter.body
        assert letter.links["preferences"]["seconds"] == month.total_seconds()
        assert letter.links["leave"]["seconds"] is None


def test_a_letter_that_is_too_old_to_be_looked_up_is_not_sent_again_either():
    """By then it is no longer true anyway, and there is no index of addresses."""
    subscriber, now = make_subscriber(), timezone.now()
    letters.already_on_the_list(subscriber, now=now - letters.LONGEST_TRUE)
    assert not Letter.objects.get().is_true_at(now)
