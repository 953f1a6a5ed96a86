"""Every public page, of an empty site and of a full one: what a visitor, a cache and a browser's walls rely on."""

import re
import xml.etree.ElementTree as ElementTree
from datetime import date, time, timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from articles.models import Article
from clinic import page_cache
from clinic.models import Closure, Location, Offer, Policy, Practice, Provider, Treatment
from tests.factories import (
    make_article,
    make_category,
    make_image,
    make_location,
    make_offer,
    make_policy,
    make_practice,
    make_provider,
    make_testimonial,
    make_treatment,
    manager,
    marketing,
)

CONTENT_SECURITY_POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "object-src 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
WEEK = [(day, time(8, 30), time(17)) for day in range(5)]
HOUSES = ["elmford", "oakham", "beechwood"]

EMPTY = ["/", "/treatments/", "/team/", "/locations/", "/offers/", "/articles/"]
FULL = {
    "home": "/",
    "treatments": "/treatments/",
    "treatment": "/treatments/lip-filler/",
    "team": "/team/",
    "provider": "/team/helen-ash/",
    "locations": "/locations/",
    "location": "/locations/elmford/",
    "offers": "/offers/",
    "policy": "/policies/privacy/",
    "journal": "/articles/",
    "second page": "/articles/?page=2",
    "search": "/articles/?q=evidence",
    "nothing found": "/articles/?q=unheardof",
    "category": "/articles/category/injectables/",
    "article": "/articles/does-it-help/",
}


# Of a practice of three houses, three people, nine treatments, twelve articles. To make a page that is to be kept
# takes three more than it shows: which content stands, until when, and the practice's clock.
QUERIES = {
    "home": 20,
    "treatments": 9,
    "treatment": 16,
    "team": 9,
    "provider": 14,
    "locations": 9,
    "location": 14,
    "offers": 9,
    "policy": 8,
    "journal": 11,
    "second page": 11,
    "search": 9,
    "nothing found": 7,
    "category": 12,
    "article": 14,
}


@pytest.fixture
def full_site(db):
    """More than one of everything, with pictures, in a practice of three houses."""
    image = make_image()
    make_practice(banner_poster=image)
    houses = [
        make_location(name="Elmford", slug="elmford", hours=WEEK, picture=image),
        make_location(name="Oakham", slug="oakham", hours=WEEK),
        make_location(name="Beechwood", slug="beechwood", hours=WEEK, time_zone="America/Chicago"),
    ]
    people = [make_provider(slug="helen-ash", photo=image), make_provider(photo=image), make_provider()]
    for provider in people:
        provider.locations.set(houses)
    injectables = make_category(name="Injectables", slug="injectables")
    lips = make_treatment(category=injectables, slug="lip-filler", picture=image)
    more = [make_treatment(category=make_category(), picture=image) for _ in range(8)]
    for treatment in (lips, *more):
        treatment.performed_by.set(people)
    for _ in range(3):
        make_offer(picture=image).treatments.set([lips])
        make_testimonial(treatment=lips)
    make_testimonial(
        video="films/a.mp4",
        captions="films/a.vtt",
        transcript="Hello.",
        poster=image,
        by_physician=True,
        treatment=lips,
    )
    make_policy(slug="privacy")
    make_policy()
    for number in range(12):
        article = make_article(
            category=injectables,
            author=people[number % 3],
            picture=image,
            **({"slug": "does-it-help"} if number == 0 else {}),
        )
        article.treatments.set([lips])
    return image


def walls(response):
    return {part.strip() for part in response["Content-Security-Policy"].split(";")}


def check_page(client, path):
    """What holds for each public page; returns its text."""
    response = client.get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response.cookies == {}
    assert "cookie" not in response.get("Vary", "").lower()
    assert response["Cache-Control"] == "max-age=0, must-revalidate"
    assert walls(response) == CONTENT_SECURITY_POLICY
    assert (response["X-Content-Type-Options"], response["X-Frame-Options"]) == ("nosniff", "DENY")
    assert response["Referrer-Policy"] == "same-origin"
    again = client.get(path, headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    text = response.content.decode()
    check_markup(text)
    return text


def check_markup(text):
    assert "nonce" not in text
    assert re.findall(r"\s(?:on[a-z]+|style)=", text) == []
    assert "<style" not in text
    assert [script for script in re.findall(r"<script[^>]*>", text) if " src=" not in script] == []
    assert "{{" not in text
    assert "{%" not in text
    resources = re.findall(r"""<(?:script|img|source|video|track|iframe)\b[^>]*?\s(?:src|poster)=["']([^"']*)""", text)
    resources += re.findall(r"""<link\b[^>]*rel=["'](?:stylesheet|preload|icon)["'][^>]*href=["']([^"']*)""", text)
    resources += re.findall(r"""<link\b[^>]*href=["']([^"']*)["'][^>]*rel=["'](?:stylesheet|preload|icon)""", text)
    for srcset in re.findall(r"""srcset=["']([^"']*)""", text):
        resources += [part.split()[0] for part in srcset.split(",")]
    assert resources
    assert [url for url in resources if urlsplit(url).netloc or urlsplit(url).scheme] == []
    assert len(re.findall(r"<h1[ >]", text)) == 1
    assert text.count("<main ") == 1
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert sorted(set(ids)) == sorted(ids)
    assert [image for image in re.findall(r"<img [^>]*>", text) if " alt=" not in image or " width=" not in image] == []


def test_each_page_of_an_empty_site_is_whole(db, client, subtests):
    for path in EMPTY:
        with subtests.test(path=path):
            check_page(client, path)


def test_each_page_of_a_full_site_is_whole(full_site, client, subtests):
    for path in FULL.values():
        with subtests.test(path=path):
            check_page(client, path)


def test_each_page_is_the_same_for_somebody_who_is_signed_in(full_site, client):
    public = {path: client.get(path).content for path in FULL.values()}
    client.force_login(manager())
    # Made anew for the one who is signed in, instead of shown as it was kept for the public.
    page_cache.forget_all()

    assert [path for path in public if client.get(path).content != public[path]] == []


def test_each_page_holds_with_the_longest_words_and_no_picture(db, client, subtests):
    practice = make_practice()
    rows = [
        practice,
        make_location(slug="elmford"),
        make_provider(slug="helen-ash"),
        make_treatment(slug="lip-filler"),
        make_offer(),
        make_testimonial(),
        make_policy(slug="privacy"),
        make_article(slug="does-it-help", standfirst="The evidence"),
    ]
    rows[3].category.slug = "injectables"
    rows.append(rows[3].category)
    for row in rows:
        for field in row._meta.get_fields():
            kind = field.get_internal_type() if hasattr(field, "get_internal_type") else ""
            fixed = {"slug", "time_zone", "status", "kind", "currency", "video", "captions", "banner_video", "email"}
            if kind in {"CharField", "TextField"} and field.name not in fixed:
                setattr(row, field.name, ("Wörter " * 200)[: field.max_length or 900].strip())
        row.save()

    for path in FULL.values():
        with subtests.test(path=path):
            check_page(client, path)


def test_html_in_plain_fields_is_text(db, client):
    typed = "<b>&\"'"
    make_practice(name=typed, tagline=typed, opening_line=f"{typed}, {typed}", lead=typed, phone=typed)
    make_location(slug="elmford", name=typed, street=typed, directions=typed, parking=typed)
    injectables = make_category(slug="injectables", name=typed, summary=typed)
    person = make_provider(slug="helen-ash", name=typed, role=typed, credentials=typed, boards=typed, languages=typed)
    lips = make_treatment(slug="lip-filler", category=injectables, name=typed, summary=typed, downtime=typed)
    lips.performed_by.add(person)
    make_offer(title=typed, summary=typed, terms=typed).treatments.add(lips)
    make_testimonial(attribution=typed, quote=typed, treatment=lips)
    make_policy(slug="privacy", title=typed)
    make_article(
        slug="does-it-help", title=typed, standfirst=f"evidence {typed}", key_points=typed, category=injectables
    ).treatments.add(lips)

    assert [path for path in FULL.values() if "<b>" in client.get(path).content.decode()] == []


def test_html_in_a_search_is_text(db, client):
    response = client.get("/articles/", {"q": "<script>alert(1)</script>"})

    assert (response.status_code, b"<script>alert" in response.content) == (200, False)


def test_no_search_is_an_error(full_site, client):
    queries = ['"', "'", "a & | !", "%", "\\", "\0", "x" * 5000, "🙂", "(((", "-", "مرحبا", "&amp;page=2"]

    assert [query for query in queries if client.get("/articles/", {"q": query}).status_code != 200] == []


def test_no_page_number_is_an_error(full_site, client):
    numbers = ["0", "-1", "999", "x", "", "1e9", "9" * 400]

    assert [number for number in numbers if client.get("/articles/", {"page": number}).status_code != 200] == []


# An edit shows at once


def test_an_edit_is_visible_on_the_next_request_and_the_old_etag_no_longer_holds(full_site, client, subtests):
    edits = [
        ("/", lambda: Practice.objects.update(lead="Fresh words")),
        ("/treatments/", lambda: Treatment.objects.filter(slug="lip-filler").update(name="Fresh words")),
        ("/treatments/lip-filler/", lambda: Treatment.objects.update(body="<p>Fresh words</p>")),
        ("/team/helen-ash/", lambda: Provider.objects.update(role="Fresh words")),
        ("/offers/", lambda: Offer.objects.update(terms="Fresh words")),
        ("/policies/privacy/", lambda: Policy.objects.update(title="Fresh words")),
        ("/articles/", lambda: Article.objects.update(title="Fresh words")),
        ("/articles/does-it-help/", lambda: Article.objects.update(body="<p>Fresh words</p>")),
        ("/articles/feed/", lambda: Article.objects.update(standfirst="Fresh words")),
    ]
    for path, edit in edits:
        with subtests.test(path=path), transaction.atomic():
            before = client.get(path)
            edit()
            after = client.get(path, headers={"If-None-Match": before["ETag"]})
            transaction.set_rollback(True)

            assert b"Fresh words" not in before.content
            assert (after.status_code, b"Fresh words" in after.content) == (200, True)


# What is not public


def test_what_is_not_shown_is_not_found_and_nowhere_named(full_site, client):
    hidden = {
        "/treatments/secret-a/": make_treatment(slug="secret-a", is_published=False),
        "/team/secret-b/": make_provider(slug="secret-b", is_active=False),
        "/locations/secret-c/": make_location(slug="secret-c", is_active=False),
        "/policies/secret-d/": make_policy(slug="secret-d", is_published=False),
        "/articles/secret-e/": make_article(slug="secret-e", status=Article.Status.DRAFT),
        "/articles/secret-f/": make_article(slug="secret-f", published_at=timezone.now() + timedelta(hours=1)),
    }
    make_offer(slug="secret-g", ends_at=timezone.now() - timedelta(minutes=1))
    make_offer(slug="secret-h", starts_at=timezone.now() + timedelta(minutes=1))
    lips = Treatment.objects.get(slug="lip-filler")
    lips.performed_by.add(hidden["/team/secret-b/"])
    for name in ("/articles/secret-e/", "/articles/secret-f/"):
        hidden[name].treatments.add(lips)

    assert {path: client.get(path).status_code for path in hidden} == dict.fromkeys(hidden, 404)
    pages = [*FULL.values(), "/sitemap.xml", "/articles/feed/"]
    assert [path for path in pages if b"secret" in client.get(path).content] == []


def closures(response):
    return re.findall(r'<p class="closure">([^<]*)</p>', response.content.decode())


def test_coming_closures_stand_wherever_the_hours_do(db, client):
    make_practice()
    elmford, oakham = make_location(name="Elmford", slug="elmford"), make_location(name="Oakham", slug="oakham")
    Closure.objects.create(starts_on="2090-12-24", ends_on="2090-12-26", reason="Holidays")
    Closure.objects.create(location=oakham, starts_on="2090-11-01", ends_on="2090-11-01")
    yesterday = timezone.now().astimezone(elmford.zone).date() - timedelta(days=1)
    Closure.objects.create(location=elmford, starts_on=yesterday, ends_on=yesterday, reason="Over")
    holidays, a_day = "Closed from Dec. 24, 2090 to Dec. 26, 2090: Holidays", "Closed on Nov. 1, 2090"

    assert closures(client.get("/locations/")) == [holidays, a_day, holidays]
    assert closures(client.get("/locations/elmford/")) == [holidays]
    assert closures(client.get("/locations/oakham/")) == [a_day, holidays]
    assert closures(client.get("/")) == [holidays, a_day]


def test_a_time_zone_is_named_only_where_it_is_not_the_practices_own(full_site, client):
    Location.objects.filter(slug="oakham").update(time_zone="America/New_York")
    named = {slug: "Times are local" in client.get(f"/locations/{slug}/").content.decode() for slug in HOUSES}
    assert named == {"elmford": False, "oakham": False, "beechwood": True}


def test_hours_break_between_the_days_and_the_hours_alone(db):
    hours = [*WEEK, (5, time(9), time(12)), (5, time(13), time(15))]
    assert make_location(hours=hours).hours_lines == [
        "Mon\xa0to\xa0Fri 8:30\xa0a.m.\u2060–\u20605\xa0p.m.",
        "Sat 9\xa0a.m.\u2060–\u2060noon, 1\xa0p.m.\u2060–\u20603\xa0p.m.",
    ]


def test_the_sign_up_form_stands_once_on_a_page(full_site, client):
    forms = {page: client.get(path).content.decode().count('class="newsletter-form"') for page, path in FULL.items()}
    assert forms == dict.fromkeys(FULL, 1)


def test_an_unknown_address_says_so_and_what_to_do(full_site, client):
    response = client.get("/treatments/nothing-here/")

    text = response.content.decode()
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert "We cannot find this page" in text
    assert '<meta name="robots" content="noindex">' in text
    assert 'href="tel:+1 212 555 0142"' in text
    assert response.cookies == {}
    check_markup(text)


# Requests that no browser of ours makes


def test_a_wrong_method_is_refused(full_site, client):
    paths = [*FULL.values(), "/robots.txt", "/.well-known/security.txt", "/articles/feed/", "/healthz", "/readyz"]
    answers = {
        (method, path): client.generic(method, path).status_code
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for path in paths
    }

    assert answers == dict.fromkeys(answers, 405)


def test_a_post_in_another_charset_is_a_bad_request_with_a_plain_page(db):
    client = Client(enforce_csrf_checks=True)
    client.get("/admin/login/")

    response = client.generic(
        "POST", "/admin/login/", b"name=\xe9", content_type="application/x-www-form-urlencoded; charset=latin1"
    )

    assert response.status_code == 400
    assert "We could not read this request" in response.content.decode()


def test_another_host_is_a_bad_request_with_a_plain_page():
    response = Client().get("/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert "evil.example" not in response.content.decode()


def test_a_form_without_its_token_gets_a_page_that_helps(db):
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "max"})

    assert (response.status_code, response["Cache-Control"]) == (403, "no-store")
    assert "Perhaps the form was open for a long time" in response.content.decode()


def test_who_lacks_the_permission_is_told_whom_to_ask(db, client):
    make_practice()
    client.force_login(marketing())
    response = client.get("/admin/appointments/appointment/day/")

    assert response.status_code == 403
    text = response.content.decode()
    assert ("Ask whoever runs the practice" in text, "the form was open" in text) == (True, False)


# Machines


def test_robots_are_kept_from_what_is_private_and_sent_to_the_sitemap(client):
    assert client.get("/robots.txt").content.decode().splitlines() == [
        "User-agent: *",
        "Disallow: /admin/",
        "Sitemap: http://127.0.0.1:8000/sitemap.xml",
    ]


@pytest.mark.parametrize(
    "page",
    [
        "/appointments/manage/{}/",
        "/appointments/manage/{}/reschedule/",
        "/appointments/manage/{}/cancel/",
        "/appointments/manage/{}/calendar.ics",
        "/appointments/held/{}/",
        "/newsletter/confirm/{}/",
        "/newsletter/preferences/{}/",
        "/newsletter/unsubscribe/{}/",
    ],
)
def test_a_page_behind_a_mailed_link_may_be_read_by_robots_and_says_that_it_is_not_to_be_listed(client, db, page):
    """Kept away by robots.txt they would not read that, and list the bare address with its token."""
    answer = client.get(page.format("x" * 32))
    assert (answer.status_code, answer["X-Robots-Tag"]) == (404, "noindex")


def test_the_sitemap_lists_the_public_pages_once_each_and_robots_may_read_them(full_site, client):
    response = client.get("/sitemap.xml")
    namespace = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    tree = ElementTree.fromstring(response.content)
    found = [urlsplit(entry.text).path for entry in tree.iter(f"{namespace}loc")]

    expected = ["/", "/treatments/", "/team/", "/locations/", "/offers/", "/articles/"]
    expected += [
        reverse(name)
        for name in ("appointments:book", "appointments:request", "newsletter:signup", "newsletter:archive")
    ]
    for model in (Treatment, Provider, Policy):
        expected += [row.get_absolute_url() for row in model.objects.all()]
    expected += ["/locations/elmford/", "/locations/oakham/", "/locations/beechwood/"]
    expected += [article.get_absolute_url() for article in Article.objects.all()]
    assert sorted(found) == sorted(expected)
    robots = client.get("/robots.txt").content.decode()
    barred = re.findall(r"Disallow: (\S+)", robots)
    assert [path for path in found if path.startswith(tuple(barred))] == []


def test_the_host_of_a_request_does_not_stand_in_the_sitemap(full_site, client, settings):
    settings.BASE_URL = "https://clinic.example"

    response = client.get("/sitemap.xml", headers={"host": "testserver:8123"})

    hosts = set(re.findall(r"<loc>https://([^/<]*)/", response.content.decode()))
    assert hosts == {"clinic.example"}
    assert b"testserver" not in response.content


def test_an_empty_sites_sitemap_and_feed_are_valid(db, client):
    for path in ("/sitemap.xml", "/articles/feed/"):
        ElementTree.fromstring(client.get(path).content)


def test_security_txt_names_whom_to_write_to(db, client):
    make_practice(email="o'brien@elmstreet.example")

    response = client.get("/.well-known/security.txt")

    contact, expires, canonical, languages = response.content.decode().strip().splitlines()
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert (contact, languages) == ("Contact: mailto:o'brien@elmstreet.example", "Preferred-Languages: en")
    assert canonical == "Canonical: http://127.0.0.1:8000/.well-known/security.txt"
    ends = date.fromisoformat(expires.removeprefix("Expires: ")[:10])
    assert timedelta(days=170) < ends - timezone.now().date() < timedelta(days=365)


def test_an_empty_sites_security_txt_names_nobody(db, client):
    assert client.get("/.well-known/security.txt").status_code == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_monitors_get_an_answer_that_nobody_keeps(db, client, path):
    assert "no-store" in client.get(path)["Cache-Control"]


# What the database is asked


def queries_of_each_page(client):
    counts = {}
    for page, path in FULL.items():
        with CaptureQueriesContext(connection) as captured:
            client.get(path)
        counts[page] = len(captured)
    return counts


def test_a_full_page_asks_the_database_a_fixed_number_of_times(full_site, client):
    assert queries_of_each_page(client) == QUERIES


def test_more_rows_are_asked_for_no_more_often(full_site, client):
    lips, helen = Treatment.objects.get(slug="lip-filler"), Provider.objects.get(slug="helen-ash")
    for _ in range(3):
        house = make_location(hours=WEEK, picture=full_site)
        make_provider(photo=make_image()).locations.add(house)
        helen.locations.add(house)
        make_treatment(category=lips.category, picture=make_image()).performed_by.add(helen)
        make_offer(picture=make_image()).treatments.add(lips)
        make_testimonial(treatment=lips)
        make_article(category=lips.category, picture=make_image(), author=helen).treatments.add(lips)
        make_policy()

    assert queries_of_each_page(client) == QUERIES
