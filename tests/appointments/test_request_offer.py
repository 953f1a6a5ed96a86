"""Somebody asks for an appointment with an offer: it goes along while it lasts, and what was promised stays written."""

import html
import re
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from appointments.models import AppointmentRequest
from appointments.offers import WantedOffer
from clinic.models import Letter, Offer
from tests import factories
from tests.appointments.steps import FORM, chosen, send, stamp, summary, words
from tests.appointments.visits import DAY, NEW_YORK

pytestmark = pytest.mark.django_db

QUEUE = reverse("admin:appointments_appointmentrequest_changelist")
ENDED = "The offer has ended meanwhile. Nothing has been sent yet: send it again to ask without the offer."
CHANGED = "We have changed the offer since you opened the page. Read it again and send your request."


def offer(*treatments, **fields):
    made = factories.make_offer(
        **{
            "title": "Spring lips",
            "slug": "spring",
            "summary": "Half a syringe less to pay.",
            "terms": "Once for each patient.\nNot with other offers.",
            "price": 350,
            **fields,
        }
    )
    made.treatments.set(treatments)
    return made


def last_day(made):
    local = made.ends_at.astimezone(NEW_YORK)
    return f"{date_format(local, 'DATETIME_FORMAT')} {local:%Z}"


def carried(response):
    """The hidden fields of the form that a visitor cannot see, without those that every form has."""
    form = response.content.decode().partition('action="/appointments/request/"')[2].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found if name not in {"csrfmiddlewaretoken", "stamp"}}


def send_from(client, page, **fields):
    """Sends the form of a page that was opened, with what it carries."""
    return send(client, **{**carried(page), **fields})


def promised(made):
    terms = "Once for each patient.\nNot with other offers."
    return f"Spring lips\n$350\nUntil {last_day(made)}\nHalf a syringe less to pay.\n{terms}"


def desk():
    client = Client()
    client.force_login(factories.front_desk())
    return client


# What the visitor sees


def test_the_form_shows_the_offer_with_all_its_terms(client, practice):
    made = offer()
    page = client.get(f"{FORM}?offer=spring")
    assert (
        f"You are asking for this offer Spring lips $350 Half a syringe less to pay. Until {last_day(made)}"
        " Once for each patient. Not with other offers."
    ) in words(page)
    assert carried(page)["offer"] == "spring"


def test_an_offer_without_a_price_names_none(client, practice):
    made = offer(price=None, terms="For all.")
    assert f"Spring lips Half a syringe less to pay. Until {last_day(made)}" in words(
        client.get(f"{FORM}?offer=spring")
    )


@pytest.mark.parametrize(
    ("treatments", "query", "expected"),
    [
        (["lips"], "", "lips"),
        (["lips", "hidden"], "", "lips"),
        (["hidden"], "", ""),
        (["lips", "skin"], "", ""),
        ([], "", ""),
        (["lips", "skin"], "&treatment=skin", "skin"),
        (["lips"], "&treatment=skin", "skin"),
    ],
)
def test_the_only_treatment_of_the_offer_is_chosen(client, practice, treatments, query, expected):
    known = {
        name: factories.make_treatment(slug=name, is_published=name != "hidden") for name in ("lips", "skin", "hidden")
    }
    offer(*(known[name] for name in treatments))
    assert chosen(client.get(f"{FORM}?offer=spring{query}"), "treatment") == expected


@pytest.mark.parametrize(
    "query", ["no-such", "", "%00", "spring%00", "%22%3E%3Cb%3E", "SPRING", "x" * 5000, "%E2%82%AC"]
)
def test_an_offer_that_nobody_knows_is_left_out(client, practice, query):
    offer()
    page = client.get(f"{FORM}?offer={query}")
    assert (page.status_code, words(page), carried(page)) == (200, words(client.get(FORM)), {})


def test_an_offer_that_has_not_begun_is_unknown(client, practice):
    offer(starts_at=timezone.now() + timedelta(minutes=1))
    page = client.get(f"{FORM}?offer=spring")
    assert (words(page), carried(page)) == (words(client.get(FORM)), {})


def test_a_link_to_an_ended_offer_says_so_and_nothing_else_of_it(client, practice):
    treatment = factories.make_treatment(slug="lips")
    offer(treatment, ends_at=timezone.now() - timedelta(seconds=1))
    page = client.get(f"{FORM}?offer=spring")
    assert page.status_code == 200
    assert "This offer has ended You can send us your request all the same, at our usual prices." in words(page)
    told = ["Spring lips", "350", "Half a syringe", "Once for each patient"]
    assert [secret for secret in told if secret in page.content.decode()] == []
    assert (carried(page), chosen(page, "treatment")) == ({}, "")


def test_html_in_an_offer_is_text(client, practice):
    offer(title="<b>&", summary="<b>&", terms="<b>&\n{{ form.name }}")
    page = client.get(f"{FORM}?offer=spring").content.decode()
    assert ("<b>" in page, page.count("&lt;b&gt;&amp;"), page.count("{{ form.name }}")) == (False, 3, 1)


def test_its_end_is_on_the_practices_clock_and_midnight_belongs_to_the_day_before(client, practice):
    for ends_at, day in [
        (datetime.combine(date(2036, 5, 2), time(0), NEW_YORK), "May 1, 2036"),
        (datetime.combine(date(2036, 5, 1), time(23, 30), NEW_YORK), "May 1, 2036, 11:30 p.m. EDT"),  # May 2 in UTC
        (datetime.combine(date(2036, 12, 1), time(15), NEW_YORK), "Dec. 1, 2036, 3 p.m. EST"),
    ]:
        Offer.objects.all().delete()
        offer(ends_at=ends_at)
        pages = [words(client.get(path)) for path in (f"{FORM}?offer=spring", "/offers/")]
        ends = r"Until ([A-Z]\w+\.? \d+, \d+(?:, \S+ [ap]\.m\. [A-Z]+)?)"
        assert [re.search(ends, page)[1] for page in pages] == [day, day]


def test_the_form_with_an_offer_asks_a_fixed_number_of_questions(client, practice, django_assert_num_queries):
    made = offer(factories.make_treatment())
    client.get(FORM)
    with django_assert_num_queries(14):
        client.get(f"{FORM}?offer=spring")
    for _more in range(3):
        made.treatments.add(factories.make_treatment())
        factories.make_offer()
    with django_assert_num_queries(14):
        client.get(f"{FORM}?offer=spring")


# What is stored


def test_the_request_keeps_the_offer_and_its_words(client, practice):
    made = offer()
    assert send_from(client, client.get(f"{FORM}?offer=spring")).status_code == 303
    stored = AppointmentRequest.objects.get()
    assert (stored.offer, stored.offer_words, stored.offer_title) == (made, promised(made), "Spring lips")


def test_a_request_without_an_offer_has_none(client, practice):
    offer()
    send(client)
    stored = AppointmentRequest.objects.get()
    assert (stored.offer, stored.offer_words, stored.offer_title) == (None, "", "")


def test_it_stays_through_errors_and_a_second_look(client, practice):
    made = offer()
    first = client.get(f"{FORM}?offer=spring")
    wrong = send_from(client, first, name="", message="Mornings")
    assert (wrong.status_code, summary(wrong)) == (422, [("Enter your name.", "id_name")])
    assert (carried(wrong), "Spring lips $350" in words(wrong)) == (carried(first), True)
    quick = send_from(client, wrong, stamp=stamp(age=timedelta(0)))
    assert (quick.status_code, carried(quick)) == (200, carried(first))
    assert send_from(client, quick).status_code == 303
    assert AppointmentRequest.objects.get().offer == made


def test_a_double_click_is_one_request_and_the_same_without_the_offer_another(client, practice):
    offer()
    page, same = client.get(f"{FORM}?offer=spring"), stamp()
    for _click in range(2):
        send_from(client, page, stamp=same)
    assert AppointmentRequest.objects.count() == 1
    send(client, stamp=same)
    assert [asked.offer_title for asked in AppointmentRequest.objects.order_by("pk")] == ["Spring lips", ""]


@pytest.mark.parametrize(
    "end", [lambda: Offer.objects.update(ends_at=timezone.now()), lambda: Offer.objects.all().delete()]
)
def test_an_offer_that_ended_meanwhile_is_said_and_the_request_goes_on_without_it(client, practice, end):
    treatment = factories.make_treatment(slug="lips")
    offer(treatment, starts_at=timezone.now() - DAY)
    page = client.get(f"{FORM}?offer=spring")
    end()
    refused = send_from(client, page, treatment="lips", message="Mornings are best.")
    assert (refused.status_code, summary(refused)) == (422, [(ENDED, "")])
    assert (AppointmentRequest.objects.count(), Letter.objects.count()) == (0, 0)
    assert "Spring lips" not in refused.content.decode()
    typed = refused.content.decode()
    assert ('value="Ada Byron"' in typed, "Mornings are best." in typed) == (True, True)
    assert (chosen(refused, "treatment"), carried(refused)) == ("lips", {})
    assert send_from(client, refused, treatment="lips", message="Mornings are best.").status_code == 303
    stored = AppointmentRequest.objects.get()
    assert (stored.offer, stored.offer_words, stored.treatment) == (None, "", treatment)
    assert stored.message == "Mornings are best."


def test_it_ends_at_its_moment_and_not_before(practice):
    made = offer()
    moments = [made.ends_at - timedelta(microseconds=1), made.ends_at]
    assert [WantedOffer.find("spring", now=moment).has_ended for moment in moments] == [False, True]
    assert WantedOffer.find("spring", now=made.starts_at).has_ended is False
    assert WantedOffer.find("spring", now=made.starts_at - timedelta(microseconds=1)) is None


@pytest.mark.parametrize(
    "change", [{"price": 400}, {"terms": "Mondays only."}, {"title": "Lips"}, {"ends_at": timezone.now() + 9 * DAY}]
)
def test_an_offer_that_was_changed_meanwhile_is_read_again_first(client, practice, change):
    offer()
    page = client.get(f"{FORM}?offer=spring")
    Offer.objects.update(**change)
    refused = send_from(client, page, message="Mornings")
    assert (refused.status_code, summary(refused)) == (422, [(CHANGED, "")])
    assert send_from(client, refused, message="Mornings").status_code == 303
    now_promised = WantedOffer(Offer.objects.get(), has_ended=False).words
    assert AppointmentRequest.objects.get().offer_words == now_promised


def test_a_change_that_promises_nothing_else_disturbs_nobody(client, practice):
    made = offer()
    page = client.get(f"{FORM}?offer=spring")
    Offer.objects.update(starts_at=made.starts_at - DAY)
    assert send_from(client, page).status_code == 303


def test_the_slug_alone_is_enough(client, practice):
    made = offer()
    assert send(client, offer="spring").status_code == 303
    assert AppointmentRequest.objects.get().offer == made


# Where it must not stand


def test_no_letter_no_subject_and_no_address_with_a_token_names_it(client, practice):
    made = offer(title="Rhinoplasty week", slug="rhinoplasty-week")
    response = send_from(client, client.get(f"{FORM}?offer=rhinoplasty-week"))
    letters = [f"{letter.subject}\n{letter.body}" for letter in Letter.objects.all()]
    assert (len(letters), made.title in AppointmentRequest.objects.get().offer_words) == (2, True)
    confirmation = client.get(response["Location"]).content.decode()
    named = [text for text in [*letters, confirmation, response["Location"]] if "hinoplasty" in text]
    assert (named, urlsplit(response["Location"]).query) == ([], "")


# At the desk


def test_staff_see_what_was_promised_also_when_the_offer_is_changed_or_gone(client, practice):
    made = offer()
    send_from(client, client.get(f"{FORM}?offer=spring"))
    asked, staff, told = AppointmentRequest.objects.get(), desk(), " ".join(promised(made).split())
    page = reverse("admin:appointments_appointmentrequest_change", args=[asked.pk])
    booking = reverse("admin:appointments_appointment_book") + f"?request={asked.pk}"
    for change in (lambda: None, lambda: made.delete()):
        Offer.objects.update(title="Autumn lips", terms="Other terms.", price=1)
        change()
        assert [told in words(staff.get(path)) for path in (page, booking)] == [True, True]
        assert "not sure yet Offer: Spring lips" in words(staff.get(QUEUE))
        assert "0 min · Phone call · Spring lips" in words(staff.get("/admin/"))
    asked.refresh_from_db()
    assert (asked.offer, asked.offer_words) == (None, promised(made))


def test_a_request_without_an_offer_shows_no_line_for_it(practice):
    asked, staff = factories.make_request(), desk()
    page = words(staff.get(reverse("admin:appointments_appointmentrequest_change", args=[asked.pk])))
    assert ("Offer" in page, "Offer" in words(staff.get(QUEUE))) == (False, False)


def test_html_in_a_promise_is_text_for_staff(practice):
    asked = factories.make_request(offer_words="<b>Lips</b>\n<i>terms</i>")
    staff = desk()
    paths = [
        QUEUE,
        reverse("admin:appointments_appointmentrequest_change", args=[asked.pk]),
        reverse("admin:appointments_appointment_book") + f"?request={asked.pk}",
        "/admin/",
    ]
    pages = [staff.get(path).content.decode() for path in paths]
    assert [("&lt;b&gt;Lips" in page, "<b>Lips" in page, "<i>terms" in page) for page in pages] == [
        (True, False, False)
    ] * 4


# On the site


def places(client):
    """Every page that shows offers, and what machines read."""
    return {
        path: client.get(path).content.decode()
        for path in (
            "/",
            "/offers/",
            "/treatments/lips/",
            "/treatments/",
            f"{FORM}?offer=spring",
            f"{FORM}?offer=spring&treatment=lips",
            "/sitemap.xml",
            "/articles/feed/",
        )
    }


def test_one_offer_is_everywhere_until_it_ends_and_then_nowhere(client, practice, monkeypatch):
    made = offer(factories.make_treatment(slug="lips"), ends_at=timezone.now() + timedelta(minutes=5))
    shown = [path for path, page in places(client).items() if "Spring lips" in page]
    assert shown == [
        "/",
        "/offers/",
        "/treatments/lips/",
        f"{FORM}?offer=spring",
        f"{FORM}?offer=spring&treatment=lips",
    ]
    monkeypatch.setattr(timezone, "now", lambda: made.ends_at)
    after = places(client)
    secrets = ("Spring lips", "Half a syringe", "Once for each patient", "offer=spring", "#spring")
    assert [(path, secret) for path, page in after.items() for secret in secrets if secret in page] == []


def test_its_buttons_lead_to_the_form_with_the_offer(client, practice):
    offer(factories.make_treatment(slug="lips"))
    links = {
        path: re.findall(r'<a class="button[^"]*" href="([^"]*offer=[^"]*)"', client.get(path).content.decode())
        for path in ("/offers/", "/treatments/lips/")
    }
    assert links == {
        "/offers/": [f"{FORM}?offer=spring"],
        "/treatments/lips/": [f"{FORM}?offer=spring&amp;treatment=lips"],
    }
    for (link,) in links.values():
        page = client.get(html.unescape(link))
        assert (carried(page)["offer"], chosen(page, "treatment")) == ("spring", "lips")


# In the database


@pytest.mark.django_db(transaction=True)
def test_the_columns_come_and_go_with_the_rows_that_are_there():
    asked = factories.make_request()
    MigrationExecutor(connection).migrate([("appointments", "0008_holds_by_browser")])
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM appointments_appointmentrequest")
            assert {"offer_id", "offer_words", "came_from"} & {column.name for column in cursor.description} == set()
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    asked.refresh_from_db()
    assert (asked.offer, asked.offer_words, asked.came_from) == (None, "", "")


def test_a_process_that_does_not_know_the_columns_can_still_store(practice):
    asked = factories.make_request()
    columns = (
        "name, email, phone, phone_e164, channel, message, consent_text, consent_version, status, due_on, created_at, "
        "changed_at"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO appointments_appointmentrequest (reference, submission, {columns}) "
            f"SELECT 'R-9999-99', gen_random_uuid(), {columns} FROM appointments_appointmentrequest WHERE id = %s",
            [asked.pk],
        )
    stored = AppointmentRequest.objects.get(reference="R-9999-99")
    assert (stored.offer_words, stored.came_from) == ("", "")
