"""A content page is made once and is never older than the content."""

from datetime import timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from articles.models import Article
from clinic import page_cache
from clinic.models import ContentVersion, Practice, Treatment
from tests.factories import (
    make_article,
    make_category,
    make_location,
    make_offer,
    make_practice,
    make_treatment,
    manager,
)

# What content pages do not show, so that its change may leave them as they are.
NOT_CONTENT = {
    "clinic_contentversion",
    "clinic_demorow",
    "clinic_letter",
    "clinic_maillink",
    "clinic_ratelimit",
    "clinic_user",
    "clinic_user_groups",
    "clinic_user_user_permissions",
    "clinic_workerheartbeat",
}
# Of the diary they show what can be booked where.
BOOKABLE = {"appointments_visittype", "appointments_visittype_locations"}
# Of the mailing list they show what is in its archive.
ARCHIVED = {"newsletter_campaign"}


def test_a_kept_page_costs_one_query(client, db, django_assert_num_queries):
    make_practice()
    make_treatment()
    first = client.get("/treatments/")
    with django_assert_num_queries(1):
        second = client.get("/treatments/")
    assert (second.content, second.headers) == (first.content, first.headers)


def test_every_table_of_content_tells_of_its_changes(db):
    models = [model for app in ("clinic", "articles") for model in apps.get_app_config(app).get_models(True)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'content_changed'")
        telling = {table for (table,) in cursor.fetchall()}
    assert telling == {model._meta.db_table for model in models} - NOT_CONTENT | BOOKABLE | ARCHIVED


@pytest.mark.parametrize(
    "edit",
    [
        lambda: Practice.objects.get().save(),
        lambda: Practice.objects.update(name="Another"),
        lambda: Treatment.objects.bulk_create(
            [Treatment(name="Peel", slug="peel", summary=".", category=make_category())]
        ),
        lambda: Treatment.objects.all().delete(),
        lambda: Treatment.objects.get().performed_by.clear() or Treatment.objects.get().offers.add(make_offer()),
    ],
    ids=["save", "update", "bulk_create", "delete", "many-to-many"],
)
def test_any_kind_of_edit_makes_a_new_version(db, edit):
    make_practice()
    make_treatment()
    before = ContentVersion.objects.get().version
    edit()
    assert ContentVersion.objects.get().version != before


@pytest.mark.django_db(transaction=True)
def test_the_next_request_after_a_commit_sees_the_edit_and_none_sees_what_was_rolled_back():
    make_practice(name="Before")
    visitor = Client()
    assert b"Before" in visitor.get("/team/").content
    with transaction.atomic():
        Practice.objects.update(name="Meanwhile")
        seen = []
        other = Thread(target=lambda: seen.append(Client().get("/team/").content) or connection.close())
        other.start()
        other.join()
        transaction.set_rollback(True)
    assert b"Before" in seen[0]
    assert b"Before" in visitor.get("/team/").content
    Practice.objects.update(name="After")
    assert b"After" in visitor.get("/team/").content


def test_a_page_is_kept_until_an_offer_or_an_article_comes_or_goes(db):
    now = timezone.now().replace(minute=31, second=7)
    quarter = now.replace(minute=45, second=0, microsecond=0)
    assert page_cache.next_change(now) == quarter
    make_offer(starts_at=now - timedelta(days=1), ends_at=now + timedelta(minutes=9))
    assert page_cache.next_change(now) == now + timedelta(minutes=9)
    make_article(published_at=now + timedelta(minutes=4))
    assert page_cache.next_change(now) == now + timedelta(minutes=4)
    make_offer(starts_at=now + timedelta(seconds=50), ends_at=now + timedelta(days=1))
    assert page_cache.next_change(now) == now + timedelta(seconds=50)


def test_an_ended_offer_is_gone_though_nobody_edited(client, db, monkeypatch):
    make_offer(title="Soon over", ends_at=timezone.now() + timedelta(minutes=1))
    assert b"Soon over" in client.get("/offers/").content
    later = timezone.now() + timedelta(minutes=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert b"Soon over" not in client.get("/offers/").content


def test_what_staff_see_of_a_draft_is_not_kept(client, db):
    article = make_article(status=Article.Status.DRAFT, published_at=None)
    client.force_login(manager())
    assert client.get(article.get_absolute_url()).status_code == 200
    assert Client().get(article.get_absolute_url()).status_code == 404


def test_pages_of_a_list_are_kept_apart_and_searches_not_at_all(client, db):
    category = make_category()
    for _number in range(10):
        make_article(category=category)
    first, second = client.get("/articles/"), client.get("/articles/?page=2")
    client.get("/articles/?q=twenty")
    assert first.content != second.content
    assert sorted(query for _path, query, _language in page_cache._pages) == ["", "page=2"]


def test_a_kept_page_still_answers_304_and_a_head(client, db):
    make_practice()
    etag = client.get("/").headers["ETag"]
    assert client.get("/", headers={"If-None-Match": etag}).status_code == 304
    assert (client.head("/").status_code, client.head("/").content) == (200, b"")


def test_days_are_those_of_the_practice(client, db):
    make_practice(time_zone="America/Los_Angeles")
    make_location()
    evening = timezone.now().replace(hour=3, minute=0) + timedelta(days=40)
    make_offer(ends_at=evening)
    local = evening.astimezone(ZoneInfo("America/Los_Angeles"))
    until = f"Until {date_format(local, 'DATETIME_FORMAT')} {local:%Z}<"
    assert (local.date() < evening.date(), until in client.get("/offers/").content.decode()) == (True, True)


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("/articles/?from=spr2ng26", "/articles/"),
        ("/articles/?page=2&from=spr2ng26", "/articles/?page=2"),
        ("/articles/?from=spr2ng26&page=2", "/articles/?page=2"),
        ("/?from=autumn77", "/"),
    ],
)
def test_the_code_of_a_mailing_leads_to_the_page_that_is_kept(client, db, django_assert_num_queries, path, same):
    category = make_category()
    for _number in range(10):
        make_article(category=category)
    first = client.get(same)
    with django_assert_num_queries(1):
        led_here = client.get(path)
    assert (led_here.content, led_here.headers) == (first.content, first.headers)
    assert len(page_cache._pages) == 1


def test_a_page_that_a_mailing_led_to_first_is_the_page_of_everybody(client, db):
    led_here = client.get("/articles/?from=spr2ng26")
    assert [query for _path, query, _language in page_cache._pages] == [""]
    assert client.get("/articles/").content == led_here.content
    assert (b"spr2ng26" in led_here.content, not client.cookies) == (False, True)


@pytest.mark.parametrize(
    "query",
    ["from=spring", "from=spr2ng267", "from=SPR2NG26", "from=spr2ng26&q=lips", "q=from=spr2ng26", "xfrom=spr2ng26"],
)
def test_nothing_else_is_taken_for_a_code(client, db, query):
    """Each of them is made anew, as before; else one visitor would be shown the search of another."""
    client.get(f"/articles/?{query}")
    assert len(page_cache._pages) == 0
