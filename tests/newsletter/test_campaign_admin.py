"""Marketing writes a campaign; nobody changes one that has started."""

import re
import threading
from datetime import UTC, date, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import time_format

from articles.models import Article
from clinic.models import User
from newsletter.admin import block as block_admin
from newsletter.admin.campaign import CampaignAdmin
from newsletter.admin.campaign_list import for_list, progress, to_whom, when
from newsletter.models import Block, Campaign, Suppression
from newsletter.services import campaigns
from tests import factories
from tests.newsletter.mailings import put, started
from tests.newsletter.writing import LIST, address, desk, errors_on, form, said

pytestmark = pytest.mark.django_db

TEXT = {"text": "<p>What is new.</p>"}
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def elm_street():
    """Its clock is New York's."""
    return factories.make_practice()


@pytest.fixture
def mary():
    return factories.marketing()


@pytest.fixture
def client(mary):
    return desk(mary)


def written(campaign):
    return list(campaign.blocks.values_list("position", "kind", "heading", "text", "link"))


# Writing


def test_a_campaign_is_written_in_one_go(client, mary):
    topic = factories.make_topic()
    picture, article, offer = factories.make_image(), factories.make_article(), factories.make_offer()
    blocks = [
        {"heading": "Hours", "text": "<p>Open on <strong>Mondays</strong>.</p>"},
        {"kind": "picture", "picture": picture.pk, "link": "/team/"},
        {"kind": "article", "article": article.pk},
        {"kind": "offer", "offer": offer.pk},
        {"kind": "button", "heading": "Book", "link": "/appointments/book/"},
    ]
    sent = form(*blocks, topics=[topic.pk], joined_from="2026-01-01")

    answer = client.post(f"{LIST}add/", {**sent, "_preview": "1"})

    campaign = Campaign.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, address(campaign, "preview"))
    assert (campaign.subject, campaign.slug, campaign.state, campaign.created_by, campaign.is_public) == (
        "Spring news",
        "spring-news",
        "draft",
        mary,
        True,
    )
    assert (list(campaign.topics.all()), campaign.joined_from) == ([topic], date(2026, 1, 1))
    assert written(campaign) == [
        (1, "text", "Hours", "<p>Open on <strong>Mondays</strong>.</p>", ""),
        (2, "picture", "", "", "/team/"),
        (3, "article", "", "", ""),
        (4, "offer", "", "", ""),
        (5, "button", "Book", "", "/appointments/book/"),
    ]
    assert [(one.picture, one.article, one.offer) for one in campaign.blocks.all()] == [
        (None, None, None),
        (picture, None, None),
        (None, article, None),
        (None, None, offer),
        (None, None, None),
    ]
    assert client.get(address(campaign)).status_code == 200


def test_blocks_are_numbered_by_their_positions(client):
    campaign = factories.make_campaign(blocks=[{"text": "<p>one</p>"}, {"text": "<p>two</p>"}])
    one, two = campaign.blocks.all()
    blocks = [
        {"id": one.pk, "text": "<p>one</p>", "position": 30},
        {"id": two.pk, "text": "<p>two</p>", "position": 7},
        {"text": "<p>three</p>", "position": ""},
        {"text": "<p>four</p>", "position": 7},
    ]
    client.post(address(campaign), form(*blocks, stored=2, slug=campaign.slug, seen=campaign.version))
    assert [line[:1] + line[3:4] for line in written(campaign)] == [
        (1, "<p>two</p>"),
        (2, "<p>four</p>"),
        (3, "<p>one</p>"),
        (4, "<p>three</p>"),
    ]


def test_a_block_is_taken_out(client):
    campaign = factories.make_campaign(blocks=[{"text": "<p>one</p>"}, {"text": "<p>two</p>"}])
    one, two = campaign.blocks.all()
    blocks = [{"id": one.pk, **TEXT, "DELETE": "on"}, {"id": two.pk, "text": "<p>two</p>", "position": 2}]
    client.post(address(campaign), form(*blocks, stored=2, slug=campaign.slug, seen=campaign.version))
    assert written(campaign) == [(1, "text", "", "<p>two</p>", "")]


def test_an_empty_block_is_none(client):
    client.post(
        f"{LIST}add/", form({**TEXT, "position": ""}, {"text": "", "position": 9}, {"text": "", "position": ""})
    )
    assert written(Campaign.objects.get()) == [(1, "text", "", "<p>What is new.</p>", "")]


def test_a_block_keeps_what_its_kind_shows_alone(client):
    """An article that stands in a text unseen would take the text along when it is deleted."""
    article = factories.make_article()
    block = {"heading": "Hours", **TEXT, "article": article.pk, "link": "no link", "picture": "999999"}
    client.post(f"{LIST}add/", form(block))
    kept = Block.objects.get()
    assert (kept.heading, kept.text, kept.article, kept.link) == ("Hours", "<p>What is new.</p>", None, "")
    article.delete()
    assert Block.objects.get() == kept


@pytest.mark.parametrize(
    ("block", "errors"),
    [
        ({"heading": "Only a heading", "text": "<p></p>"}, {"text": ["Write the text of this block."]}),
        ({"kind": "picture"}, {"picture": ["Choose a picture."]}),
        ({"kind": "article", "text": "<p>Not shown</p>"}, {"article": ["Choose an article."]}),
        ({"kind": "offer"}, {"offer": ["Choose an offer."]}),
        ({"kind": "button", "link": "/offers/"}, {"heading": ["Write the words on the button."]}),
        (
            {"kind": "button", "heading": "Go", "link": "javascript:alert(1)"},
            {
                "link": [
                    "Enter a whole address, like https://example.com/page, or the path of a page of this site, like "
                    "/offers/."
                ]
            },
        ),
    ],
)
def test_what_a_block_lacks_is_said_and_nothing_is_saved(client, block, errors):
    answer = client.post(f"{LIST}add/", form(TEXT, block))
    assert errors_on(answer)[1] == [{}, errors]
    assert not Campaign.objects.exists()
    assert "Spring news" in answer.content.decode()


def test_what_is_typed_does_no_harm(client):
    nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    client.post(
        f"{LIST}add/",
        form({"heading": nasty, "text": f"<p>Words</p>{nasty}"}, subject=nasty, introduction=f"<p>Hi{nasty}</p>"),
    )
    campaign = Campaign.objects.get()
    assert (campaign.subject, campaign.introduction) == (nasty, "<p>Hi</p>")
    for page in (LIST, address(campaign), address(campaign, "preview"), address(campaign, "preview/letter")):
        html = client.get(page).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html


# The address in the archive


@pytest.mark.parametrize(
    ("subject", "slug"), [("Spring  news ", "spring-news"), ("Feed", "feed-{code}"), ("春", "{code}")]
)
def test_the_address_follows_from_the_subject(client, subject, slug):
    client.post(f"{LIST}add/", form(TEXT, subject=subject))
    campaign = Campaign.objects.get()
    assert campaign.slug == slug.format(code=campaign.code)
    assert campaign.subject == " ".join(subject.split())


def test_two_campaigns_of_one_subject_have_two_addresses(client):
    client.post(f"{LIST}add/", form(TEXT))
    client.post(f"{LIST}add/", form(TEXT))
    second, first = Campaign.objects.all()
    assert (first.slug, second.slug) == ("spring-news", f"spring-news-{second.code}")
    # Saved again, it stays what it is.
    client.post(address(first), form(TEXT, slug="", seen=first.version))
    first.refresh_from_db()
    assert first.slug == "spring-news"
    # What a script has filled in from the subject, as it did for the first, gives way as well.
    client.post(f"{LIST}add/", form(TEXT, slug="spring-news"))
    third = Campaign.objects.first()
    assert third.slug == f"spring-news-{third.code}"


def test_the_address_follows_the_subject_until_somebody_writes_another(client):
    client.post(f"{LIST}add/", form(TEXT))
    campaign = Campaign.objects.get()
    block = {"id": campaign.blocks.get().pk, **TEXT}

    def slug_after(**fields):
        client.post(
            address(campaign), form(block, stored=1, **{"slug": campaign.slug, "seen": campaign.version, **fields})
        )
        campaign.refresh_from_db()
        return campaign.slug

    assert slug_after(subject="Summer news") == "summer-news"
    # Where that address is taken, and back again.
    factories.make_campaign(slug="autumn-news")
    assert slug_after(subject="Autumn news") == f"autumn-news-{campaign.code}"
    assert slug_after(subject="Winter news") == "winter-news"
    # One that staff wrote is theirs, until they empty it.
    assert slug_after(subject="Winter news", slug="our-winter") == "our-winter"
    assert slug_after(subject="Spring again") == "our-winter"
    assert slug_after(subject="Spring again", slug="") == "spring-again"


@pytest.mark.parametrize(
    ("slug", "error"),
    [
        ("feed", "This address belongs to the feed of the archive. Choose another."),
        ("taken", "Another campaign has this address. Change it, or leave it empty."),
    ],
)
def test_an_address_that_cannot_be_is_refused(client, slug, error):
    factories.make_campaign(slug="taken")
    answer = client.post(f"{LIST}add/", form(TEXT, slug=slug))
    assert errors_on(answer)[0] == {"slug": [error]}
    assert Campaign.objects.count() == 1


# What can be chosen


def test_offers_that_run_or_come_are_offered_and_one_that_was_chosen_stays(client):
    now = timezone.now()
    running = factories.make_offer(title="Running", ends_at=now + DAY)
    coming = factories.make_offer(title="Coming", starts_at=now + DAY, ends_at=now + 3 * DAY)
    ended = factories.make_offer(title="Ended", starts_at=now - 2 * DAY, ends_at=now - DAY)
    factories.make_offer(title="Long over", starts_at=now - 2 * DAY, ends_at=now - DAY)
    campaign = factories.make_campaign(blocks=[{"kind": "offer", "offer": ended}])

    def offered(page):
        (blocks,) = client.get(page).context["inline_admin_formsets"]
        return [key for key, _label in blocks.formset.empty_form.fields["offer"].choices]

    assert offered(f"{LIST}add/") == ["", running.pk, coming.pk]
    assert offered(address(campaign)) == ["", ended.pk, running.pk, coming.pk]
    answer = client.post(f"{LIST}add/", form({"kind": "offer", "offer": ended.pk}))
    assert set(errors_on(answer)[1][0]) == {"offer"}
    block = {"id": campaign.blocks.get().pk, "kind": "offer", "offer": ended.pk}
    sent = form(block, stored=1, slug=campaign.slug, seen=campaign.version)
    assert client.post(address(campaign), sent).status_code == 302


def test_an_offer_is_told_with_the_last_day_that_readers_see(client):
    """It ends with the thirteenth, at midnight in New York."""
    midnight = datetime(2126, 12, 14, 5, tzinfo=UTC)
    running = factories.make_offer(title="Peel", ends_at=midnight)
    coming = factories.make_offer(title="Wax", starts_at=midnight - DAY, ends_at=midnight)
    ended = factories.make_offer(title="Old", starts_at=factories.NOON, ends_at=datetime(2026, 3, 5, 5, tzinfo=UTC))
    campaign = factories.make_campaign(blocks=[{"kind": "offer", "offer": ended}])
    (blocks,) = client.get(address(campaign)).context["inline_admin_formsets"]
    assert blocks.formset.empty_form.fields["offer"].choices[1:] == [
        (ended.pk, "Old (ended on March 4, 2026)"),
        (running.pk, "Peel (until Dec. 13, 2126)"),
        (coming.pk, "Wax (from Dec. 13, 2126 to Dec. 13, 2126)"),
    ]


def test_articles_are_found_once_a_reader_can_open_them(client):
    found = factories.make_article(title="Sunscreen in winter")
    draft = factories.make_article(title="Sunscreen, a draft", status=Article.Status.DRAFT)
    factories.make_article(title="Sunscreen tomorrow", published_at=timezone.now() + DAY)
    asked = {"app_label": "newsletter", "model_name": "block", "field_name": "article", "term": "sunscreen"}
    answer = client.get(f"{LIST}articles/", asked).json()
    assert [line["id"] for line in answer["results"]] == [str(found.pk)]
    refused = client.post(f"{LIST}add/", form({"kind": "article", "article": draft.pk}))
    assert set(errors_on(refused)[1][0]) == {"article"}
    # One that was taken off the site again does not stop its campaign from being written.
    campaign = factories.make_campaign(blocks=[{"kind": "article", "article": draft}])
    block = {"id": campaign.blocks.get().pk, "kind": "article", "article": draft.pk}
    sent = form(block, stored=1, slug=campaign.slug, seen=campaign.version)
    assert client.post(address(campaign), sent).status_code == 302


def test_more_blocks_than_a_letter_holds_are_refused(client, monkeypatch):
    assert block_admin.BlockInline.max_num == 50
    monkeypatch.setattr(block_admin.BlockInline, "max_num", 3)
    answer = client.post(f"{LIST}add/", form(*[TEXT] * 4))
    (blocks,) = answer.context["inline_admin_formsets"]
    assert blocks.formset.non_form_errors() == ["A campaign has at most 3 blocks."]
    assert not Campaign.objects.exists()


# Who gets it


def test_the_count_is_the_audience(client):
    skin, hair = factories.make_topic(), factories.make_topic()
    old = datetime(2025, 3, 2, tzinfo=UTC)
    for number in range(4):
        factories.make_subscriber(topics=[skin], confirmed_at=old if number else factories.NOON)
    factories.make_subscriber(topics=[hair])
    factories.make_subscriber()
    factories.make_subscriber(state="pending")
    factories.make_subscriber(topics=[skin], state="unsubscribed")
    gone = factories.make_subscriber(topics=[skin])
    Suppression.objects.add([gone.email], Suppression.Reason.COMPLAINED, now=factories.NOON)

    def counted(**choices):
        campaign = Campaign(**{name: value for name, value in choices.items() if name != "topics"})
        reached = client.get(f"{LIST}audience/", choices).context["reached"]
        topics = [topic for topic in (skin, hair) if topic.pk in choices.get("topics", [])]
        assert campaign.audience(topics).count() == reached.people
        assert campaign.left_out(topics).count() == reached.left_out
        return reached.people, reached.of, reached.left_out

    assert counted() == (1, 6, 5)
    assert counted(topics=[skin.pk]) == (5, 6, 0)
    assert counted(topics=[skin.pk, hair.pk]) == (6, 6, 0)
    assert counted(topics=[skin.pk], joined_from="2026-01-01") == (2, 6, 0)
    assert counted(joined_until="2025-12-31") == (0, 6, 3)
    assert counted(audience_language="en") == (1, 6, 5)


def test_the_count_says_whom_a_campaign_without_topics_leaves_out(client):
    skin = factories.make_topic()
    for topics in ([skin], [skin], []):
        factories.make_subscriber(topics=topics)

    def counted(**choices):
        return " ".join(re.sub(r"<[^>]+>", " ", client.get(f"{LIST}audience/", choices).content.decode()).split())

    assert counted() == (
        "1 person of the 3 on the list. 2 people are left out, who have chosen topics and asked for no others: "
        "tick the topics that this mailing is about."
    )
    assert counted(topics=[skin.pk]) == "3 people : everybody on the list."


def test_the_days_of_an_audience_are_the_practices(client):
    """Half past eleven in the evening of the first, in New York; in UTC it is the second."""
    factories.make_subscriber(confirmed_at=datetime(2026, 3, 2, 4, 30, tzinfo=UTC))
    assert client.get(f"{LIST}audience/", {"joined_until": "2026-03-01"}).context["reached"].people == 1
    assert client.get(f"{LIST}audience/", {"joined_from": "2026-03-02"}).context["reached"].people == 0


def test_the_count_is_two_statements_and_says_it_in_words(client):
    topic = factories.make_topic()
    factories.make_subscriber(topics=[topic])
    factories.make_subscriber(topics=[factories.make_topic()])
    with CaptureQueriesContext(connection) as asked:
        page = client.get(f"{LIST}audience/", {"topics": [topic.pk]})
    assert len([query for query in asked if '"newsletter_subscriber"' in query["sql"]]) == 2
    assert "<b>1 person</b> of the 2 on the list." in page.content.decode()
    page = client.get(f"{LIST}audience/", {"joined_from": "2026-03-02", "joined_until": "2026-03-01"})
    assert "The last day of joining comes before the first." in page.content.decode()
    page = client.get(f"{LIST}audience/", {"joined_from": "yesterday", "topics": ["99", "x"]})
    assert page.status_code == 200
    assert page.context["reached"] is None


def test_the_count_stands_on_the_form_when_it_is_asked_for(client):
    factories.make_subscriber()
    factories.make_subscriber(state="pending")
    campaign = factories.make_campaign()
    counted = "<b>1 person</b>: everybody on the list."
    assert counted in client.get(address(campaign), {"count": ""}).content.decode()
    # Not by itself: a long list takes seconds, so the page comes first and has the count fetched.
    with CaptureQueriesContext(connection) as asked:
        page = client.get(address(campaign)).content.decode()
    assert [query for query in asked if '"newsletter_subscriber"' in query["sql"]] == []
    assert (counted in page, '<noscript><a href="?count">' in page) == (False, True)
    assert re.findall(r'hx-get="([^"]*)" hx-trigger="([^"]*)"', page) == [
        (address(campaign, "audience"), "change delay:200ms, load")
    ]


def test_somebody_signed_out_gets_no_page_to_sign_in_as_a_count(client):
    client.logout()
    assert client.get(f"{LIST}audience/", headers={"HX-Request": "true"}).status_code == 204
    assert client.get(f"{LIST}audience/").status_code == 302


def test_languages_are_asked_only_where_there_are_several(client, settings):
    campaign = factories.make_campaign(language="es", audience_language="")
    assert "audience_language" not in client.get(address(campaign)).context["adminform"].form.fields
    settings.LANGUAGES = [("en", "English"), ("es", "Español")]
    fields = client.get(address(campaign)).context["adminform"].form.fields
    assert [fields[name].choices for name in ("language", "audience_language")] == [
        [("en", "English"), ("es", "Español")],
        [("", "any language"), ("en", "English"), ("es", "Español")],
    ]
    for language in ("xx", "es"):
        sent = form(slug="x", language="es", audience_language=language, seen=campaign.version)
        client.post(address(campaign), sent)
    campaign.refresh_from_db()
    assert (campaign.slug, campaign.audience_language) == ("x", "es")


# One that has started


def test_a_campaign_that_has_started_is_read_and_never_changed(client):
    campaign = started("queued", blocks=[TEXT])
    before = list(Campaign.objects.values()), list(Block.objects.values())
    page = client.get(address(campaign))
    assert page.status_code == 200
    assert 'name="subject"' not in page.content.decode()
    assert page.context["inline_admin_formsets"] == []
    answer = client.post(address(campaign), form({"text": "<p>Another</p>"}), follow=True)
    assert said(answer) == [("error", "Nothing was changed: the campaign is being sent. Copy it to write another.")]
    assert client.post(address(campaign, "delete"), {"post": "yes"}).status_code == 403
    assert (list(Campaign.objects.values()), list(Block.objects.values())) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_locked", [True, False])
def test_one_that_is_due_while_it_is_being_saved_goes_as_saved(client, monkeypatch, is_locked):
    """The worker lets be what a writer has locked. Without, the negative control, the save brings back the draft."""
    now = timezone.now()
    factories.make_subscriber()
    campaign = factories.make_campaign(subject="Old", blocks=[TEXT])
    campaigns.schedule(campaign, at=now, by=factories.manager(), now=now)
    campaign.refresh_from_db()
    plain = CampaignAdmin.get_object if is_locked else ModelAdmin.get_object
    workers = []

    def work():
        campaigns.begin_due(now=timezone.now())
        connection.close()

    def and_then_the_worker_comes(admin, request, object_id, from_field=None):
        found = plain(admin, request, object_id, from_field)
        workers.append(threading.Thread(target=work))
        workers[0].start()
        workers[0].join(10)
        return found

    monkeypatch.setattr(CampaignAdmin, "get_object", and_then_the_worker_comes)
    block = {"id": campaign.blocks.get().pk, **TEXT}
    sent = form(block, stored=1, subject="New", slug=campaign.slug, seen=campaign.version)
    client.post(address(campaign), sent)
    workers[0].join(10)
    if is_locked:
        campaigns.begin_due(now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.deliveries.count() == 1
    if is_locked:
        assert (campaign.state, campaign.subject, campaign.content["subject"]) == ("sending", "New", "New")
    else:
        assert (campaign.state, campaign.subject, campaign.content["subject"]) == ("scheduled", "New", "Old")


def test_a_scheduled_one_can_be_changed_and_stays_scheduled_but_not_deleted(client):
    factories.make_subscriber()
    campaign = factories.make_campaign(blocks=[TEXT])
    campaigns.schedule(campaign, at=timezone.now() + DAY, by=factories.manager(), now=timezone.now())
    campaign.refresh_from_db()
    block = {"id": campaign.blocks.get().pk, "text": "<p>Better</p>"}
    sent = form(block, stored=1, subject="Better", slug=campaign.slug, seen=campaign.version)
    assert client.post(address(campaign), sent).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.subject, campaign.state, campaign.blocks.get().text) == ("Better", "scheduled", "<p>Better</p>")
    assert client.post(address(campaign, "delete"), {"post": "yes"}).status_code == 403
    assert client.post(LIST, {"action": "delete_selected", "_selected_action": [campaign.pk], "post": "yes"})
    assert Campaign.objects.get() == campaign


def test_who_may_not_send_does_not_change_what_goes_out_by_itself(mary, client):
    factories.make_subscriber()
    campaign = factories.make_campaign(blocks=[TEXT])
    block = campaign.blocks.get()
    mary.groups.clear()
    writes = ["view_campaign", "add_campaign", "change_campaign"]
    mary.user_permissions.set(Permission.objects.filter(codename__in=writes))
    better = {"id": block.pk, "text": "<p>Better</p>"}
    sent = form(better, TEXT, stored=1, subject="Better", slug=campaign.slug, seen=campaign.version)
    assert client.post(address(campaign), sent).status_code == 302
    campaigns.schedule(campaign, at=timezone.now() + DAY, by=factories.manager(), now=timezone.now())
    before = list(Campaign.objects.values()), list(Block.objects.values())

    page = client.get(address(campaign))
    assert (page.status_code, page.context["inline_admin_formsets"]) == (200, [])
    assert 'name="subject"' not in page.content.decode()
    assert (
        "It is scheduled and goes out by itself, so only who may send mailings can change it" in page.content.decode()
    )
    campaign.refresh_from_db()
    worse = {**sent, "seen": campaign.version, "subject": "Worse", "blocks-0-text": "<p>Worse</p>"}
    answer = client.post(address(campaign), worse, follow=True)
    assert said(answer) == [("error", "Nothing was changed: the campaign is scheduled. Copy it to write another.")]
    assert (list(Campaign.objects.values()), list(Block.objects.values())) == before

    # The control: it is that one right.
    mary.user_permissions.add(Permission.objects.get(codename="send_campaign"))
    assert client.post(address(campaign), worse).status_code == 302
    assert Campaign.objects.get().subject == "Worse"


def test_a_draft_is_deleted(client):
    campaign = factories.make_campaign(blocks=[TEXT])
    assert client.post(address(campaign, "delete"), {"post": "yes"}).status_code == 302
    assert not Campaign.objects.exists()


# Two writers


def opened(client, campaign):
    """What the form of a campaign with one text sends unless somebody types."""
    seen = re.search(
        r'<input type="hidden" name="seen" value="([^"]*)"', client.get(address(campaign)).content.decode()
    )
    block = {"id": campaign.blocks.get().pk, **TEXT}
    return form(block, stored=1, slug=campaign.slug, seen=unescape(seen[1]))


def warning(response):
    """What stands above a form that came too late, or nothing."""
    found = re.search(r'<div class="overtaken".*?</div>', response.content.decode(), re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


CARRY_OVER = (
    " What you wrote still stands below, but this page cannot be saved any more. Open the campaign in another window,"
    " carry over what you want to keep, and save it there. Open it in another window"
)


@pytest.fixture
def zoe():
    return User.objects.create_superuser("zoe", first_name="Zoe", last_name="Quay")


def test_who_saves_second_is_told_and_loses_nothing(client, zoe):
    campaign = factories.make_campaign(blocks=[TEXT])
    ours, hers = opened(client, campaign), opened(desk(zoe), campaign)
    assert desk(zoe).post(address(campaign), {**hers, "subject": "Hers"}).status_code == 302
    # A test letter is logged as well, and changes nothing.
    LogEntry.objects.create(
        user=factories.manager(),
        content_type=ContentType.objects.get_for_model(Campaign),
        object_id=campaign.pk,
        action_flag=2,
        change_message="Sent 1 test letter.",
    )
    stored = list(Campaign.objects.values()), list(Block.objects.values())

    at = timezone.localtime(LogEntry.objects.order_by("pk").first().action_time, ZoneInfo("America/New_York"))
    told = f"Nothing was saved. Zoe Quay changed this campaign at {time_format(at)}, after you had opened it."
    typed = {**ours, "subject": "Ours", "blocks-0-text": "<p>Ours too</p>"}
    for button in ("_save", "_continue", "_preview"):
        answer = client.post(address(campaign), {**typed, button: "1"})
        assert (button, answer.status_code, warning(answer)) == (button, 200, told + CARRY_OVER)
        assert f'<a href="{address(campaign)}" target="_blank" rel="noopener">' in answer.content.decode()
        assert "Please correct the error" not in answer.content.decode()
        # What was typed is there still, and cannot be saved by pressing again.
        shown = answer.context["adminform"].form
        (blocks,) = answer.context["inline_admin_formsets"]
        assert (shown["subject"].value(), shown["seen"].value()) == ("Ours", ours["seen"])
        assert next(one.form["text"].value() for one in blocks) == "<p>Ours too</p>"
        assert "&lt;p&gt;Ours too&lt;/p&gt;" in answer.content.decode()
        assert (list(Campaign.objects.values()), list(Block.objects.values())) == stored

    # In another window it goes.
    assert client.post(address(campaign), {**opened(client, campaign), "subject": "Both"}).status_code == 302
    assert Campaign.objects.get().subject == "Both"


def test_one_that_was_scheduled_meanwhile_goes_out_as_it_was_looked_at(client, zoe):
    factories.make_subscriber()
    campaign = factories.make_campaign(blocks=[TEXT])
    ours = opened(client, campaign)
    campaigns.schedule(campaign, at=timezone.now() + DAY, by=zoe, now=timezone.now())
    answer = client.post(address(campaign), {**ours, "subject": "Unseen"})
    assert re.sub(r"\bat [\d:]* ?\S+,", "then,", warning(answer)) == (
        "Nothing was saved. Zoe Quay changed this campaign then, after you had opened it."
        " It is scheduled, and goes out as it is stored." + CARRY_OVER
    )
    assert Campaign.objects.filter(subject=campaign.subject, state="scheduled").exists()


def test_a_second_click_or_window_of_ones_own_is_told_as_such(client):
    campaign = factories.make_campaign(blocks=[TEXT])
    ours = opened(client, campaign)
    client.post(address(campaign), ours)
    assert warning(client.post(address(campaign), ours)).startswith(
        "Nothing was saved. You saved this campaign yourself"
    )


@pytest.mark.parametrize("seen", [None, "", "yesterday", "\0", "2026-03-02T12:00:00+00:00"])
def test_a_form_without_the_version_it_was_opened_in_is_not_saved(client, seen):
    campaign = factories.make_campaign(blocks=[TEXT])
    sent = {**opened(client, campaign), "subject": "Blind", "seen": seen}
    answer = client.post(address(campaign), {name: value for name, value in sent.items() if value is not None})
    assert warning(answer) == "Nothing was saved. The campaign was changed after you had opened it." + CARRY_OVER
    assert Campaign.objects.get().subject == campaign.subject


@pytest.mark.parametrize("gone_by", ["a colleague", "nobody that is known"])
def test_a_block_that_is_gone_is_no_dead_end(client, zoe, gone_by):
    """Every other block that was typed is shown still, the last one too."""
    article = factories.make_article()
    campaign = factories.make_campaign(blocks=[{"kind": "article", "article": article}, {"text": "<p>two</p>"}])
    one, two = campaign.blocks.all()
    blocks = {"id": one.pk, "kind": "article", "article": article.pk}, {"id": two.pk, "text": "<p>Better</p>"}
    sent = form(*blocks, stored=2, slug=campaign.slug, seen=campaign.version)
    if gone_by == "nobody that is known":
        one.delete()
    else:
        assert desk(zoe).post(address(campaign), {**sent, "blocks-0-DELETE": "on"}).status_code == 302
    stored = list(Campaign.objects.values()), list(Block.objects.values())
    answer = client.post(address(campaign), sent)
    assert warning(answer).startswith("Nothing was saved. ")
    assert ("Zoe Quay" in warning(answer)) == (gone_by == "a colleague")
    assert "&lt;p&gt;Better&lt;/p&gt;" in answer.content.decode()
    assert (list(Campaign.objects.values()), list(Block.objects.values())) == stored


@pytest.mark.parametrize("slug", ["", "spring-news", "our-own"])
def test_two_campaigns_that_are_saved_at_once_have_two_addresses(client, monkeypatch, slug):
    """The other one was saved after the form had asked whether the address is free."""
    plain = CampaignAdmin.save_model

    def after_a_colleague(admin, request, obj, form, change):
        factories.make_campaign(slug=obj.slug)
        plain(admin, request, obj, form, change)

    monkeypatch.setattr(CampaignAdmin, "save_model", after_a_colleague)
    answer = client.post(f"{LIST}add/", form(TEXT, slug=slug), follow=True)
    wanted = slug or "spring-news"
    first, second = Campaign.objects.order_by("pk")
    assert (first.slug, second.slug) == (wanted, f"{wanted}-{second.code}")
    assert said(answer)[0] == (
        "warning",
        f"Another campaign has got the address {wanted} at this moment. This one has {second.slug}.",
    )
    assert second.blocks.count() == 1


# Copies


def test_a_copy_says_the_same_and_has_sent_nothing(client, mary):
    topic = factories.make_topic()
    campaign = started(
        "accepted", topics=[topic], slug="spring", blocks=[TEXT, {"kind": "button", "heading": "Go", "link": "/"}]
    )
    campaign.subject = "Spring"
    campaign.save()
    answer = client.post(address(campaign, "copy"), follow=True)
    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert answer.redirect_chain == [(address(copy), 302)]
    assert (copy.state, copy.created_by, copy.recipients, copy.content, copy.started_at) == (
        "draft",
        mary,
        None,
        None,
        None,
    )
    assert (copy.subject, copy.preheader, copy.introduction) == ("Spring", campaign.preheader, campaign.introduction)
    assert (copy.slug, copy.code == campaign.code) == (f"spring-{copy.code}", False)
    assert list(copy.topics.all()) == [topic]
    assert written(copy) == written(campaign)
    assert len(written(campaign)) == 2
    assert (copy.deliveries.count(), copy.steps.count()) == (0, 0)


def test_several_are_copied_from_the_list(client):
    chosen = [factories.make_campaign().pk for _number in range(2)]
    answer = client.post(LIST, {"action": "copy", "_selected_action": chosen}, follow=True)
    assert said(answer) == [("success", "2 new drafts.")]
    assert Campaign.objects.count() == 4
    chosen = [factories.make_campaign().pk for _number in range(11)]
    answer = client.post(LIST, {"action": "copy", "_selected_action": chosen}, follow=True)
    assert said(answer) == [("error", "Copy at most 10 at a time.")]
    assert Campaign.objects.count() == 15


# Others


@pytest.mark.parametrize("who", ["front_desk", "editor"])
def test_others_of_the_staff_do_not_see_campaigns(who):
    campaign = factories.make_campaign(subject="A secret plan", blocks=[TEXT])
    browser = desk(getattr(factories, who)())
    before = list(Campaign.objects.values()), list(Block.objects.values())
    for noun in ("change", "history", "delete", "preview", "preview/letter", "audience", "report", "sending"):
        answer = browser.get(address(campaign, noun))
        assert (noun, answer.status_code) == (noun, 403)
        assert b"A secret plan" not in answer.content
    for page in (LIST, f"{LIST}add/", f"{LIST}audience/", f"{LIST}articles/"):
        assert (page, browser.get(page).status_code) == (page, 403)
    for noun in ("change", "delete", "copy", "test"):
        assert (noun, browser.post(address(campaign, noun), form(TEXT)).status_code) == (noun, 403)
    assert (list(Campaign.objects.values()), list(Block.objects.values())) == before


def test_strangers_are_sent_to_the_door():
    campaign = factories.make_campaign()
    browser = desk(factories.stranger())
    for page in (LIST, address(campaign), address(campaign, "preview"), address(campaign, "preview/letter")):
        assert browser.get(page)["Location"] == f"/admin/login/?next={page}"
    assert browser.post(address(campaign, "copy")).status_code == 302
    assert Campaign.objects.count() == 1


# The list


def test_the_list_says_how_each_stands(client):
    skin = factories.make_topic(name="Skin care", position=1)
    hair = factories.make_topic(name="Hair", position=2)
    draft = factories.make_campaign(topics=[hair, skin], joined_from=date(2026, 3, 1))
    whole = factories.make_campaign()
    going = started("accepted", "failed", "queued", "retry", subject="Going")
    Campaign.objects.filter(pk=draft.pk).update(changed_at=factories.NOON)
    lines = {one.pk: one for one in for_list(Campaign.objects.all())}
    assert to_whom(lines[draft.pk]) == "Skin care, Hair; joined from March 1, 2026"
    assert to_whom(lines[whole.pk]) == "all who chose no topics"
    assert [progress(lines[pk]) for pk in (draft.pk, whole.pk)] == ["–", "–"]
    assert progress(lines[going.pk]) == '<progress value="2" max="4" aria-hidden="true"></progress> 2 of 4, 1 failed'
    with timezone.override("America/New_York"):
        assert when(lines[draft.pk]) == "changed Mar 2, 2026, 7:00 a.m."
    page = client.get(LIST).content.decode()
    assert "2 of 4" in page
    assert "Skin care, Hair; joined from March 1, 2026" in page
    for delivery in going.deliveries.all():
        put(delivery, "accepted")
    campaigns.end_finished(now=timezone.now())
    assert progress(for_list(Campaign.objects.filter(pk=going.pk)).get()) == "4 of 4"


def test_the_list_does_not_hide_who_may_have_got_nothing(client):
    campaign = started("accepted", "failed", "uncertain", "uncertain", subject="Done")
    campaigns.end_finished(now=timezone.now())
    started("failed", subject="Another")
    assert progress(for_list(Campaign.objects.filter(pk=campaign.pk)).get()) == "4 of 4, 1 failed, 2 uncertain"
    assert "4 of 4, 1 failed, 2 uncertain" in client.get(LIST).content.decode()


def test_an_empty_list_says_what_to_do(client):
    page = client.get(LIST).content.decode()
    assert "No campaign yet." in page
    assert f'<a href="{LIST}add/">Add the first one</a>' in page
    assert 'name="action"' not in page
    factories.make_campaign()
    assert "No campaign yet." not in client.get(LIST).content.decode()
    assert "No campaign yet." not in client.get(LIST, {"q": "nothing"}).content.decode()


def test_the_list_is_searched_and_narrowed(client):
    topic = factories.make_topic()
    spring = factories.make_campaign(subject="Spring", topics=[topic])
    autumn = factories.make_campaign(subject="Autumn", state="cancelled")

    def found(**query):
        return [one.pk for one in client.get(LIST, query).context["cl"].result_list]

    assert found() == [autumn.pk, spring.pk]
    assert found(q="spri") == [spring.pk]
    assert found(state__exact="cancelled") == [autumn.pk]
    assert found(topics__id__exact=topic.pk) == [spring.pk]


def test_the_list_asks_the_same_few_questions_however_long_it_is(client, django_assert_num_queries):
    topics = [factories.make_topic() for _number in range(3)]
    going = started("accepted", "queued", subject="Going")
    client.get(LIST)  # Django remembers the content types from here on.
    with django_assert_num_queries(9):
        client.get(LIST)
    for _number in range(40):
        factories.make_campaign(topics=topics)
    with django_assert_num_queries(9):
        assert len(client.get(LIST).context["cl"].result_list) == 25
    assert going.subject in client.get(LIST, {"p": 2}).content.decode()


def test_the_form_asks_no_more_for_more_blocks(client, django_assert_num_queries):
    factories.make_offer()
    campaign = factories.make_campaign(blocks=[TEXT] * 2)
    client.get(address(campaign))
    with django_assert_num_queries(11):
        client.get(address(campaign))
    for number in range(4):
        Block.objects.create(campaign=campaign, position=number, **TEXT)
    with django_assert_num_queries(11):
        client.get(address(campaign))
