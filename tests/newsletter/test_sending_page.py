"""One campaign on its way, as marketing checks, schedules, starts, watches, pauses, resumes and cancels it."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic import dashboard
from newsletter.admin import sending
from newsletter.admin.panels_sending import letters_that_are_uncertain, mailings_that_need_you
from newsletter.forms.schedule import ScheduleForm
from newsletter.models import Campaign, Delivery, Pace, Subscriber
from newsletter.services import campaigns, checklist
from newsletter.services.checklist import Check, Verdict
from newsletter.services.progress import progress
from tests import factories
from tests.newsletter.mailings import put, started

pytestmark = pytest.mark.django_db

State = Delivery.State


@pytest.fixture(autouse=True)
def elm_street():
    """Its clock is New York's."""
    return factories.make_practice()


@pytest.fixture
def mary():
    return factories.marketing()


@pytest.fixture
def desk(mary):
    client = Client()
    client.force_login(mary)
    return client


def address(campaign, noun="sending"):
    return f"/admin/newsletter/campaign/{campaign.pk}/{noun}/"


def words_on(response):
    """What the page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def said(response):
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


def second_look(desk, campaign):
    """The hidden field of the question."""
    return html.unescape(re.search(r'name="seen" value="([^"]+)"', desk.get(address(campaign)).content.decode())[1])


def post(desk, campaign, noun, **fields):
    return desk.post(address(campaign, noun), fields, follow=True)


def state_of(campaign):
    return Campaign.objects.get(pk=campaign.pk).state


def kinds(campaign):
    return [(step.kind, step.by and step.by.username) for step in campaign.steps.all()]


def only(user, *codenames):
    """From now on the person holds these permissions and no others."""
    user.groups.clear()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    for kept in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        user.__dict__.pop(kept, None)


# Who may


PARTS = ["sending", "sending/audience", "sending/checks", "sending/progress"]
STEPS = ["schedule", "unschedule", "start", "pause", "resume", "cancel", "rate", "hide", "show"]


@pytest.mark.parametrize("who", [factories.front_desk, factories.editor])
def test_others_of_the_staff_may_not(who):
    campaign = factories.make_campaign()
    client = Client()
    client.force_login(who())
    found = [client.get(address(campaign, noun)).status_code for noun in PARTS]
    found += [client.post(address(campaign, noun)).status_code for noun in STEPS]
    assert found == [403] * len(PARTS + STEPS)
    assert state_of(campaign) == "draft"


def test_a_stranger_is_sent_to_the_door():
    campaign = factories.make_campaign()
    client = Client()
    client.force_login(factories.stranger())
    for noun in PARTS + STEPS:
        response = client.post(address(campaign, noun))
        assert (response.status_code, response["Location"][:13]) == (302, "/admin/login/")
    assert state_of(campaign) == "draft"


def test_who_may_read_campaigns_alone_does_not_send_them(mary, desk):
    mary.groups.clear()
    mary.user_permissions.add(*Permission.objects.filter(codename__in=["view_campaign", "change_campaign"]))
    factories.make_subscriber()
    campaign = factories.make_campaign()
    assert desk.get(address(campaign)).status_code == 403
    assert desk.post(address(campaign, "start")).status_code == 403
    assert desk.post(address(campaign, "hide")).status_code == 403
    assert state_of(campaign) == "draft"


def test_looking_never_changes_anything(desk):
    campaign = factories.make_campaign()
    factories.make_subscriber()
    before = Campaign.objects.values().get(pk=campaign.pk)
    assert [desk.get(address(campaign, noun)).status_code for noun in STEPS] == [405] * len(STEPS)
    assert desk.get(address(campaign)).status_code == 200
    assert Campaign.objects.values().get(pk=campaign.pk) == before


def test_a_foreign_page_cannot_press_the_buttons(mary):
    campaign = started(State.QUEUED)
    client = Client(enforce_csrf_checks=True)
    client.force_login(mary)
    for noun in ("schedule", "start", "pause", "resume", "cancel", "rate", "hide"):
        assert client.post(address(campaign, noun)).status_code == 403
    assert state_of(campaign) == "sending"


def test_a_campaign_that_there_is_not(desk):
    assert desk.get("/admin/newsletter/campaign/4711/sending/").status_code == 404
    assert desk.post("/admin/newsletter/campaign/4711/start/").status_code == 404


# Before it goes


def test_the_page_says_whom_it_reaches_and_what_was_looked_through(desk):
    lips, skin = factories.make_topic(name="Lips"), factories.make_topic(name="Skin")
    factories.make_subscriber(topics=[lips])
    factories.make_subscriber()
    factories.make_subscriber(topics=[skin])
    factories.make_subscriber(topics=[lips], state=Subscriber.State.UNSUBSCRIBED)
    campaign = factories.make_campaign(topics=[lips], subject="Lips & skin <b>")
    response = desk.get(address(campaign), {"count": ""})
    words = words_on(response)
    assert "2 people Who chose Lips, or has not chosen." in words
    assert "A draft. Nothing goes out before you send it or set a time." in words
    assert [check.verdict for check in response.context["quick"] if check.verdict == Verdict.STOP] == []
    assert "1 Elm Street, Elmford, NY 10001" in words
    assert "Send to 2 people now" in words
    assert "Lips & skin <b>" not in response.content.decode()


def test_a_mailing_without_topics_says_that_it_passes_over_who_chose_some(desk):
    factories.make_subscriber(topics=[factories.make_topic()])
    factories.make_subscriber()
    words = words_on(desk.get(address(factories.make_campaign()), {"count": ""}))
    whom = "1 person Who has not chosen any topic. It is about none, and who has chosen some asked for no others."
    assert whom in words
    assert "Look at it Topics 1 person on the list is left out: this mailing has no topic" in words


def test_what_forbids_a_start_is_named_and_there_is_no_button(desk):
    campaign = factories.make_campaign()  # nobody is on the list
    response = desk.get(address(campaign))
    assert len(response.context["obstacles"]) == 1
    assert response.context["obstacles"][0].words in words_on(response)
    page = response.content.decode()
    assert address(campaign, "start") not in page
    assert address(campaign, "schedule") not in page
    answer = post(desk, campaign, "start", seen=campaign.version)
    assert said(answer) == [("error", response.context["obstacles"][0].words)]
    assert state_of(campaign) == "draft"


def test_links_and_domain_are_looked_at_afterwards(desk, monkeypatch):
    # The network stays outside of this test: what `slow` finds has tests of its own.
    calls = []

    def slow(campaign, *, now):
        calls.append(campaign)
        return [Check("Links", Verdict.WARNING, "One does not answer."), Check("SPF", Verdict.UNKNOWN, "No answer.")]

    monkeypatch.setattr(checklist, "slow", slow)
    campaign = factories.make_campaign()
    page = desk.get(address(campaign)).content.decode()
    assert calls == []
    assert f'hx-get="{address(campaign, "sending/checks")}"' in page
    assert page.count('hx-trigger="load"') == 2
    part = desk.get(address(campaign, "sending/checks"))
    assert words_on(part) == "Look at it Links One does not answer. Could not check SPF No answer."
    # Without scripts: the button asks for the page with all of it.
    whole = desk.get(address(campaign), {"checks": "all"})
    assert "One does not answer." in words_on(whole)
    assert 'hx-trigger="load"' not in whole.content.decode()
    assert calls == [campaign, campaign]


@pytest.mark.parametrize(("noun", "query"), [("sending/checks", {}), ("sending", {"checks": "all"})])
def test_who_looks_at_the_links_again_and_again_is_asked_to_wait(desk, monkeypatch, noun, query):
    calls = []
    monkeypatch.setattr(checklist, "slow", lambda campaign, *, now: calls.append(campaign) or [])
    campaign = factories.make_campaign()
    assert [desk.get(address(campaign, noun), query).status_code for _look in range(6)] == [200] * 6
    refused = desk.get(address(campaign, noun), query)
    assert (refused.status_code, len(calls)) == (429, 6)
    words = r"You have had them looked at 6 times within a minute\. Look again in (\d+) seconds\."
    assert re.search(words, words_on(refused))[1] == refused["Retry-After"]
    # The page itself, and a colleague's look, wait for nobody.
    assert desk.get(address(campaign)).status_code == 200
    other = Client()
    other.force_login(factories.manager())
    assert other.get(address(campaign, noun), query).status_code == 200


def test_sending_now_after_a_second_look(desk, mary):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    response = desk.post(address(campaign, "start"), {"seen": second_look(desk, campaign)})
    assert (response.status_code, response["Location"]) == (303, address(campaign))
    assert state_of(campaign) == "scheduled"
    assert kinds(campaign) == [("released", "mary")]
    assert "It is starting." in words_on(desk.get(address(campaign)))
    campaigns.begin_due(now=timezone.now())
    assert state_of(campaign) == "sending"


def test_the_second_click_of_a_double_click_starts_nothing_more(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    seen = second_look(desk, campaign)
    desk.post(address(campaign, "start"), {"seen": seen})
    again = post(desk, campaign, "start", seen=seen)
    assert said(again)[-1] == ("info", "It is starting already.")
    assert kinds(campaign) == [("released", "mary")]
    campaigns.begin_due(now=timezone.now())
    late = post(desk, campaign, "start", seen=seen)
    assert [level for level, _words in said(late)] == ["info"]
    assert Delivery.objects.count() == 1
    assert kinds(campaign) == [("released", "mary"), ("started", None)]


CHANGED = "A colleague has changed it since you looked: look again."


def test_the_people_are_counted_after_the_page_and_the_question_then_names_them(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign(subject="Spring")
    # What the checks ask of the list stops at the second person.
    with CaptureQueriesContext(connection) as asked:
        page = desk.get(address(campaign))
    assert [
        query["sql"] for query in asked if "COUNT" in query["sql"] and "newsletter_subscriber" in query["sql"]
    ] == []
    assert "Send Spring now? How many people that is was not counted." in words_on(page)
    where = re.search(r'hx-get="([^"]*/audience/[^"]*)"', page.content.decode())[1]
    factories.make_subscriber()
    part = desk.get(where)
    assert "<html" not in part.content.decode()
    assert words_on(part) == (
        "2 people Send Spring to 2 people now? What has gone out cannot be called back. Send to 2 people now"
    )
    assert '<div id="send-question" hx-swap-oob="true">' in part.content.decode()
    # Without scripts by a link, and with the other things that take their time.
    for wanted in ({"count": ""}, {"checks": "all"}):
        page = desk.get(address(campaign), wanted)
        assert "Send Spring to 2 people now?" in words_on(page)
        assert "hx-swap-oob" not in page.content.decode()


def test_where_there_is_no_question_the_count_brings_none(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign(subject="Spring")
    campaigns.start(campaign, by=factories.manager(), now=timezone.now())
    where = re.search(r'hx-get="([^"]*/audience/[^"]*)"', desk.get(address(campaign)).content.decode())[1]
    assert words_on(desk.get(where)) == "1 person"


def test_what_was_changed_after_the_look_is_not_sent(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    seen = second_look(desk, campaign)
    campaign.subject = "Changed by somebody else"
    campaign.save()
    for field in ({"seen": seen}, {}):
        answer = post(desk, campaign, "start", **field)
        assert said(answer) == [("error", CHANGED)]
    assert state_of(campaign) == "draft"


def test_nor_is_it_where_it_is_changed_between_the_click_and_the_lock(desk, monkeypatch):
    """The view has read it, and then a colleague saves."""
    factories.make_subscriber()
    campaign = factories.make_campaign()
    seen, plain = second_look(desk, campaign), sending._campaign

    def and_then_a_colleague_saves(request, pk):
        found = plain(request, pk)
        Campaign.objects.get(pk=pk).save()
        return found

    monkeypatch.setattr(sending, "_campaign", and_then_a_colleague_saves)
    answer = desk.post(address(campaign, "start"), {"seen": seen})
    assert [(message.level_tag, str(message)) for message in get_messages(answer.wsgi_request)] == [("error", CHANGED)]
    assert (state_of(campaign), kinds(campaign)) == ("draft", [])


def test_of_two_clicks_at_once_the_second_hears_that_it_starts(desk, mary, monkeypatch):
    """The view of the second has read the campaign before the first is done."""
    factories.make_subscriber()
    campaign = factories.make_campaign()
    seen, plain = second_look(desk, campaign), sending._campaign

    def and_then_the_first_is_done(request, pk):
        found = plain(request, pk)
        campaigns.start(found, by=mary, now=timezone.now(), seen=seen)
        return found

    monkeypatch.setattr(sending, "_campaign", and_then_the_first_is_done)
    answer = desk.post(address(campaign, "start"), {"seen": seen})
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["It is starting already."]
    assert kinds(campaign) == [("released", "mary")]


def test_what_was_scheduled_for_later_since_the_look_is_not_sent_now(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    seen = second_look(desk, campaign)
    at = timezone.now() + timedelta(days=1)
    campaigns.schedule(campaign, at=at, by=factories.manager(), now=timezone.now())
    assert said(post(desk, campaign, "start", seen=seen)) == [("error", CHANGED)]
    assert Campaign.objects.get().scheduled_at == at


def test_a_worker_that_is_away_is_said(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    campaigns.start(campaign, by=factories.manager(), now=timezone.now() - timedelta(minutes=3))
    assert "It should have started by now." in words_on(desk.get(address(campaign)))


def test_one_that_could_not_start_says_why(desk):
    reader = factories.make_subscriber()
    campaign = factories.make_campaign()
    campaigns.start(campaign, by=factories.manager(), now=timezone.now())
    reader.take_off(Subscriber.State.UNSUBSCRIBED, now=timezone.now())
    campaigns.begin_due(now=timezone.now())
    response = desk.get(address(campaign))
    words = words_on(response)
    assert state_of(campaign) == "draft"
    assert "It could not start, and is a draft again." in words
    assert Campaign.objects.get().pause_reason in words
    assert kinds(campaign) == [("released", "max"), ("unscheduled", None)]


# On the site


def on_the_site(campaign):
    """The status of its own page, and who else names it: the archive, the feed, the sitemap."""
    anyone, own = Client(), campaign.get_absolute_url()
    places = ("/newsletter/archive/", "/newsletter/archive/feed/", "/sitemap.xml")
    return anyone.get(own).status_code, [place for place in places if own in anyone.get(place).content.decode()]


def test_one_that_went_wrong_is_taken_off_the_site_and_shown_again(desk, mary):
    campaign = started(State.ACCEPTED, State.QUEUED)
    everywhere = (200, ["/newsletter/archive/", "/newsletter/archive/feed/", "/sitemap.xml"])
    assert on_the_site(campaign) == everywhere
    before = Campaign.objects.values().get()
    for page in (address(campaign), address(campaign, "change")):
        assert address(campaign, "hide") in desk.get(page).content.decode()

    gone = "Taken off the site: the archive, its feed and the sitemap show it no more. Who got it still has it."
    assert said(post(desk, campaign, "hide")) == [("success", gone)]
    assert on_the_site(campaign) == (410, [])
    # Nothing else of it is changed, and it goes on.
    assert Campaign.objects.values().get() == {**before, "is_public": False}
    for page in (address(campaign), address(campaign, "change")):
        assert address(campaign, "show") in desk.get(page).content.decode()

    back = "It is shown in the archive on the site."
    assert said(post(desk, campaign, "show")) == [("success", back)]
    assert on_the_site(campaign) == everywhere
    assert Campaign.objects.values().get() == before
    lines = LogEntry.objects.order_by("pk").values_list("user", "object_id", "change_message")
    assert list(lines) == [(mary.pk, str(campaign.pk), gone), (mary.pk, str(campaign.pk), back)]


@pytest.mark.parametrize("noun", ["hide", "show"])
def test_one_that_has_not_started_is_not_on_the_site_yet(desk, noun):
    campaign = factories.make_campaign(is_public=noun == "hide")
    assert [level for level, _words in said(post(desk, campaign, noun))] == ["error"]
    assert Campaign.objects.get().is_public == (noun == "hide")
    assert address(campaign, noun) not in desk.get(address(campaign)).content.decode()


# The schedule

NEW_YORK = factories.Practice(time_zone="America/New_York").zone


def schedule(on, at, now=datetime(2026, 3, 2, 12, 0, tzinfo=UTC), **fields):
    form = ScheduleForm({"on": on, "at": at, **fields}, zone=NEW_YORK, now=now)
    form.is_valid()
    return form


@pytest.mark.parametrize(
    ("on", "at", "instant"),
    [
        ("2026-03-02", "07:01", datetime(2026, 3, 2, 12, 1, tzinfo=UTC)),
        ("2026-03-08", "01:59", datetime(2026, 3, 8, 6, 59, tzinfo=UTC)),
        ("2026-03-08", "03:00", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("2026-07-01", "09:30", datetime(2026, 7, 1, 13, 30, tzinfo=UTC)),
        ("2027-03-02", "23:00", datetime(2027, 3, 3, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_on_the_clock_of_the_practice(on, at, instant):
    assert schedule(on, at).cleaned_data["instant"] == instant


@pytest.mark.parametrize(
    ("on", "at", "errors"),
    [
        ("2026-03-02", "07:00", {"at": ["This time is past. Choose a later one, or send it now."]}),
        ("2026-03-02", "06:59", {"at": ["This time is past. Choose a later one, or send it now."]}),
        ("2026-03-01", "23:00", {"on": ["This day is past. Choose a later one."]}),
        ("0001-01-01", "00:00", {"on": ["This day is past. Choose a later one."]}),
        ("9999-12-31", "23:59", {"on": ["Choose a day within the coming year."]}),
        ("2027-03-04", "09:00", {"on": ["Choose a day within the coming year."]}),
        ("2026-02-30", "09:00", {"on": ["Enter a valid date."]}),
        ("tomorrow", "09:00", {"on": ["Enter a valid date."]}),
        ("2026-03-03", "25:00", {"at": ["Enter a valid time."]}),
        ("", "", {"on": ["This field is required."], "at": ["This field is required."]}),
        (
            "2026-03-08",
            "02:30",
            {"at": ["The clock goes forward that night and never shows 2:30 a.m.: choose 3:30 a.m. or another time."]},
        ),
        (
            "2026-11-01",
            "01:30",
            {"which": ["The clock goes back that night, so 1:30 a.m. comes twice. Say which you mean."]},
        ),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_a_sentence(on, at, errors):
    assert schedule(on, at).errors == errors


@pytest.mark.parametrize(("which", "hour"), [("0", 5), ("1", 6)])
def test_of_the_doubled_hour_one_is_chosen(which, hour):
    form = schedule("2026-11-01", "01:30", which=which)
    assert form.cleaned_data["instant"] == datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
    assert [str(label) for _value, label in form.fields["which"].choices] == [
        "the first, EDT",
        "the second, EST, an hour later",
    ]


def next_year():
    return timezone.now().astimezone(NEW_YORK).date() + timedelta(days=200)


def test_it_is_put_on_the_schedule_and_taken_off(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    day = next_year()
    sent = {"on": day.isoformat(), "at": "09:00", "seen": campaign.version}
    answer = post(desk, campaign, "schedule", **sent)
    assert answer.redirect_chain == [(address(campaign), 303)]
    found = Campaign.objects.get()
    local = found.scheduled_at.astimezone(NEW_YORK)
    assert (found.state, local.date(), local.hour, local.minute) == ("scheduled", day, 9, 0)
    when = f"{day:%A}, {day:%B} {day.day}, {day.year}, 9 a.m. {local:%Z}"
    assert said(answer) == [("success", f"It will be sent on {when}.")]
    words = words_on(answer)
    assert f"It will be sent on {when}." in words
    assert "New York time (America/New_York)" in words
    assert f'value="{day.isoformat()}"' in answer.content.decode()
    answer = post(desk, campaign, "unschedule")
    assert said(answer) == [("success", "It is a draft again.")]
    assert state_of(campaign) == "draft"
    assert [level for level, _words in said(post(desk, campaign, "unschedule"))] == ["info"]
    assert kinds(campaign) == [("scheduled", "mary"), ("unscheduled", "mary")]


def test_a_time_in_the_past_is_shown_again_with_what_was_typed(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    response = desk.post(address(campaign, "schedule"), {"on": "2020-01-02", "at": "09:15"})
    assert response.status_code == 422
    assert "This day is past. Choose a later one." in words_on(response)
    assert 'value="2020-01-02"' in response.content.decode()
    assert 'value="09:15"' in response.content.decode()
    assert state_of(campaign) == "draft"


def test_a_time_that_the_campaign_does_not_fit_is_shown_again_with_the_reason(desk):
    factories.make_subscriber()
    offer = factories.make_offer(title="Autumn glow", ends_at=timezone.now() + timedelta(days=30))
    campaign = factories.make_campaign(blocks=[{"kind": "offer", "offer": offer}])
    sent = {"on": next_year().isoformat(), "at": "09:15", "seen": campaign.version}
    response = desk.post(address(campaign, "schedule"), sent)
    assert response.status_code == 422
    (reason,) = response.context["form"].non_field_errors()
    assert "Autumn glow" in reason
    assert reason in html.unescape(words_on(response))
    assert f'value="{next_year().isoformat()}"' in response.content.decode()
    assert 'value="09:15"' in response.content.decode()
    assert (state_of(campaign), kinds(campaign)) == ("draft", [])


def test_what_was_changed_after_the_look_is_not_scheduled(desk):
    factories.make_subscriber()
    campaign = factories.make_campaign()
    sent = {"on": next_year().isoformat(), "at": "09:15", "seen": second_look(desk, campaign)}
    campaign.subject = "Changed by somebody else"
    campaign.save()
    for fields in (sent, {**sent, "seen": ""}):
        response = desk.post(address(campaign, "schedule"), fields)
        assert (response.status_code, response.context["form"].non_field_errors()) == (422, [CHANGED])
    assert (state_of(campaign), kinds(campaign)) == ("draft", [])
    # What is shown is as it is now, and that can be scheduled.
    assert "Changed by somebody else" in words_on(response)
    assert f'name="seen" value="{campaign.version}"' in html.unescape(response.content.decode())
    desk.post(address(campaign, "schedule"), {**sent, "seen": campaign.version})
    assert state_of(campaign) == "scheduled"


def test_one_under_way_is_not_scheduled(desk):
    campaign = started(State.QUEUED)
    answer = post(desk, campaign, "schedule", on=next_year().isoformat(), at="09:00")
    assert [level for level, _words in said(answer)] == ["error"]
    assert (state_of(campaign), campaign.deliveries.count()) == ("sending", 1)


# While it goes


def test_the_page_shows_how_far_it_is(desk):
    campaign = started(*[State.ACCEPTED] * 3, State.FAILED, State.UNCERTAIN, State.SKIPPED, State.QUEUED, State.RETRY)
    response = desk.get(address(campaign))
    page, words = response.content.decode(), words_on(response)
    assert '<progress value="6" max="8"' in page
    assert "6 of 8 done, 75 %" in words
    assert {line.label: line.count for line in response.context["lines"]} == {
        "sent": 3,
        "waiting": 1,
        "will be tried again": 1,
        "failed": 1,
        "uncertain": 1,
        "not sent: off the list": 1,
    }
    for line in response.context["lines"]:
        assert desk.get(line.url).status_code == 200
    assert 'hx-trigger="every 3s"' in page


def test_how_fast_and_until_when(desk):
    campaign = started(*[State.ACCEPTED] * 4, *[State.QUEUED] * 6)
    now = timezone.now()
    long_ago = now - timedelta(minutes=10)
    campaign.steps.filter(kind="started").update(at=long_ago)
    campaign.deliveries.filter(state="accepted").update(attempted_at=now - timedelta(seconds=30))
    put(campaign.deliveries.filter(state="accepted").first(), State.ACCEPTED, attempted_at=long_ago)
    found = progress(campaign, now=now)
    assert (found.per_minute, found.done, found.waiting, found.percent) == (3, 4, 6, 40)
    assert found.ends_at == now + timedelta(minutes=2)
    # Resumed a quarter of a minute ago: three in that time would be twelve in a minute.
    campaign.steps.filter(kind="started").update(at=now - timedelta(seconds=15))
    campaign.deliveries.filter(state="accepted").update(attempted_at=now - timedelta(seconds=10))
    put(campaign.deliveries.filter(state="accepted").first(), State.ACCEPTED, attempted_at=long_ago)
    assert progress(campaign, now=now).per_minute == 12


def test_nothing_in_the_last_minute_says_so_and_why(desk):
    campaign = started(State.QUEUED)
    assert "No letter went out in the last minute." in words_on(desk.get(address(campaign)))
    Pace.objects.filter(campaign=campaign).update(
        rests_until=timezone.now() + timedelta(minutes=5), trouble="connection refused <x>"
    )
    response = desk.get(address(campaign))
    assert "The reason: connection refused &lt;x&gt;" in words_on(response)
    assert "No letter went out in the last minute." not in words_on(response)


def test_while_it_rests_nothing_is_said_of_pace_and_end(desk):
    campaign = started(*[State.ACCEPTED] * 4, *[State.QUEUED] * 6)
    assert "At this pace it ends about" in words_on(desk.get(address(campaign)))
    Pace.objects.filter(campaign=campaign).update(rests_until=timezone.now() + timedelta(minutes=5), trouble="451")
    words = words_on(desk.get(address(campaign)))
    assert "The next try is at" in words
    assert "At this pace" not in words
    assert "a minute." not in words


def test_when_only_letters_that_were_cut_off_are_left_it_says_when_they_are_uncertain(desk):
    campaign = started(*[State.ACCEPTED] * 3, State.SENDING)
    now = timezone.now()
    # Their last minute is not over: a letter may be on the line, and when it ends nobody can say.
    words = words_on(desk.get(address(campaign)))
    assert "The last letters are on their way." in words
    assert "At this pace" not in words
    long_ago, lease = now - timedelta(minutes=2), datetime(2099, 7, 1, 21, 10, tzinfo=UTC)
    campaign.steps.update(at=long_ago)
    campaign.deliveries.update(attempted_at=long_ago)
    campaign.deliveries.filter(state="sending").update(lease_until=lease)
    words = words_on(desk.get(address(campaign)))
    assert "1 letter was cut off; at 5:10 p.m. it goes to the uncertain ones." in words
    assert "on their way" not in words
    # While others wait it goes on.
    put(campaign.deliveries.filter(state="accepted").first(), State.QUEUED)
    assert "No letter went out in the last minute." in words_on(desk.get(address(campaign)))


def test_the_part_that_is_asked_for_again_follows_and_then_stops(desk):
    campaign = started(State.ACCEPTED, State.QUEUED)
    part = desk.get(address(campaign, "sending/progress"), {"state": "sending"})
    assert part.content.decode().count("<html") == 0
    assert "1 of 2 done, 50 %" in words_on(part)
    assert "hx-trigger" in part.content.decode()
    # The state is another now: the whole page is asked for, by a GET, whatever made the one that is shown.
    campaign.deliveries.update(state=State.ACCEPTED, next_attempt_at=None)
    campaigns.end_finished(now=timezone.now())
    part = desk.get(address(campaign, "sending/progress"), {"state": "sending"})
    assert (part.status_code, part["HX-Redirect"]) == (200, address(campaign))
    page = desk.get(address(campaign)).content.decode()
    assert "every" not in re.findall(r'hx-trigger="(\w+)', page)
    assert "2 of 2 done, 100 %" in page


def test_signed_out_meanwhile_the_part_is_not_a_page_to_sign_in():
    campaign = started(State.QUEUED)
    part = Client().get(address(campaign, "sending/progress"), {"state": "sending"}, headers={"HX-Request": "true"})
    assert (part.content, part["HX-Redirect"]) == (b"", address(campaign))


def test_it_is_paused_and_goes_on(desk):
    campaign = started(State.ACCEPTED, State.QUEUED)
    answer = post(desk, campaign, "pause")
    assert said(answer) == [("success", "Paused. Letters that were under way at this moment still arrive.")]
    assert "Paused. Nobody else gets it until you resume." in words_on(answer)
    assert [level for level, _words in said(post(desk, campaign, "pause"))] == ["info"]
    assert state_of(campaign) == "paused"
    assert said(post(desk, campaign, "resume")) == [("success", "It goes on.")]
    assert [level for level, _words in said(post(desk, campaign, "resume"))] == ["info"]
    assert kinds(campaign)[2:] == [("paused", "mary"), ("resumed", "mary")]


def test_the_reason_of_a_pause_stands_on_top(desk):
    campaign = started(State.QUEUED)
    campaigns.pause(campaign, by=None, now=timezone.now(), words="6 of 50 letters failed or came back.")
    response = desk.get(address(campaign))
    assert '<p class="reason">6 of 50 letters failed or came back.</p>' in response.content.decode()
    history = words_on(response).split("What was done")[1]
    assert "Paused by itself 6 of 50 letters failed or came back." in history
    assert "Sent now max" in history


def test_it_is_cancelled_for_good(desk):
    campaign = started(State.ACCEPTED, State.QUEUED, State.RETRY)
    page = words_on(desk.get(address(campaign)))
    assert "2 people who wait for it would never get it." in page
    answer = post(desk, campaign, "cancel")
    assert said(answer) == [("success", "Cancelled. Nobody gets it any more.")]
    assert "Who was waiting then never gets it." in words_on(answer)
    lines = {line.label: (line.count, line.url) for line in answer.context["lines"]}
    assert {label: count for label, (count, _url) in lines.items()} == {"sent": 1, "not sent: cancelled": 2}
    listed = desk.get(lines["not sent: cancelled"][1]).context["cl"].result_list
    assert {letter.state for letter in listed} == {"queued", "retry"}
    assert [level for level, _words in said(post(desk, campaign, "cancel"))] == ["info"]
    assert [level for level, _words in said(post(desk, campaign, "resume"))] == ["error"]
    assert state_of(campaign) == "cancelled"
    assert kinds(campaign)[2:] == [("cancelled", "mary")]


@pytest.mark.parametrize("noun", ["pause", "resume", "cancel", "unschedule"])
def test_what_does_not_fit_a_draft_is_refused(desk, noun):
    campaign = factories.make_campaign()
    level = "info" if noun == "unschedule" else "error"
    assert [found for found, _words in said(post(desk, campaign, noun))] == [level]
    assert (state_of(campaign), kinds(campaign)) == ("draft", [])


def test_the_rate_is_changed_also_under_way(desk):
    campaign = started(State.QUEUED)
    assert campaign.rate_per_minute == 300
    assert said(post(desk, campaign, "rate", rate_per_minute="20")) == [("success", "The rate is changed.")]
    assert Campaign.objects.get().rate_per_minute == 20
    for wrong in ("0", "-3", "many", "100001"):
        response = desk.post(address(campaign, "rate"), {"rate_per_minute": wrong})
        assert response.status_code == 422
        assert response.context["rate_form"].errors.keys() == {"rate_per_minute"}
    assert Campaign.objects.get().rate_per_minute == 20
    post(desk, campaign, "rate", rate_per_minute="")
    assert Campaign.objects.get().rate_per_minute == 300
    campaigns.cancel(campaign, by=factories.User.objects.get(username="max"), now=timezone.now())
    assert [level for level, _words in said(post(desk, campaign, "rate", rate_per_minute="5"))] == ["error"]


# How often the database is asked


def test_the_pages_ask_the_same_few_questions_however_many_people(desk, django_assert_num_queries):
    few = started(State.ACCEPTED, State.QUEUED)
    desk.get(address(few))  # Django remembers the content types from here on.
    with django_assert_num_queries(12):
        desk.get(address(few))
    with django_assert_num_queries(10):
        desk.get(address(few, "sending/progress"), {"state": "sending"})
    campaigns.cancel(few, by=factories.User.objects.get(username="max"), now=timezone.now())
    people = [factories.make_subscriber() for _number in range(40)]
    many = started(*[State.ACCEPTED] * 40, State.QUEUED, State.UNCERTAIN, people=[*Subscriber.objects.all()])
    assert len(people) == many.deliveries.count() - 2
    with django_assert_num_queries(12):
        desk.get(address(many))
    with django_assert_num_queries(10):
        desk.get(address(many, "sending/progress"), {"state": "sending"})


def test_the_page_of_a_draft_asks_few_questions(desk, django_assert_num_queries):
    for _number in range(30):
        factories.make_subscriber()
    campaign = factories.make_campaign()
    desk.get(address(campaign))
    with django_assert_num_queries(16):
        desk.get(address(campaign))


# The dashboard


def test_the_dashboard_names_what_waits_for_a_person(desk):
    empty = mailings_that_need_you(timezone.now())
    assert (list(empty.rows), empty.total, letters_that_are_uncertain(timezone.now())) == ([], 0, None)
    campaign = started(State.UNCERTAIN, State.UNCERTAIN, State.QUEUED, subject="Spring")
    campaigns.pause(campaign, by=None, now=timezone.now(), words="The mail server is away.")
    stuck = factories.make_campaign(subject="Summer", pause_reason="It reaches nobody.")
    factories.make_campaign(subject="Just a draft")
    letters, panel = letters_that_are_uncertain(timezone.now()), mailings_that_need_you(timezone.now())
    assert [(row.text, row.url, row.remark, row.is_urgent) for row in [*letters.rows, *panel.rows]] == [
        (
            "2 letters are uncertain",
            "/admin/newsletter/delivery/uncertain/",
            "Did they arrive? Only a person can say.",
            True,
        ),
        ("Could not start: Summer", address(stuck), "It reaches nobody.", True),
        ("Paused: Spring", address(campaign), "The mail server is away.", True),
    ]
    assert (letters.total, panel.total) == (2, 2)
    assert "2 letters are uncertain" in desk.get("/admin/").content.decode()


def test_the_dashboard_names_a_mailing_that_waits_for_the_mail_server(desk):
    campaign = started(State.QUEUED, subject="Spring")
    until = datetime(2099, 7, 1, 21, 10, tzinfo=UTC)
    Pace.objects.filter(campaign=campaign).update(rests_until=until, trouble="Connection refused")
    with timezone.override(NEW_YORK):
        panel = mailings_that_need_you(timezone.now())
        (row,) = panel.rows
        assert (row.text, row.url) == ("Waiting to go on: Spring", address(campaign))
        assert (row.remark, panel.total) == ("At 5:10 p.m. it tries again. The reason: Connection refused", 1)
        assert list(mailings_that_need_you(until).rows) == []
        campaigns.pause(campaign, by=None, now=timezone.now())
        assert [row.text for row in mailings_that_need_you(timezone.now()).rows] == ["Paused: Spring"]


@pytest.mark.parametrize(
    ("codename", "titles"),
    [
        ("send_campaign", ["Mailings that need you"]),
        ("settle_delivery", ["Letters to settle"]),
        ("view_campaign", ["Mailings"]),
    ],
)
def test_the_dashboard_leads_people_where_they_may_go_alone(mary, codename, titles):
    started(State.UNCERTAIN)
    only(mary, codename)
    assert [str(panel.title) for panel in dashboard.panels(mary, now=timezone.now())] == titles


@pytest.mark.parametrize(
    "codenames",
    [
        ["view_campaign"],
        ["send_campaign"],
        ["view_campaign", "settle_delivery"],
    ],
)
def test_no_page_of_a_campaign_leads_where_its_reader_may_not_go(mary, desk, codenames):
    campaigns_shown = [factories.make_campaign(), started(State.ACCEPTED, State.UNCERTAIN, State.FAILED)]
    only(mary, *codenames)
    opened = set()
    for campaign in campaigns_shown:
        for noun in ("change", "preview", "sending", "report"):
            page = desk.get(address(campaign, noun))
            if page.status_code == 200:
                opened |= {noun}
                led = set(re.findall(r'<a [^>]*href="(/admin/newsletter/[^"]+)"', page.content.decode()))
                assert [link for link in led if desk.get(html.unescape(link)).status_code == 403] == []
    looks = {"change", "preview", "report"} if "view_campaign" in codenames else set()
    assert opened == looks | ({"sending"} if "send_campaign" in codenames else set())


def test_the_report_is_a_step_of_the_campaign(desk):
    campaign = started(State.ACCEPTED)
    page = desk.get(address(campaign, "report")).content.decode()
    links = re.findall(r'<li><a href="([^"]+)"( aria-current="page")?>', page)
    here = ' aria-current="page"'
    nouns = [("change", ""), ("preview", ""), ("sending", ""), ("report", here)]
    assert [link for link in links if f"/{campaign.pk}/" in link[0]] == [
        (address(campaign, noun), current) for noun, current in nouns
    ]


@pytest.mark.parametrize(
    ("noun", "own"),
    [
        ("preview", ["admin_mailings.css"]),
        ("sending", ["admin_mailings.css", "admin_sending.css"]),
        ("report", ["admin_mailings.css", "admin_reports.css"]),
    ],
)
def test_each_page_has_the_styles_of_the_admin_and_its_own(desk, noun, own):
    page = desk.get(address(started(State.ACCEPTED), noun)).content.decode()
    first, *others = re.findall(r'<link rel="stylesheet" href="([^"]*)"', page)
    assert (first, others[-len(own) :]) == ("/static/admin/css/base.css", [f"/static/css/{name}" for name in own])
