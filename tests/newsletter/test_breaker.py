"""What stops a mailing by itself, however slowly it goes."""

from datetime import timedelta

import pytest

from clinic.models import User
from newsletter.models import CampaignStep, Delivery, MailingRules, Pace
from newsletter.services import campaigns, ledger, tokens
from newsletter.services.sending import breaker, mailer
from newsletter.services.sending.mailer import MOST_ATTEMPTS
from tests.factories import NOON
from tests.newsletter.mail_events import stranger, use
from tests.newsletter.post_office import Office
from tests.newsletter.provider_requests import post, told
from tests.newsletter.sending import begin, begun, send_all, slow_mailer

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
State = Delivery.State
pytestmark = pytest.mark.django_db
# As the rules have it at first, and so slowly that a slice holds one letter at most.
at_each_rate = pytest.mark.parametrize("rate", [300, 20])


@pytest.fixture
def office(settings, monkeypatch):
    office = Office()
    settings.SENDS_MAIL = True
    monkeypatch.setattr(mailer, "Post", office.line)
    return office


# One after another


@at_each_rate
@pytest.mark.parametrize(
    ("answer", "count", "reason"),
    [
        ("550 5.7.1 Relaying denied", 10, "10 letters in a row were refused, the last with: 550 5.7.1 Relaying denied"),
        ("lost", 5, "Of 5 letters in a row nobody knows whether they arrived, the last ended with: lost"),
        ("lost after", 5, "Of 5 letters in a row nobody knows whether they arrived, the last ended with: lost after"),
    ],
)
def test_letters_that_fail_one_after_another_pause_the_campaign(office, rate, answer, count, reason):
    campaign, _people = begun(count=30, rate_per_minute=rate)
    office.answers.extend([answer] * 30)

    send_all(mailer=slow_mailer(rate))

    campaign.refresh_from_db()
    assert (campaign.state, campaign.pause_reason) == ("paused", reason)
    assert ledger.tally(campaign) == {"failed" if answer[0] == "5" else "uncertain": count, "queued": 30 - count}
    assert campaign.steps.get(kind=CampaignStep.Kind.PAUSED).by is None


@at_each_rate
def test_letters_put_off_one_after_another_make_it_rest(office, rate):
    campaign, _people = begun(count=30, rate_per_minute=rate)
    office.answers.extend(["451 Too busy"] * 30)

    send_all(mailer=slow_mailer(rate))

    assert ledger.tally(campaign) == {"retry": 20, "queued": 10}
    assert Pace.objects.values_list("rests", "trouble").get(campaign=campaign) == (1, "451 Too busy")


def test_one_that_arrives_between_them_begins_the_count_anew(office):
    MailingRules.objects.create(breaker_least=1000)
    campaign, _people = begun(count=20, rate_per_minute=300)
    office.answers.extend([*["550 5.7.1 No"] * 9, "250 OK", *["550 5.7.1 No"] * 4, *["lost"] * 4])

    send_all(mailer=slow_mailer(300))

    assert ledger.tally(campaign) == {"failed": 13, "accepted": 3, "uncertain": 4}


def test_each_campaign_has_its_own_count(office):
    one, _people = begun(count=6, rate_per_minute=300)
    other = begin(by=User.objects.get(), rate_per_minute=300)
    office.answers.extend(["550 5.7.1 No"] * 12)

    send_all(mailer=slow_mailer(300))

    assert [reason(one), reason(other)] == ["", ""]
    assert [ledger.tally(one), ledger.tally(other)] == [{"failed": 6}] * 2


def test_a_person_who_lets_it_go_on_begins_the_count_anew(office):
    MailingRules.objects.create(breaker_least=1000)
    campaign, _people = begun(count=9, rate_per_minute=300)
    worker = slow_mailer(300)
    office.answers.extend(["550 5.7.1 No"] * 18)
    send_all(mailer=worker)

    # While the worker was elsewhere, so that it never saw the campaign paused.
    pause_and_resume(campaign, at=worker.now() + SECOND)
    campaign.deliveries.update(state=State.QUEUED, next_attempt_at=NOON)
    send_all(mailer=worker)

    campaign.refresh_from_db()
    assert (campaign.state, ledger.tally(campaign), len(office.answers)) == ("sending", {"failed": 9}, 0)


def test_letters_put_off_for_the_last_time_have_failed(office):
    campaign, _people = begun(count=15, rate_per_minute=300)
    campaign.deliveries.update(attempts=MOST_ATTEMPTS - 1)
    office.answers.extend(["451 Later"] * 15)

    send_all(mailer=slow_mailer(300))

    campaign.refresh_from_db()
    assert campaign.pause_reason == "10 letters in a row were refused, the last with: 451 Later"
    assert ledger.tally(campaign) == {"failed": 10, "queued": 5}


# Too many of them


@pytest.mark.parametrize("answer", ["554 5.7.1 No", "lost"])
def test_too_large_a_share_that_goes_wrong_pauses_the_campaign(office, answer):
    MailingRules.objects.create(breaker_percent=20, breaker_least=5)
    campaign, _people = begun(count=10)
    office.answers.extend(["250 OK", answer] * 4)

    send_all()

    assert reason(campaign) == wrong(4, of=10)


def test_a_letter_that_will_be_tried_again_has_gone_neither_well_nor_wrong(office):
    MailingRules.objects.create(breaker_percent=30, breaker_least=5)
    campaign, _people = begun(count=15)
    office.answers.extend(["554 5.7.1 No", "250 OK", "250 OK", "554 5.7.1 No", "250 OK", *["451 Later"] * 10])

    send_all()

    assert reason(campaign) == wrong(2, of=5)


def test_after_a_pause_only_what_is_tried_since_counts(office):
    MailingRules.objects.create(breaker_percent=20, breaker_least=5)
    campaign, _people = begun(count=10)
    tried = campaign.deliveries.values("pk")[:4]
    campaign.deliveries.filter(pk__in=tried).update(state=State.FAILED, attempted_at=NOON, next_attempt_at=None)
    pause_and_resume(campaign, at=NOON + SECOND)

    send_all(NOON + HOUR)

    assert (reason(campaign), ledger.tally(campaign)) == ("", {"accepted": 6, "failed": 4})


@pytest.mark.parametrize("kind", ["bounced", "refused"])
def test_letters_that_come_back_pause_the_campaign(office, settings, kind):
    MailingRules.objects.create(breaker_percent=20, breaker_least=5)
    campaign, people = begun(count=10)
    send_all()

    come_back(people[:1], campaign, settings, kind)
    breaker.look(campaign, now=NOON + HOUR)
    assert reason(campaign) == ""
    come_back(people[1:2], campaign, settings, kind)
    breaker.look(campaign, now=NOON + HOUR)

    assert reason(campaign) == wrong(2, of=10)


def test_what_was_tried_before_a_pause_may_come_back_after_it(office, settings):
    MailingRules.objects.create(breaker_percent=20, breaker_least=5)
    campaign, people = begun(count=20)
    waiting = campaign.deliveries.filter(subscriber__in=people[10:])
    waiting.update(next_attempt_at=NOON + 2 * HOUR)
    send_all()
    pause_and_resume(campaign, at=NOON + HOUR)

    come_back(people[:5], campaign, settings)
    send_all(NOON + 3 * HOUR)

    assert (reason(campaign), ledger.tally(campaign)) == ("", {"accepted": 20})
    come_back(people[10:12], campaign, settings)
    breaker.look(campaign, now=NOON + 3 * HOUR)
    assert reason(campaign) == wrong(2, of=10)


# What is said of it


@pytest.mark.parametrize("answer", ["550 5.7.1 <reader-1@example.com>: no", "451 4.7.1 <reader-1@example.com>: no"])
def test_the_servers_words_name_nobody(office, answer):
    campaign, _people = begun(count=30)
    office.answers.extend([answer] * 30)

    send_all()

    words = answer.replace("<reader-1@example.com>:", "(address)")
    if answer[0] == "4":
        assert Pace.objects.get(campaign=campaign).trouble == words
    else:
        assert reason(campaign) == f"10 letters in a row were refused, the last with: {words}"
        assert campaign.steps.get(kind=CampaignStep.Kind.PAUSED).words == reason(campaign)


def test_nor_do_they_after_the_last_rest(office):
    campaign, _people = begun(count=1)
    Pace.objects.update(rests=len(breaker.RESTS))

    breaker.rest(campaign, words="421 Not for reader-1@example.com", now=NOON)

    assert reason(campaign) == "No letter could be sent for hours: 421 Not for (address)"


@pytest.mark.parametrize("rests", [0, len(breaker.RESTS)], ids=["rests", "is paused"])
def test_words_without_an_end_are_cut(office, rests):
    campaign, _people = begun(count=1)
    Pace.objects.update(rests=rests)

    breaker.rest(campaign, words="421 " + "no " * 50_000, now=NOON)

    kept = reason(campaign) if rests else Pace.objects.get().trouble
    assert 1000 < len(kept) <= 2000


def pause_and_resume(campaign, *, at):
    campaigns.pause(campaign, by=None, now=at)
    campaigns.resume(campaign, by=User.objects.get(), now=at)


def come_back(people, campaign, settings, kind="bounced"):
    """The provider tells the site that these addresses are dead, or that they refuse the letter."""
    provider = use(settings, "postmark")
    for person in people:
        body = told(provider, kind, to=person.email, mark=tokens.mark(campaign.pk, person.pk))
        assert post(stranger(), provider, body).status_code == 200
    settings.MAIL_PROVIDER = ""


def reason(campaign):
    campaign.refresh_from_db()
    return campaign.pause_reason


def wrong(count, *, of):
    said = f"{count} of {of} letters failed, came back or are uncertain."
    return f"{said} Look at the server's words before you go on."
