"""What became of each mailing, how the list grew and shrank, and who sees it."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic import dashboard
from newsletter.admin import growth_chart, panels
from newsletter.models import Campaign, Consent, Delivery, Subscriber
from newsletter.services import reports
from newsletter.services.reports import Figures, Month
from tests.factories import (
    NOON,
    editor,
    front_desk,
    make_campaign,
    make_request,
    make_subscriber,
    manager,
    marketing,
    stranger,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]

State = Delivery.State
DAY = timedelta(days=1)
HERE = ZoneInfo("America/New_York")
# Everybody's letters: (state, what happened afterwards).
LETTERS = [
    *[(State.ACCEPTED, "delivered_at")] * 4,
    (State.ACCEPTED, "left_at"),
    (State.ACCEPTED, "bounced_at"),
    (State.ACCEPTED, "complained_at"),
    (State.ACCEPTED, ""),
    (State.FAILED, ""),
    # Refused at once for good: it was never sent, so it has not come back.
    (State.FAILED, "bounced_at"),
    (State.UNCERTAIN, ""),
    (State.SKIPPED, ""),
    (State.QUEUED, ""),
    (State.RETRY, ""),
    (State.SENDING, ""),
    *[(State.KEPT, "")] * 3,
]


def started(letters=(), **fields):
    campaign = make_campaign(
        **{
            "state": Campaign.State.SENT,
            "started_at": NOON,
            "ended_at": NOON + DAY,
            "content": {},
            "recipients": len(letters),
            **fields,
        }
    )
    for state, stamp in letters:
        times = {"next_attempt_at": NOON, "lease_until": NOON} | ({stamp: NOON} if stamp else {})
        Delivery.objects.create(campaign=campaign, subscriber=make_subscriber(), state=state, **times)
    return campaign


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def address(campaign):
    return reverse("admin:newsletter_campaign_report", args=[campaign.pk])


def test_what_became_of_every_letter_and_what_came_of_it(django_assert_num_queries):
    campaign, other, new = started(LETTERS), started([(State.ACCEPTED, "left_at")]), make_campaign()
    make_request(came_from=campaign.code)
    make_request(came_from=campaign.code)
    make_request(came_from=other.code)
    make_request()

    with django_assert_num_queries(3):
        found = reports.figures([campaign, other, new])

    assert found == {
        campaign.pk: Figures(
            recipients=18,
            waiting=3,
            sent=8,
            failed=2,
            uncertain=1,
            skipped=1,
            kept=3,
            delivered=4,
            bounced=1,
            complained=1,
            left=1,
            requests=2,
            bookings=0,
        ),
        other.pk: Figures(recipients=1, sent=1, left=1, requests=1),
        new.pk: Figures(),
    }
    assert reports.figures([]) == {}


def rows(response):
    """Of our tables in the page: the words of each row."""
    tables = re.findall(
        r'<table class="(?:report|mailings|growth)-table".*?</table>', response.content.decode(), re.DOTALL
    )
    found = re.findall(r"<tr.*?</tr>", "".join(tables), flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL) for row in found]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in cells]


def test_the_page_says_it_in_numbers_and_in_words():
    campaign = started(LETTERS, subject="Spring hours")
    make_request(came_from=campaign.code)

    page = signed_in(marketing()).get(address(campaign))

    assert rows(page) == [
        ["Recipients", "18", "written down when it started"],
        ["Sent", "8", "44.4 % of the recipients"],
        ["Waiting", "3", "16.7 % of the recipients"],
        ["Kept here", "3", "There is no mail server: staff can read them, nobody got them."],
        ["Failed", "2", "11.1 % of the recipients"],
        ["Uncertain", "1", "Nobody knows whether they arrived. Settle them."],
        ["Not sent: off the list", "1", "They had left, or could not be written to, before their turn came."],
        ["Delivered", "4", "50.0 % of those sent"],
        ["Bounced", "1", "12.5 % of those sent"],
        [
            "Complained",
            "1",
            "12.5 % of those sent. That is too many: above 0.3 % large mailbox providers refuse your letters.",
        ],
        ["Left by its link", "1", "12.5 % of those sent"],
        ["Appointment requests", "1", "came by its links"],
        ["Bookings", "0", "came by its links"],
    ]
    assert "Sent, started Monday, March 2, 2026, 7 a.m. EST, ended Tuesday, March 3, 2026, 7 a.m. EST." in " ".join(
        page.content.decode().split()
    )


def test_of_one_that_was_cancelled_nothing_waits():
    page = signed_in(marketing()).get(address(started(LETTERS, state=Campaign.State.CANCELLED)))
    labels = [row[0] for row in rows(page)]
    assert ["Not sent: cancelled", "3", "16.7 % of the recipients"] in rows(page)
    assert "Waiting" not in labels


def test_a_mailing_of_which_nothing_is_known_yet():
    page = signed_in(marketing()).get(address(started([(State.ACCEPTED, "")])))
    assert rows(page) == [
        ["Recipients", "1", "written down when it started"],
        ["Sent", "1", "100.0 % of the recipients"],
        ["Failed", "0", "0.0 % of the recipients"],
        ["Not sent: off the list", "0", "They had left, or could not be written to, before their turn came."],
        ["Delivered", "0", "The mail provider tells it, if asked to."],
        ["Bounced", "0", "0.0 % of those sent"],
        ["Complained", "0", "0.0 % of those sent"],
        ["Left by its link", "0", "0.0 % of those sent"],
        ["Appointment requests", "0", "came by its links"],
        ["Bookings", "0", "came by its links"],
    ]


def test_a_mailing_for_nobody_has_no_rates():
    page = signed_in(marketing()).get(address(started()))
    assert ["Sent", "0", ""] in rows(page)
    assert ["Complained", "0", ""] in rows(page)


def test_a_draft_has_nothing_to_report():
    page = signed_in(marketing()).get(address(make_campaign()))
    assert page.status_code == 200
    assert rows(page) == []
    assert "It has not been sent yet: there is nothing to report." in page.content.decode()


def test_who_sees_the_report():
    campaign = started(LETTERS)
    mary = marketing()
    for user, status in [(mary, 200), (manager(), 200), (front_desk(), 403), (editor(), 403), (stranger(), 302)]:
        assert signed_in(user).get(address(campaign)).status_code == status
    assert Client().get(address(campaign)).status_code == 302
    campaign.pk += 1
    assert signed_in(mary).get(address(campaign)).status_code == 404


def test_the_report_is_read_alone():
    assert signed_in(marketing()).post(address(started(LETTERS))).status_code == 405


def join(at, *, kind=Consent.Kind.CONFIRMED, left=None, **fields):
    """Somebody who joined then, and left at these times."""
    person = make_subscriber(confirmed_at=at, created_at=at, **fields)
    say(person, kind, at)
    for moment in left or []:
        say(person, Consent.Kind.LEFT, moment)
    return person


def say(person, kind, at):
    return person.consents.create(kind=kind, words="Yes.", version="1", at=at)


def local(year, month, day, hour=12, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=HERE)


def grown(now, months=3):
    return [
        (month.first, month.joined, month.left, month.bounced, month.complained)
        for month in reports.growth(now=now, zone=HERE, months=months)
    ]


def test_months_begin_at_midnight_of_the_practice():
    now = local(2026, 5, 3)
    join(local(2026, 4, 30, 23, 30))  # the first of May in UTC
    join(local(2026, 5, 1, 0, 0))
    join(local(2026, 2, 28, 23, 59))  # before the first of these months
    join(local(2026, 3, 1, 0, 0), left=[local(2026, 3, 31, 23, 59)])
    join(now + timedelta(seconds=1))
    assert Consent.objects.filter(at__gte=datetime(2026, 5, 1, tzinfo=UTC), at__lt=now).count() == 2

    assert grown(now) == [
        (date(2026, 3, 1), 1, 1, 0, 0),
        (date(2026, 4, 1), 1, 0, 0, 0),
        (date(2026, 5, 1), 1, 0, 0, 0),
    ]


def test_who_was_never_on_the_list_is_no_loss_and_nobody_is_one_twice():
    now = local(2026, 5, 30)
    march, april, may = local(2026, 3, 9), local(2026, 4, 9), local(2026, 5, 9)
    Off = Subscriber.State
    join(march, kind=Consent.Kind.IMPORTED, left=[april])
    # Joined, left, joined again, left again.
    again = join(march, left=[april, may])
    say(again, Consent.Kind.CONFIRMED, april + DAY)
    # Asked, and left without having joined; brought in from elsewhere as one who had left, or whose address was dead.
    say(make_subscriber(), Consent.Kind.ASKED, march)
    say(make_subscriber(state=Off.UNSUBSCRIBED, left_at=april), Consent.Kind.LEFT, april)
    make_subscriber(state=Off.BOUNCED, left_at=april)
    # Left while it was not confirmed yet, and joined later.
    early = make_subscriber()
    say(early, Consent.Kind.LEFT, march)
    say(early, Consent.Kind.CONFIRMED, april)
    join(march, state=Off.BOUNCED, left_at=may)
    join(march, state=Off.COMPLAINED, left_at=april)
    # The address died after its owner had left.
    join(march, state=Off.BOUNCED, left_at=april, left=[april])
    # Left, came back, and then the address died.
    back = join(march, state=Off.BOUNCED, left_at=may, left=[april])
    say(back, Consent.Kind.CONFIRMED, april + DAY)

    assert grown(now) == [
        (date(2026, 3, 1), 6, 0, 0, 0),
        (date(2026, 4, 1), 3, 4, 0, 1),
        (date(2026, 5, 1), 0, 1, 2, 0),
    ]


def test_twelve_months_over_the_turn_of_the_year_in_one_statement(django_assert_num_queries):
    for number in range(30):
        join(local(2025, 12, 1) + number * DAY)
    with django_assert_num_queries(1):
        months = reports.growth(now=local(2026, 2, 15), zone=HERE)
    assert [month.first for month in months] == [
        *(date(2025, month, 1) for month in range(3, 13)),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]
    assert months[9:] == [Month(date(2025, 12, 1), joined=30), Month(date(2026, 1, 1)), Month(date(2026, 2, 1))]


def test_what_a_month_lost_and_by_how_much_it_changed():
    month = Month(date(2026, 3, 1), joined=5, left=3, bounced=2, complained=1)
    assert (month.lost, month.change) == (6, -1)


def bars(months):
    return [[(bar.kind, bar.y, bar.height, bar.number) for bar in column.bars] for column in chart(months).columns]


def chart(months):
    return growth_chart.chart([Month(date(2026, number + 1, 1), **month) for number, month in enumerate(months)])


def test_the_drawing_has_one_scale_up_and_down():
    # 120 units for 30 up and 10 down.
    assert bars([{"joined": 30, "left": 5}, {}, {"left": 8, "bounced": 1, "complained": 1}]) == [
        [("joined", 13.0, 90.0, "30"), ("lost", 103.0, 15.0, "5")],
        [],
        [("lost", 103.0, 30.0, "10")],
    ]
    drawn = chart([{"joined": 30, "left": 5}, {"left": 10}])
    assert (drawn.width, drawn.zero) == (60.0, 103.0)
    assert [column.name for column in drawn.columns] == ["Jan", "Feb"]


def test_one_among_thousands_is_still_seen_and_large_numbers_are_short():
    assert bars([{"joined": 1_250_000, "left": 1}, {"joined": 1999}]) == [
        [("joined", 13.0, 120.0, "1M"), ("lost", 133.0, 1.0, "1")],
        [("joined", 132.0, 1.0, "1k")],
    ]


def shown(user, title, *, now):
    with timezone.override(HERE):
        return [panel for panel in dashboard.panels(user, now=now) if str(panel.title) == title]


def test_the_dashboard_has_a_panel_of_mailings_and_one_of_the_list():
    campaign = started([(State.ACCEPTED, "left_at"), (State.FAILED, "")], subject="Spring hours")
    started([(State.KEPT, "")], subject="Older", started_at=NOON - DAY, state=Campaign.State.PAUSED)
    make_request(came_from=campaign.code)
    join(timezone.now() - timedelta(minutes=1))

    page = signed_in(marketing()).get("/admin/")

    lines = rows(page)
    assert [
        "Spring hours March 2, 2026",
        "Sent 1",
        "Failed 1",
        "Uncertain 0",
        "Left 1",
        "Complained 0",
        "Requests 1",
        "Bookings 0",
    ] in lines
    assert [
        "Older March 1, 2026, paused, 1 letter kept here",
        "Sent 0",
        "Failed 0",
        "Uncertain 0",
        "Left 0",
        "Complained 0",
        "Requests 0",
        "Bookings 0",
    ] in lines
    today = timezone.localdate(timezone.now(), HERE)
    assert [f"{today:%b} {today.year}", "1", "0", "0", "0", "+1"] in lines
    html = page.content.decode()
    (drawing,) = re.findall(r'<svg class="growth-chart".*?</svg>', html, flags=re.DOTALL)
    assert re.findall(r"<(rect|title|desc)", drawing) == ["title", "desc", "rect"]
    assert "style" not in drawing


def test_only_those_who_may_see_them(django_assert_num_queries):
    started(LETTERS)
    join(NOON)
    desk, mary = front_desk(), marketing()
    assert shown(editor(), "Mailings", now=NOON) == shown(desk, "Mailings", now=NOON) == []
    assert len(shown(mary, "Mailings", now=NOON)) == len(shown(mary, "The list", now=NOON)) == 1
    assert len(shown(desk, "The list", now=NOON)) == 1


def test_panels_ask_little_however_much_was_sent(django_assert_num_queries):
    for number in range(7):
        started(LETTERS[:2], started_at=NOON + number * DAY, subject=f"Number {number}")
    join(NOON)
    panels.mailings(NOON)
    # The campaigns, and the figures that were kept.
    with django_assert_num_queries(2):
        panel = panels.mailings(NOON)
    assert [campaign.subject for campaign, _figures in panel.context["lines"]] == [
        f"Number {n}" for n in (6, 5, 4, 3, 2)
    ]
    with timezone.override(HERE), django_assert_num_queries(2):
        assert panels.the_list(NOON).total == 15


def test_figures_of_what_has_ended_are_a_minute_old_at_most_and_no_others(monkeypatch):
    ended, going = started(LETTERS), started(LETTERS, state=Campaign.State.SENDING)
    stopped = started(LETTERS, state=Campaign.State.CANCELLED)
    everything = [going, stopped, ended]

    def uncertain(count=reports.figures_lately):
        return [count(everything)[campaign.pk].uncertain for campaign in everything]

    assert uncertain() == [1, 1, 1]
    Delivery.objects.filter(state=State.UNCERTAIN).update(state=State.ACCEPTED)
    # The report itself is never old.
    assert (uncertain(), uncertain(reports.figures)) == ([0, 1, 1], [0, 0, 0])
    monkeypatch.setattr(reports, "LATELY", 0)
    cache.clear()
    assert uncertain() == [0, 0, 0]
    Delivery.objects.filter(state=State.FAILED).update(state=State.UNCERTAIN)
    assert uncertain() == [2, 2, 2]


def test_empty_panels_say_so():
    mary = marketing()
    (mailings,), (everybody,) = shown(mary, "Mailings", now=NOON), shown(mary, "The list", now=NOON)
    assert (mailings.template, mailings.total) == ("", None)
    assert (everybody.template, everybody.total) == ("", 0)
    page = signed_in(mary).get("/admin/").content.decode()
    assert "No mailing has gone out yet." in page
    assert "Nobody has joined or left in the last twelve months." in page
