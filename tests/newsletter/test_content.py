"""What is frozen: whole addresses with the campaign's code, cards as they were, in few queries."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from newsletter.emails.content import content_of, next_end, own_address, pictures_awaited, shown_blocks
from newsletter.emails.rendering import TooLarge, render
from newsletter.models import Block
from tests.factories import (
    NOON,
    make_article,
    make_campaign,
    make_image,
    make_offer,
    make_practice,
    picture_file,
)

SITE = "https://elmstreet.example"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("href", "whole"),
    [
        ("/offers/", f"{SITE}/offers/?from=code"),
        ("/", f"{SITE}/?from=code"),
        (SITE, f"{SITE}/?from=code"),
        ("offers/", f"{SITE}/offers/?from=code"),
        ("/offers/#peel", f"{SITE}/offers/?from=code#peel"),
        ("/articles/?q=a%20b&page=2#x", f"{SITE}/articles/?q=a%20b&page=2&from=code#x"),
        ("/articles/?q=a+b&empty=", f"{SITE}/articles/?q=a+b&empty=&from=code"),
        # Copied out of an older mailing.
        ("/offers/?from=older&q=1", f"{SITE}/offers/?q=1&from=code"),
        ("/offers/?fromage=1", f"{SITE}/offers/?fromage=1&from=code"),
        ("HTTPS://elmstreet.example/team/", f"{SITE}/team/?from=code"),
        # A file is no page.
        ("/media/price-list.pdf", f"{SITE}/media/price-list.pdf"),
        # Another port, another host, one that only looks like ours: somebody else's.
        ("http://127.0.0.1:8001/offers/", "http://127.0.0.1:8001/offers/"),
        ("https://example.com/a?b=1&c=2#d", "https://example.com/a?b=1&c=2#d"),
        ("https://elmstreet.example.com/", "https://elmstreet.example.com/"),
        ("//example.com/a", "https://example.com/a"),
        ("mailto:desk@elmstreet.example", "mailto:desk@elmstreet.example"),
        ("tel:+12125550142", "tel:+12125550142"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_own_pages_carry_the_code_and_nothing_else_changes(href, whole):
    assert own_address(href, "code") == whole


@override_settings(BASE_URL="https://clinic.example")
def test_own_pages_by_either_scheme_are_ours():
    assert own_address("http://clinic.example/a/", "code") == "http://clinic.example/a/?from=code"
    assert own_address("https://CLINIC.example/a/", "code") == "https://CLINIC.example/a/?from=code"


@pytest.mark.django_db
def test_everything_is_frozen_as_it_stands():
    make_practice()
    wide = make_image(file=picture_file(size=(2000, 1000)), alt="A lamp & a desk")
    article = make_article(title="Pores", slug="pores", standfirst="They stay.", body="<p>" + "word " * 500 + "</p>")
    offer = make_offer(title="Peel", slug="peel", ends_at=datetime(2026, 5, 1, 4, tzinfo=UTC), starts_at=NOON)
    campaign = make_campaign(
        subject=" May \n news ",
        slug="may",
        code="maycode1",
        introduction='<p>See <a href="/offers/?a=1&amp;b=2">this</a>, <a href="mailto:a@b.example">write</a></p>',
        blocks=[
            {"kind": "text", "heading": "Hours", "text": '<p><a title="x > y" href="/locations/">when</a></p>'},
            {"kind": "picture", "picture": wide, "link": "/treatments/"},
            {"kind": "article", "article": article},
            {"kind": "offer", "offer": offer},
            {"kind": "button", "heading": "Book", "link": "/appointments/book/"},
        ],
    )
    content = content_of(campaign, now=NOON)

    picture = content["blocks"][1].pop("picture")
    assert picture.pop("url").startswith(f"{SITE}/media/pictures/")
    assert picture == {"width": 960, "height": 480, "alt": "A lamp & a desk"}
    assert json.loads(json.dumps(content)) == {
        "subject": "May news",
        "preheader": "What is new.",
        "language": "en",
        "code": "maycode1",
        "introduction": f'<p>See <a href="{SITE}/offers/?a=1&amp;b=2&amp;from=maycode1" rel="noopener">this</a>, '
        '<a href="mailto:a@b.example" rel="noopener">write</a></p>',
        "blocks": [
            {
                "kind": "text",
                "heading": "Hours",
                "html": f'<p><a title="x &gt; y" href="{SITE}/locations/?from=maycode1" rel="noopener">when</a></p>',
            },
            {"kind": "picture", "link": f"{SITE}/treatments/?from=maycode1"},
            {
                "kind": "article",
                "title": "Pores",
                "standfirst": "They stay.",
                "url": f"{SITE}/articles/pores/?from=maycode1",
                "picture": None,
                "minutes": 3,
            },
            {
                "kind": "offer",
                "id": offer.pk,
                "title": "Peel",
                "summary": "Less than usual.",
                "terms": "Until it ends.",
                "price": "99.00",
                "currency": "USD",
                "url": f"{SITE}/offers/?from=maycode1#peel",
                "request_url": f"{SITE}/appointments/request/?offer=peel&from=maycode1",
                "picture": None,
                "ends_at": "2026-05-01T04:00:00+00:00",
            },
            {"kind": "button", "label": "Book", "url": f"{SITE}/appointments/book/?from=maycode1"},
        ],
        "practice": {
            "name": "Elm Street Aesthetics",
            "address": "1 Elm Street, Elmford, NY 10001",
            "phone": "+1 212 555 0142",
            "url": f"{SITE}/?from=maycode1",
            "time_zone": "America/New_York",
        },
        "archive_url": f"{SITE}/newsletter/archive/may/?from=maycode1",
        "offers_url": f"{SITE}/offers/?from=maycode1",
    }


@pytest.mark.django_db
def test_what_is_kept_out_of_the_archive_has_no_address_there():
    assert content_of(make_campaign(is_public=False), now=NOON)["archive_url"] == ""


@pytest.mark.django_db
def test_a_picture_still_being_made_is_left_out_and_named():
    ready, awaited = make_image(), make_image(rendered=False, title="Later")
    offer = make_offer(picture=awaited)
    campaign = make_campaign(
        blocks=[
            {"kind": "picture", "picture": ready},
            {"kind": "picture", "picture": awaited},
            {"kind": "offer", "offer": offer},
        ]
    )
    blocks = content_of(campaign, now=NOON)["blocks"]
    assert [(block["kind"], block["picture"] is not None) for block in blocks] == [("picture", True), ("offer", False)]
    assert pictures_awaited(campaign) == [awaited, awaited]


@pytest.mark.django_db
def test_a_decorative_picture_has_an_empty_alt():
    campaign = make_campaign(blocks=[{"kind": "picture", "picture": make_image(alt="", is_decorative=True)}])
    assert content_of(campaign, now=NOON)["blocks"][0]["picture"]["alt"] == ""


@pytest.mark.django_db
@pytest.mark.parametrize("times", [1, 7])
def test_the_queries_do_not_grow_with_the_blocks(times, django_assert_num_queries):
    make_practice()
    image = make_image()
    article, offer = make_article(picture=image), make_offer(picture=image)
    three = [
        {"kind": "picture", "picture": image},
        {"kind": "article", "article": article},
        {"kind": "offer", "offer": offer},
    ]
    campaign = make_campaign(blocks=three * times)
    with django_assert_num_queries(5):
        content_of(campaign, now=NOON)


@pytest.mark.django_db
def test_no_block_is_left_out_in_silence():
    campaign = make_campaign()
    Block.objects.bulk_create(
        Block(campaign=campaign, kind="button", heading="a", link="/", position=number) for number in range(250)
    )
    content = content_of(campaign, now=NOON)
    assert len(content["blocks"]) == 250
    with pytest.raises(TooLarge):
        render(content, now=NOON)


@pytest.mark.django_db
def test_offers_are_shown_until_the_moment_they_end():
    first = make_offer(title="First", starts_at=NOON, ends_at=NOON + HOUR)
    second = make_offer(title="Second", starts_at=NOON, ends_at=NOON + 2 * HOUR)
    offers = [{"kind": "offer", "offer": offer} for offer in (second, first)]
    content = content_of(make_campaign(blocks=[*offers, {"kind": "text", "text": "<p>x</p>"}]), now=NOON)

    def titles(now):
        return [block.get("title") for block in shown_blocks(content, now=now)]

    just_before = NOON + HOUR - timedelta(microseconds=1)
    assert titles(NOON) == titles(just_before) == ["Second", "First", None]
    assert titles(NOON + HOUR) == ["Second", None]
    assert titles(NOON + 2 * HOUR) == [None]
    ends = [next_end(content, now=now) for now in (NOON, just_before, NOON + HOUR, NOON + 2 * HOUR)]
    assert ends == [NOON + HOUR, NOON + HOUR, NOON + 2 * HOUR, None]
