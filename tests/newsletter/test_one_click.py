"""The one click of a mail program (RFC 8058) on a letter's own link: while a mailing is under way, and over HTTPS."""

from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client

from newsletter.services import campaigns
from tests.factories import NOON, User
from tests.newsletter.sending import begin, begun, receivers, send_all, states

pytestmark = pytest.mark.django_db
# What the mail server's thread does on a connection of its own sees only what is committed.
seen_by_others = pytest.mark.django_db(transaction=True)
FORM = "application/x-www-form-urlencoded"


def link_of(message):
    """As a mail program reads it: what the header says, and nothing else of us."""
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return urlsplit(message["List-Unsubscribe"].strip("<>"))


def one_click(message, **how):
    """What a mail program does: one POST, without a cookie, from nowhere of ours."""
    client = Client(enforce_csrf_checks=True)
    return client.post(link_of(message).path, "List-Unsubscribe=One-Click", content_type=FORM, **how)


@seen_by_others
def test_who_leaves_by_one_click_while_the_next_mailing_is_under_way_gets_nothing_of_it(sink):
    earlier, people = begun()
    send_all()
    by_person = {message["To"]: message for message in sink.accepted}
    campaigns.end_finished(now=NOON)
    sink.accepted.clear()
    later = begin(by=User.objects.get(), subject="The next")
    answers = []

    def second_leaves(message):
        """The first one's letter is on the line; the second is the next."""
        answers.append(one_click(by_person[people[1].email]))
        connection.close()
        return "250 OK"

    sink.answers.append(second_leaves)
    send_all()

    assert [answer.status_code for answer in answers] == [200]
    assert receivers(sink) == [people[0].email, people[2].email]
    assert (states(earlier), states(later)) == (["accepted"] * 3, ["accepted", "skipped", "accepted"])


@seen_by_others
def test_who_leaves_by_the_very_letter_that_is_on_the_line_has_it_and_gets_no_second_try(sink):
    """Some mailboxes show a letter before they have said that they take it; this one puts it off."""
    campaign, people = begun(count=2)

    def shown_and_put_off(message):
        assert one_click(message).status_code == 200
        connection.close()
        return "451 Later"

    sink.answers.append(shown_and_put_off)
    send_all()
    assert states(campaign) == ["retry", "accepted"]
    campaign.deliveries.filter(state="retry").update(next_attempt_at=NOON)
    send_all()

    assert (states(campaign), receivers(sink)) == (["skipped", "accepted"], [people[1].email])


@pytest.mark.parametrize("how", [{"secure": True}, {"headers": {"X-Forwarded-Proto": "https"}}], ids=["TLS", "proxy"])
def test_over_https_one_click_is_answered_without_a_detour(sink, settings, how):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if "headers" in how else None
    settings.BASE_URL = "https://elmstreet.example"
    _campaign, (person,) = begun(count=1)
    send_all()
    (message,) = sink.accepted
    assert link_of(message).scheme == "https"
    # The control: over http there is a detour, which a mail program need not follow.
    assert one_click(message).status_code == 301
    person.refresh_from_db()
    assert person.state == "confirmed"

    answer = one_click(message, **how)

    person.refresh_from_db()
    assert (answer.status_code, dict(answer.cookies), person.state) == (200, {}, "unsubscribed")
