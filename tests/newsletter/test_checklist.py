"""What is looked at without the network before a mailing goes, and what forbids it."""

from datetime import UTC, datetime, timedelta

import pytest

from articles.models import Article
from clinic.models import Image, Practice
from newsletter.models import Subscriber
from newsletter.services.checklist import Check, Verdict, audience, quick
from tests.factories import (
    NOON,
    make_article,
    make_campaign,
    make_image,
    make_offer,
    make_subscriber,
    make_topic,
    picture_file,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]

OK, WARNING, STOP = Verdict.OK, Verdict.WARNING, Verdict.STOP
DAY = timedelta(days=1)
# Half of them by what a letter shows, which is made to see how large it is.
QUERIES = 10
KEPT = "There is none (EMAIL_URL is not set): letters are kept here, where staff can read them, and reach nobody."


@pytest.fixture(autouse=True)
def reader(db):
    return make_subscriber()


def said(name, *, now=NOON, **fields):
    """What the list says of a campaign with these fields, under this name."""
    return of(name, make_campaign(**fields), now=now)


def of(name, campaign, *, now=NOON):
    return [(check.verdict, check.words) for check in quick(campaign, now=now) if check.name == name]


def text(html):
    return {"kind": "text", "text": html}


def test_a_mailing_in_order_from_top_to_bottom():
    make_subscriber()
    campaign = make_campaign(
        subject="Spring hours",
        blocks=[
            text('<p>Hello {{ name }}, see <a href="/offers/">the offers</a>.</p>'),
            {"kind": "picture", "picture": make_image()},
            {"kind": "article", "article": make_article(title="Scars", published_at=NOON)},
            {"kind": "offer", "offer": make_offer(title="Peel", starts_at=NOON - DAY, ends_at=NOON + 9 * DAY)},
            {"kind": "button", "heading": "Book a visit", "link": "/appointments/book/"},
        ],
    )
    found = quick(campaign, now=NOON)
    size = found.pop()
    assert found == [
        Check("Subject", OK, "12 characters."),
        Check("Preheader", OK, "It is there."),
        Check("Content", OK, "Something is written."),
        Check("Merge fields", OK, "None is left over or misspelt."),
        Check("Pictures", OK, "Each can be shown, and says in words what is on it."),
        Check("Articles", OK, "“Scars” is on the site."),
        Check("Offers", OK, "“Peel” holds (until March 11, 2026, 8 a.m. EDT)."),
        Check("Links", OK, "Each says where it leads."),
        Check("Audience", OK, "It reaches people who are on the list."),
        Check("Postal address", OK, "12 Orchard Street, New York, NY 10002"),
        Check("Mail server", WARNING, KEPT),
    ]
    assert (size.name, size.verdict) == ("Size", OK)


def test_it_asks_the_database_little_however_much_is_written(django_assert_num_queries):
    def campaign(number):
        return make_campaign(
            topics=[make_topic() for _topic in range(number)],
            blocks=[
                block
                for _block in range(number)
                for block in (
                    {"kind": "picture", "picture": make_image()},
                    {"kind": "article", "article": make_article(picture=make_image())},
                    {"kind": "offer", "offer": make_offer(picture=make_image())},
                )
            ],
        )

    few, many = campaign(1), campaign(4)
    with django_assert_num_queries(QUERIES):
        quick(few, now=NOON)
    with django_assert_num_queries(QUERIES):
        quick(many, now=NOON)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("", [(STOP, "Write a subject.")]),
        ("  ", [(STOP, "Write a subject.")]),
        ("x" * 60, [(OK, "60 characters.")]),
        ("x" * 61, [(WARNING, "61 characters: mailboxes cut off what comes after about 60.")]),
        ("[TEST] Hours", [(WARNING, "“[Test]” still stands in it.")]),
        *(
            (loud, [(WARNING, "It shouts. Capitals throughout and rows of exclamation marks are taken for spam.")])
            for loud in ("SPRING HOURS", "Spring!!")
        ),
        ("SPF 50", [(OK, "6 characters.")]),
        ("春の営業時間のお知らせ", [(OK, "11 characters.")]),
    ],
)
def test_the_subject(subject, expected):
    assert said("Subject", subject=subject) == expected


@pytest.mark.parametrize(
    ("preheader", "expected"),
    [
        ("", (WARNING, "There is none: mailboxes show the first words of the letter in its place.")),
        ("Hours", (WARNING, "It says the same as the subject, which stands beside it.")),
        ("From May on", (OK, "It is there.")),
    ],
)
def test_the_preheader(preheader, expected):
    assert said("Preheader", subject="Hours", preheader=preheader) == [expected]


@pytest.mark.parametrize(
    ("introduction", "blocks", "verdict"),
    [
        ("", [], STOP),
        ("<p> </p>", [text("<p></p>")], STOP),
        ("<p>Hello</p>", [], OK),
        ("", [text("<p>Hello</p>")], OK),
        ("", [{"kind": "button", "heading": "Book a visit", "link": "/"}], OK),
    ],
)
def test_something_is_written(introduction, blocks, verdict):
    words = {
        STOP: "Nothing is written yet: neither an introduction nor a block.",
        OK: "Something is written.",
    }
    assert said("Content", introduction=introduction, blocks=blocks) == [(verdict, words[verdict])]


def left(field, place):
    words = "becomes a name, in the introduction and in texts."
    return STOP, f"“{field}” would be sent as it stands ({place}). Only {{{{ name }}}} or {{{{ name|friend }}}} {words}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"introduction": "<p>{{name}} {{ name }} {{ name|dear friend }}</p>"}, []),
        ({"introduction": "<p>{{\u00a0name }}</p>"}, []),
        ({"introduction": "<p>{{ nmae }}</p>"}, [left("{{ nmae }}", "introduction")]),
        ({"introduction": "<p>{{ Name }}</p>"}, [left("{{ Name }}", "introduction")]),
        ({"introduction": "<p>{{ name }</p>"}, [left("{{ name }", "introduction")]),
        ({"introduction": "<p>{ name }</p>"}, [left("{ name }", "introduction")]),
        ({"introduction": "<p>name }} and {{</p>"}, [left("}}", "introduction"), left("{{", "introduction")]),
        ({"introduction": "<p>{{ <em>name</em> }}</p>"}, [left("{{ ", "introduction"), left("}}", "introduction")]),
        ({"introduction": "<p>*|FNAME|*</p>"}, [left("*|FNAME|*", "introduction")]),
        ({"introduction": "<p>{braces} of a {kind}, 5 * 3 | 2 * 4</p>"}, []),
        ({"subject": "Dear {{ name }}"}, [left("{{ name }}", "subject")]),
        ({"preheader": "{{ name }}, look"}, [left("{{ name }}", "preheader")]),
        ({"blocks": [text("<p>A</p>"), text("<p>{{ name</p>")]}, [left("{{ name", "block 2")]),
        ({"blocks": [{**text("<p>A</p>"), "heading": "{{ name }}"}]}, [left("{{ name }}", "block 1")]),
        (
            {"blocks": [{"kind": "button", "heading": "Book a visit", "link": "https://example.com/{{name}}"}]},
            [left("{{name}}", "block 1")],
        ),
    ],
)
def test_merge_fields(fields, expected):
    assert said("Merge fields", **fields) == (expected or [(OK, "None is left over or misspelt.")])


def test_merge_fields_in_an_address_an_article_or_an_offer():
    blocks = [
        text('<p><a href="https://example.com/?x={{ name }}">The shop</a></p>'),
        {"kind": "article", "article": make_article(title="{{ name }}s day", published_at=NOON)},
        {"kind": "offer", "offer": make_offer(summary="For {{ name }}", ends_at=NOON + 999 * DAY)},
    ]
    assert [verdict for verdict, _words in said("Merge fields", blocks=blocks)] == [STOP, STOP, STOP]


def test_pictures_that_are_not_ready_or_cannot_be_made():
    waiting, broken = make_image(title="Waiting", rendered=False), make_image(title="Broken", rendered=False)
    Image.objects.filter(pk=broken.pk).update(error="not a picture")
    blocks = [
        {"kind": "picture", "picture": waiting},
        {"kind": "article", "article": make_article(picture=broken, published_at=NOON)},
        {"kind": "offer", "offer": make_offer(picture=waiting)},
        {"kind": "picture", "picture": make_image()},
    ]
    assert said("Pictures", blocks=blocks) == [
        (STOP, "“Waiting” is still being made ready for the web. Look again in a minute."),
        (STOP, "“Broken” could not be made ready for the web. Upload it anew."),
    ]


def test_what_those_read_who_do_not_see_the_pictures():
    blank, named = make_image(title="Blank", alt=" "), make_image(title="Named", alt="IMG_0417.jpg")
    border = make_image(title="Border", alt="", is_decorative=True)
    blocks = [
        {"kind": "picture", "picture": blank},
        {"kind": "picture", "picture": named},
        {"kind": "picture", "picture": border, "link": "/offers/"},
    ]
    assert said("Pictures", blocks=blocks) == [
        (STOP, "“Blank” has no text alternative."),
        (WARNING, "The text alternative of “Named” is the name of a file."),
        (
            WARNING,
            "“Border” is a link and marked as decorative: who does not see it cannot tell where it leads.",
        ),
    ]
    assert said("Pictures", blocks=[{"kind": "picture", "picture": border}]) == [
        (OK, "Each can be shown, and says in words what is on it.")
    ]
    assert said("Pictures") == []


def offers(scheduled_at=None, **fields):
    offer = make_offer(title="Peel", **{"starts_at": NOON - 9 * DAY, **fields})
    return said("Offers", blocks=[{"kind": "offer", "offer": offer}], scheduled_at=scheduled_at)


def test_offers_hold_when_the_mailing_goes_and_a_while_after():
    # The clocks of the practice: New York, five hours behind in winter.
    assert offers(ends_at=NOON) == [(STOP, "“Peel” has ended (March 2, 2026, 7 a.m. EST).")]
    assert offers(ends_at=NOON + DAY) == [
        (WARNING, "“Peel” ends soon after (March 3, 2026, 7 a.m. EST): who reads it later misses it.")
    ]
    assert offers(ends_at=NOON + 2 * DAY) == [(OK, "“Peel” holds (until March 4, 2026, 7 a.m. EST).")]
    assert offers(starts_at=NOON + DAY, ends_at=NOON + 3 * DAY) == [
        (STOP, "“Peel” begins only after this goes out (March 3, 2026, 7 a.m. EST).")
    ]


def test_an_offer_that_ends_at_midnight_is_told_with_its_last_day():
    midnight = datetime(2026, 3, 14, 4, tzinfo=UTC)
    assert offers(ends_at=midnight) == [(OK, "“Peel” holds (until March 13, 2026).")]
    assert offers(midnight, ends_at=midnight) == [(STOP, "“Peel” ends before this goes out (March 13, 2026).")]


def test_offers_are_looked_at_as_they_are_when_a_scheduled_mailing_goes():
    at = NOON + 2 * DAY
    assert offers(at, ends_at=at) == [(STOP, "“Peel” ends before this goes out (March 4, 2026, 7 a.m. EST).")]
    assert offers(at, ends_at=at + DAY) == [
        (WARNING, "“Peel” ends soon after (March 5, 2026, 7 a.m. EST): who reads it later misses it.")
    ]
    assert offers(at, starts_at=at, ends_at=at + 2 * DAY) == [(OK, "“Peel” holds (until March 6, 2026, 7 a.m. EST).")]
    # A time that has passed is not gone back to.
    assert offers(NOON - DAY, ends_at=NOON) == [(STOP, "“Peel” has ended (March 2, 2026, 7 a.m. EST).")]


def test_articles_are_on_the_site_when_the_mailing_goes():
    draft = make_article(title="Draft", status=Article.Status.DRAFT)
    later = make_article(title="Later", published_at=NOON + DAY)
    blocks = [{"kind": "article", "article": article} for article in (draft, later, draft)]
    assert said("Articles", blocks=blocks) == [
        (STOP, "“Draft” is a draft: its link would lead nowhere."),
        (STOP, "“Later” is not on the site yet when this goes out."),
    ]
    assert said("Articles", blocks=blocks[1:2], scheduled_at=NOON + DAY) == [(OK, "“Later” is on the site.")]


@pytest.mark.parametrize("words", ["click here", "Here", "Read more »", "here.", "→ more"])
def test_links_say_where_they_lead(words):
    blocks = [
        text(f'<p><a href="/offers/">{words}</a> <a href="/team/">Our team</a></p>'),
        {"kind": "button", "heading": words, "link": "/team/"},
    ]
    assert said("Links", blocks=blocks) == [
        (WARNING, f"“{words}” does not say where it leads (/offers/). Name what is there."),
        (WARNING, f"“{words}” does not say where it leads (/team/). Name what is there."),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/newsletter/campaign/",
        "/appointments/held/abc/",
        "/appointments/manage/abc/",
        "/appointments/requested/abc/",
        "/newsletter/preferences/abc/",
        "/newsletter/unsubscribe/abc/",
        "/newsletter/confirm/abc/",
    ],
)
def test_pages_of_staff_or_of_one_person_are_no_links_for_all(settings, path):
    words = f"{path} is a page of staff, or of one person alone. Take the link out."
    assert said("Links", introduction=f'<p><a href="{path}">Your choices</a></p>') == [(STOP, words)]
    whole = f"{settings.BASE_URL}{path}"
    assert said("Links", blocks=[{"kind": "button", "heading": "Your choices", "link": whole}]) == [
        (STOP, words.replace(path, whole))
    ]
    # The same path elsewhere is somebody else's page.
    assert said("Links", introduction=f'<p><a href="https://example.com{path}">Your choices</a></p>') == [
        (OK, "Each says where it leads.")
    ]


def test_a_link_that_is_no_address():
    assert said("Links", blocks=[{"kind": "button", "heading": "The shop", "link": "http://[::1/"}]) == [
        (STOP, "http://[::1/ is not an address of the web.")
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": Subscriber.State.UNSUBSCRIBED},
        {"state": Subscriber.State.PENDING},
        {"language": "es"},
        {"confirmed_at": datetime(2026, 3, 2, 4, 59, tzinfo=UTC)},  # on the first of March in New York
    ],
)
def test_nobody_to_reach(reader, fields):
    reader.delete()
    make_subscriber(**fields)
    nobody = (STOP, "The mailing would reach nobody: no one on the list fits its topics, language and dates.")
    march = NOON.date()
    assert said("Audience", audience_language="en", joined_from=march) == [nobody]

    make_subscriber(confirmed_at=datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    alone = "It reaches one person alone, so a request or booking by its links is seen to be that person's."
    assert said("Audience", audience_language="en", joined_from=march) == [(WARNING, alone)]

    make_subscriber(confirmed_at=datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    somebody = (OK, "It reaches people who are on the list.")
    assert said("Audience", audience_language="en", joined_from=march) == [somebody]


def test_who_chose_topics_is_left_out_of_a_mailing_without_and_counted(monkeypatch):
    skin = make_topic()
    assert said("Topics") == []
    make_subscriber(topics=[skin])
    what_to_do = (
        "left out: this mailing has no topic, and who has chosen topics asked for no others. "
        "Tick the topics that it is about."
    )
    assert said("Topics") == [(WARNING, f"1 person on the list is {what_to_do}")]
    make_subscriber(topics=[skin])
    assert said("Topics") == [(WARNING, f"2 people on the list are {what_to_do}")]
    assert said("Topics", topics=[skin]) == []
    monkeypatch.setattr(audience, "MOST_COUNTED", 1)
    assert said("Topics") == [(WARNING, f"More than 1 people on the list are {what_to_do}")]


@pytest.mark.parametrize("fields", [{"street": ""}, {"city": " "}])
def test_no_mailing_without_the_postal_address(fields):
    Practice.objects.update(**fields)
    stop = (STOP, "The practice has no street and city. The law wants them in every newsletter.")
    assert said("Postal address") == [stop]


def test_no_mailing_without_a_practice():
    Practice.objects.all().delete()
    stop = (STOP, "The practice has no street and city. The law wants them in every newsletter.")
    assert said("Postal address") == [stop]


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("desk@clinic.example", (OK, "Letters come from clinic.example, like your other letters.")),
        ("News <x@NEWS.clinic.example>", (OK, "Letters come from news.clinic.example, like your other letters.")),
        ("desk@example.com", (OK, "Letters come from example.com, like your other letters.")),
        *(
            (
                f"desk@{domain}",
                (
                    WARNING,
                    f"Letters come from {domain}, which is neither the domain of your site nor that of your mail "
                    "address. Readers and spam filters know you by those.",
                ),
            )
            for domain in ("gmail.com", "myclinic.example")
        ),
    ],
)
def test_the_domain_of_the_sender(settings, sender, expected):
    settings.SENDS_MAIL, settings.BASE_URL, settings.DEFAULT_FROM_EMAIL = True, "https://clinic.example", sender
    assert said("Sender") == [expected]
    assert said("Mail server") == []


def test_no_mailing_whose_readers_could_not_leave(settings):
    settings.SENDS_MAIL, settings.BASE_URL = True, "http://127.0.0.1:8000"
    words = (
        "The links of the letters would begin with http://127.0.0.1:8000, which readers cannot open: nobody could "
        "leave the list. Whoever runs the site has to set BASE_URL to the address that patients know, which begins "
        "with https://."
    )
    assert said("Address of the site") == [(STOP, words)]
    settings.BASE_URL = "https://clinic.example"
    assert said("Address of the site") == []
    # Nothing leaves the trial, so its staff may see how a mailing goes.
    settings.SENDS_MAIL, settings.BASE_URL = False, "http://127.0.0.1:8000"
    assert said("Address of the site") == []


def test_a_mailing_that_mailboxes_would_cut_off():
    long = "<p>" + "Word " * 24_000 + "</p>"
    ((verdict, words),) = said("Size", blocks=[text(long)])
    assert (verdict, words[:17]) == (STOP, "This mailing has ")
    ((verdict, _words),) = said("Size")
    assert verdict == OK


def test_a_picture_in_another_format_alone_is_not_ready():
    image = make_image(file=picture_file(), title="Web only")
    image.renditions.filter(format="jpeg").delete()
    assert said("Pictures", blocks=[{"kind": "picture", "picture": image}]) == [
        (STOP, "“Web only” is still being made ready for the web. Look again in a minute.")
    ]
