"""What has been sent, for everyone to read: without a person in it, and without offers that have ended."""

import re
import xml.etree.ElementTree as ElementTree
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from clinic import page_cache
from clinic.models import ContentVersion
from newsletter.models import Campaign
from tests.factories import make_article, make_campaign, make_image, make_offer, make_subscriber
from tests.newsletter.steps import sent_newsletter, started_campaign

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"


def shown(client, path, **extra):
    answer = client.get(path, **extra)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture(autouse=True)
def no_kept_pages():
    page_cache.forget_all()


@pytest.fixture
def edition(practice, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    picture = make_image()
    return started_campaign(
        subject="Spring & sun",
        preheader="What helps.",
        slug="spring",
        introduction="<p>Hello {{ name|there }},</p>",
        started_at=timezone.now() - timedelta(days=1),
        blocks=[
            {"kind": "text", "heading": "First", "text": "<p>Dear {{ name }}, <strong>read</strong>.</p>"},
            {"kind": "article", "article": make_article(title="On sunscreen", slug="on-sunscreen")},
            {"kind": "offer", "offer": make_offer(title="Less for peels", slug="peels", terms="Until May.")},
            {"kind": "picture", "picture": picture, "link": "/team/"},
            {"kind": "button", "heading": "Come and see", "link": "/locations/"},
        ],
    )


def test_an_edition_shows_every_kind_of_block_in_the_sites_own_look(client, edition):
    page = shown(client, "/newsletter/archive/spring/")
    assert "<title>Spring &amp; sun –" in page
    assert re.findall(r"<h1[^>]*>(.*?)</h1>", page) == ["Spring &amp; sun"]
    for words in (
        "First",
        "<strong>read</strong>",
        "On sunscreen",
        "Less for peels",
        "$99",
        "Until May.",
        "Come and see",
    ):
        assert words in page
    assert f"/articles/on-sunscreen/?from={edition.code}" in page
    assert f"/appointments/request/?offer=peels&amp;from={edition.code}" in page
    (picture,) = re.findall(r'<img src="([^"]+)" width="\d+" height="\d+" alt="A lamp on a desk\."', page)
    assert picture.startswith("/media/")
    assert 'name="email"' in page


def test_a_name_gives_way_to_its_fallback(client, edition):
    make_subscriber(name="Ada Lovelace")
    page = shown(client, "/newsletter/archive/spring/")
    assert "<p>Hello there,</p>" in page
    assert "<p>Dear, <strong>read</strong>.</p>" in page
    assert "{{" not in page
    assert "Lovelace" not in page


def test_it_has_no_link_of_any_reader(client, edition):
    _delivery, token = sent_newsletter(make_subscriber(), campaign=edition)
    page = shown(client, "/newsletter/archive/spring/")
    assert token not in page
    assert "/newsletter/unsubscribe/" not in page
    assert "/newsletter/preferences/" not in page


def test_an_offer_is_shown_with_the_hour_at_which_it_ends(client, edition):
    edition.content["blocks"][2]["ends_at"] = "2036-05-01T19:00:00+00:00"
    edition.save()
    assert "Until May 1, 2036, 3 p.m. EDT<" in shown(client, "/newsletter/archive/spring/")


@pytest.mark.parametrize("end", ["passes", "is brought forward", "deleted"])
def test_an_offer_that_has_ended_is_gone_from_the_kept_page_too(client, edition, end):
    from clinic.models import Offer

    assert "Less for peels" in shown(client, "/newsletter/archive/spring/")
    if end == "deleted":
        edition.blocks.filter(kind="offer").delete()
        Offer.objects.all().delete()
    elif end == "is brought forward":
        Offer.objects.update(ends_at=timezone.now())
    else:
        page_cache.forget_all()
        now = timezone.now()
        edition.content["blocks"][2]["ends_at"] = now.isoformat()
        edition.save()
    page = shown(client, "/newsletter/archive/spring/")
    assert "Less for peels" not in page
    assert "On sunscreen" in page


def test_a_page_is_kept_until_an_offer_ends(edition):
    # Away from the quarters of an hour, at which every page is made anew.
    now = timezone.now().replace(minute=31)
    end = now + timedelta(minutes=1)
    from clinic.models import Offer

    Offer.objects.update(ends_at=end)
    assert page_cache.next_change(now) == end


def test_a_page_is_kept_and_made_anew_after_a_change(client, edition, django_assert_num_queries):
    shown(client, "/newsletter/archive/spring/")
    with django_assert_num_queries(1):
        shown(client, "/newsletter/archive/spring/")
    version = ContentVersion.objects.get().version
    Campaign.objects.filter(pk=edition.pk).update(is_public=False)
    assert ContentVersion.objects.get().version != version
    assert client.get("/newsletter/archive/spring/").status_code == 410
    Campaign.objects.filter(pk=edition.pk).update(is_public=True)
    assert "Spring &amp; sun" in shown(client, "/newsletter/archive/spring/")


def test_what_was_only_offers_says_so_when_they_are_over(client, practice):
    offer = make_offer(title="Less for peels")
    started_campaign(slug="only", introduction="", blocks=[{"kind": "offer", "offer": offer}])
    offer.delete()
    assert "Its offers have ended" in shown(client, "/newsletter/archive/only/")


@pytest.mark.parametrize("state", ["sending", "paused", "sent", "cancelled"])
def test_what_was_taken_off_the_site_is_gone_and_shows_nothing_of_itself(client, edition, state):
    """The link in the letters that people have leads there for years."""
    Campaign.objects.update(state=state, is_public=False)
    answer = client.get(f"/newsletter/archive/spring/?from={edition.code}")
    page = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"]) == (410, "no-store")
    assert "This newsletter is no longer on the site" in page
    assert [words for words in ("Spring", "What helps", "On sunscreen", "Less for peels") if words in page] == []
    main = page[page.index("<main") : page.index("</main>")]
    assert re.findall(r'class="button[^"]*" href="([^"]+)"', main) == ["/newsletter/archive/", "/"]
    assert '<meta name="robots" content="noindex">' in page
    assert client.head("/newsletter/archive/spring/").status_code == 410


def hidden_campaigns():
    make_campaign(subject="A secret draft", slug="draft")
    started_campaign(subject="A secret mailing", slug="private", is_public=False)
    return ["draft", "private", "none-such"]


def test_drafts_and_private_mailings_are_nowhere(client, edition):
    slugs = hidden_campaigns()
    answers = [client.get(f"/newsletter/archive/{slug}/") for slug in slugs]
    # The same to the letter, or whoever guesses at addresses learns that there was a mailing.
    told = [(answer.status_code, dict(answer.headers), answer.content) for answer in answers]
    assert told == [told[-1]] * 3
    assert (told[0][0], b"secret" in told[0][2]) == (404, False)
    places = ("/newsletter/archive/", "/newsletter/archive/feed/", "/sitemap.xml", "/newsletter/")
    for place in places:
        assert "secret" not in shown(client, place)
        assert "/archive/private/" not in shown(client, place)
    assert "/newsletter/archive/spring/" in shown(client, "/sitemap.xml")


def test_what_no_letter_names_is_unknown_again_when_it_was_shown_only_later(client, practice):
    campaign = started_campaign(slug="private", is_public=False)
    answers = []
    for is_public in (True, False):
        Campaign.objects.filter(pk=campaign.pk).update(is_public=is_public)
        answers.append(client.get("/newsletter/archive/private/").status_code)
    assert answers == [200, 404]


@pytest.mark.parametrize("state", ["sending", "paused", "sent", "cancelled"])
def test_whatever_has_reached_somebody_is_in_it(client, edition, state):
    Campaign.objects.update(state=state)
    assert "Spring &amp; sun" in shown(client, "/newsletter/archive/")


def test_the_list_has_the_newest_first_and_pages(client, practice):
    now = timezone.now()
    for number in range(14):
        started_campaign(subject=f"Number {number:02}", started_at=now - timedelta(days=number))
    first, second = (shown(client, f"/newsletter/archive/?page={page}") for page in (1, 2))
    assert re.findall(r"Number \d\d", first) == [f"Number {number:02}" for number in range(12)]
    assert re.findall(r"Number \d\d", second) == ["Number 12", "Number 13"]
    assert shown(client, "/newsletter/archive/?page=99") == second.replace("?page=2", "?page=2")


def test_an_empty_archive_is_no_dead_end(client, practice):
    assert "Nothing has been sent yet." in shown(client, "/newsletter/archive/")
    assert "/newsletter/archive/" not in shown(client, "/newsletter/")
    started_campaign()
    assert 'href="/newsletter/archive/"' in shown(client, "/newsletter/")


def test_the_day_is_the_practices_own(client, practice):
    from datetime import UTC, datetime

    started_campaign(subject="Late", slug="late", started_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    assert "March 1, 2026" in shown(client, "/newsletter/archive/")
    assert "March 1, 2026" in shown(client, "/newsletter/archive/late/")


def test_the_feed_is_atom_with_addresses_of_our_own(client, edition):
    started_campaign(subject="A bell \x07 rings", slug="bell")
    answer = client.get("/newsletter/archive/feed/", headers={"host": "localhost"})
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert answer["Cache-Control"] == "max-age=0, must-revalidate"
    tree = ElementTree.fromstring(answer.content)
    titles = [entry.findtext(f"{ATOM}title") for entry in tree.iter(f"{ATOM}entry")]
    assert titles == ["A bell   rings", "Spring & sun"]
    links = [link.get("href") for link in tree.iter(f"{ATOM}link")]
    assert {urlsplit(link).netloc for link in links} == {"elmstreet.example"}
    assert tree.findtext(f"{ATOM}author/{ATOM}name") == "Fern & Vale"
    assert client.post("/newsletter/archive/feed/").status_code == 405


def test_html_in_what_staff_have_typed_is_text_outside_of_rich_text(client, practice):
    evil = "<script>alert(1)</script>"
    started_campaign(
        subject=evil,
        preheader=evil,
        slug="evil",
        introduction=f"<p>{evil}</p>",
        blocks=[
            {"kind": "text", "heading": evil, "text": f"<p>{evil}{{{{ name|{evil} }}}}</p>"},
            {"kind": "offer", "offer": make_offer(title=evil, terms=evil, summary=evil)},
            {"kind": "button", "heading": evil, "link": "/offers/"},
        ],
    )
    for path in ("/newsletter/archive/evil/", "/newsletter/archive/"):
        assert evil not in shown(client, path)


def test_pages_of_the_archive_set_no_cookie_and_are_the_same_for_all(client, edition):
    for path in ("/newsletter/archive/", "/newsletter/archive/spring/"):
        answer = client.get(path)
        assert dict(answer.cookies) == {}
        assert answer["Cache-Control"] == "max-age=0, must-revalidate"
        assert answer["ETag"]
