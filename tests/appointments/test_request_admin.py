"""The front desk works through the queue."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.models import AppointmentRequest
from clinic.models import Letter
from tests import factories
from tests.appointments.steps import send, words

pytestmark = pytest.mark.django_db

QUEUE = reverse("admin:appointments_appointmentrequest_changelist")
ADD = reverse("admin:appointments_appointmentrequest_add")
NO_NOTES = {"notes-TOTAL_FORMS": 0, "notes-INITIAL_FORMS": 0}
NO_TIMES = {"preferred_times-TOTAL_FORMS": 0, "preferred_times-INITIAL_FORMS": 0}


def page(asked):
    return reverse("admin:appointments_appointmentrequest_change", args=[asked.pk])


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk(practice):
    return signed_in(factories.front_desk())


def references(response):
    return [asked.reference for asked in response.context["cl"].result_list]


def act(client, action, *requests):
    chosen = {"action": action, "_selected_action": [asked.pk for asked in requests]}
    return client.post(f"{QUEUE}?status=all", chosen, follow=True)


# Who sees it


def test_it_belongs_to_the_front_desk(practice):
    asked = factories.make_request()
    may = {}
    people = [factories.front_desk(), factories.marketing(), factories.editor(), factories.manager()]
    for person in people:
        client = signed_in(person)
        may[person.username] = [client.get(url).status_code for url in (QUEUE, page(asked), ADD)]
    assert may == {"fred": [200] * 3, "mary": [403] * 3, "edith": [403] * 3, "max": [200] * 3}


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_others_are_sent_to_sign_in(practice, who):
    client = Client() if who == "nobody" else signed_in(factories.stranger())
    for url in (QUEUE, page(factories.make_request()), ADD):
        response = client.get(url)
        assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={url}")


def test_marketing_cannot_act_on_it_either(practice):
    asked = factories.make_request()
    assert signed_in(factories.marketing()).post(page(asked), {"step": "closed", **NO_NOTES}).status_code == 403
    asked.refresh_from_db()
    assert asked.status == "new"


def test_the_dashboard_shows_who_waits_to_the_front_desk_alone(desk):
    factories.make_request(name="Ann Longest", created_at=timezone.now() - timedelta(days=9))
    factories.make_request(name="Ben Fresh", created_at=timezone.now(), due_on=date(2999, 1, 1))
    factories.make_request(name="Cat Answered", status="contacted")
    board = desk.get("/admin/")
    text = words(board)
    assert "New requests 2 Ann Longest 9 days · Phone call Ben Fresh 0 min · Phone call" in text
    assert "Cat Answered" not in text
    assert board.content.decode().count('<li class="urgent">') == 1
    assert "Ann Longest" not in words(signed_in(factories.marketing()).get("/admin/"))


# The queue


def test_it_opens_with_what_is_to_be_done_the_longest_waiting_first(desk):
    late = factories.make_request(created_at=factories.NOON + timedelta(hours=2), reference="R-2222-22")
    factories.make_request(status="contacted", created_at=factories.NOON, reference="R-3333-33")
    factories.make_request(status="booked", reference="R-4444-44")
    factories.make_request(status="closed", created_at=late.created_at + timedelta(days=1), reference="R-5555-55")
    assert references(desk.get(QUEUE)) == ["R-3333-33", "R-2222-22"]
    assert references(desk.get(QUEUE + "?status=open")) == ["R-3333-33", "R-2222-22"]
    assert references(desk.get(QUEUE + "?status=new")) == ["R-2222-22"]
    assert references(desk.get(QUEUE + "?status=all")) == ["R-5555-55", "R-2222-22", "R-4444-44", "R-3333-33"]


@pytest.mark.parametrize("unknown", ["%00", "a%00b", "nonsense", "", "x" * 900])
def test_a_status_that_is_none_shows_what_is_open(desk, unknown):
    factories.make_request(reference="R-2222-22")
    factories.make_request(status="closed", reference="R-3333-33")
    response = desk.get(f"{QUEUE}?status={unknown}")
    assert references(response) == ["R-2222-22"]
    shown = response.context["cl"]
    assert [choice["display"] for choice in shown.filter_specs[0].choices(shown) if choice["selected"]] == ["open"]


@pytest.mark.parametrize("name", ["assignee", "location__id__exact", "created_at__gte", "q", "p", "o"])
def test_a_null_character_breaks_no_other_filter(desk, name):
    factories.make_request()
    assert desk.get(f"{QUEUE}?{name}=%00", follow=True).status_code == 200


def test_it_can_be_narrowed_to_a_colleague(desk):
    fred = factories.User.objects.get(username="fred")
    factories.make_request(reference="R-2222-22", assignee=fred)
    factories.make_request(reference="R-3333-33")
    assert references(desk.get(QUEUE + "?assignee=me")) == ["R-2222-22"]
    assert references(desk.get(QUEUE + "?assignee=nobody")) == ["R-3333-33"]


def test_what_is_overdue_is_marked(desk):
    now = timezone.now()
    factories.make_request(created_at=now - timedelta(days=3), due_on=timezone.localdate() - timedelta(days=2))
    factories.make_request(created_at=now - timedelta(hours=2), due_on=timezone.localdate() + timedelta(days=1))
    text = desk.get(QUEUE).content.decode()
    assert '<strong class="urgent">3 days, overdue</strong>' in text
    assert text.count("overdue") == 1
    assert "2 h" in text


@pytest.mark.parametrize(
    "typed",
    [
        "(704) 555-0142",
        "7045550142",
        "704.555.0142",
        "+1 704 555 0142",
        "1-704-555-0142",
        "555-0142",
        "0142",
        "ann p",
        "PATIENT",
        "Ann.Patient@",
        "R-7K3M-9Q",
        "7k3m 9q",
    ],
)
def test_a_request_is_found_by_name_mail_reference_and_phone_in_any_format(desk, typed):
    factories.make_request(
        name="Ann Patient",
        email="ann.patient@example.com",
        phone="+1 704 555 0142",
        phone_e164="+17045550142",
        reference="R-7K3M-9Q",
    )
    factories.make_request(name="Ben Other", email="ben@example.com", phone="(212) 555-0199", reference="R-2222-22")
    assert references(desk.get(QUEUE, {"q": typed})) == ["R-7K3M-9Q"]


@pytest.mark.parametrize("status", ["contacted", "booked", "closed"])
@pytest.mark.parametrize("typed", ["(704) 555-0142", "ann pat", "R-2222-22"])
def test_a_search_finds_what_is_done_as_well_the_newest_first(desk, status, typed):
    factories.make_request(status=status, phone_e164="+17045550142", reference="R-2222-22")
    factories.make_request(name="Ben Other", reference="R-3333-33")
    response = desk.get(QUEUE, {"q": typed})
    assert references(response) == ["R-2222-22"]
    shown = response.context["cl"]
    assert [choice["display"] for choice in shown.filter_specs[0].choices(shown) if choice["selected"]] == ["all"]


def test_a_search_can_be_narrowed_to_what_is_open(desk):
    factories.make_request(status="booked", reference="R-2222-22")
    factories.make_request(status="contacted", reference="R-3333-33")
    factories.make_request(reference="R-4444-44", created_at=factories.NOON + timedelta(hours=1))
    assert references(desk.get(QUEUE, {"q": "ann"})) == ["R-4444-44", "R-3333-33", "R-2222-22"]
    assert references(desk.get(QUEUE, {"q": "ann", "status": "open"})) == ["R-3333-33", "R-4444-44"]
    assert references(desk.get(QUEUE, {"q": " "})) == ["R-3333-33", "R-4444-44"]


@pytest.mark.parametrize("typed", ["ozturk", "Öztürk", "O\u0308ZTU\u0308RK", "ren"])
def test_a_name_is_found_with_and_without_its_accents(desk, typed):
    factories.make_request(name="Renée Öztürk", reference="R-2222-22")
    factories.make_request(name="Ann Otter", email="otter@example.com")
    assert references(desk.get(QUEUE, {"q": typed})) == ["R-2222-22"]


def test_a_number_from_abroad_is_found_as_it_is_dialled_there(desk):
    factories.make_request(phone="+44 20 7946 0018", phone_e164="+442079460018", reference="R-2222-22")
    factories.make_request()
    assert references(desk.get(QUEUE, {"q": "020 7946 0018"})) == ["R-2222-22"]


@pytest.mark.parametrize("typed", ["nobody", "%", "_", "\\", "' OR 1=1", "\0", "٣", "x" * 5000])
def test_odd_searches_do_no_harm(desk, typed):
    factories.make_request()
    assert desk.get(QUEUE, {"q": typed}).status_code == 200


def test_the_queue_asks_the_same_number_of_questions_however_long_it_is(desk, django_assert_num_queries):
    def add():
        factories.make_request(
            treatment=factories.make_treatment(),
            assignee=factories.User.objects.get(username="fred"),
            location=factories.make_location(),
        )

    add()
    desk.get(QUEUE)
    with django_assert_num_queries(8):
        desk.get(QUEUE)
    for _more in range(9):
        add()
    with django_assert_num_queries(8):
        desk.get(QUEUE)


# Steps


@pytest.mark.parametrize(
    ("action", "becomes"), [("mark_contacted", "contacted"), ("mark_booked", "booked"), ("close", "closed")]
)
def test_an_action_takes_the_step_for_all_chosen(desk, action, becomes):
    first, second, other = (factories.make_request() for _n in range(3))
    response = act(desk, action, first, second)
    assert "2 requests were changed." in words(response)
    assert sorted(AppointmentRequest.objects.values_list("pk", "status")) == [
        (first.pk, becomes),
        (second.pk, becomes),
        (other.pk, "new"),
    ]
    assert [change.by.username for change in first.status_changes.all()] == ["fred"]


def test_an_action_that_does_not_fit_says_which_and_why(desk):
    done = factories.make_request(status="contacted", reference="R-2222-22")
    new = factories.make_request(reference="R-3333-33")
    text = words(act(desk, "mark_contacted", done, new))
    assert "Request R-2222-22 is contacted already; it cannot become contacted." in text
    assert "1 request was changed." in text


def test_a_request_is_assigned_to_who_takes_it(desk):
    asked = factories.make_request()
    act(desk, "assign_to_me", asked)
    asked.refresh_from_db()
    assert asked.assignee.username == "fred"


def test_on_its_page_a_step_and_a_colleague_are_chosen(desk):
    asked, max_ = factories.make_request(), factories.manager()
    response = desk.post(page(asked), {"step": "contacted", "assignee": max_.pk, **NO_NOTES})
    assert response.status_code == 302
    asked.refresh_from_db()
    assert (asked.status, asked.assignee) == ("contacted", max_)
    assert asked.status_changes.get().by.username == "fred"


def test_a_step_that_a_colleague_has_made_impossible_is_refused_with_a_reason(desk):
    asked = factories.make_request(status="closed")
    response = desk.post(page(asked), {"step": "contacted", "assignee": "", **NO_NOTES})
    assert "A colleague has moved this request on; look at its status again." in words(response)
    asked.refresh_from_db()
    assert asked.status == "closed"


def test_saving_without_a_step_changes_no_status(desk):
    asked = factories.make_request(status="booked")
    assert desk.post(page(asked), {"step": "", "assignee": "", **NO_NOTES}).status_code == 302
    asked.refresh_from_db()
    assert (asked.status, asked.status_changes.count()) == ("booked", 0)


def test_what_the_patient_wrote_cannot_be_changed(desk):
    asked = factories.make_request()
    forged = {"name": "Eve", "email": "eve@example.com", "phone": "911", "message": "x", "status": "booked"}
    desk.post(page(asked), {"step": "", "assignee": "", **forged, **NO_NOTES})
    asked.refresh_from_db()
    assert (asked.name, asked.email, asked.status) == ("Ann Patient", "ann@patient.example", "new")


def test_the_desk_cannot_delete_it(desk):
    asked = factories.make_request()
    url = reverse("admin:appointments_appointmentrequest_delete", args=[asked.pk])
    assert desk.post(url, {"post": "yes"}).status_code == 403


def test_a_note_keeps_its_author_and_cannot_be_changed(desk):
    asked = factories.make_request()
    written = {"notes-TOTAL_FORMS": 1, "notes-INITIAL_FORMS": 0, "notes-0-text": "Called, left a message"}
    desk.post(page(asked), {"step": "", "assignee": "", **written})
    note = asked.notes.get()
    assert (note.text, note.author.username) == ("Called, left a message", "fred")
    assert "Called, left a message" in words(desk.get(page(asked)))
    changed = {
        "notes-TOTAL_FORMS": 1,
        "notes-INITIAL_FORMS": 1,
        "notes-0-id": note.pk,
        "notes-0-request": asked.pk,
        "notes-0-text": "Never called",
        "notes-0-DELETE": "on",
    }
    desk.post(page(asked), {"step": "", "assignee": "", **changed})
    note.refresh_from_db()
    assert note.text == "Called, left a message"


def test_a_note_stands_with_its_author_and_there_is_room_for_one_more(desk):
    asked, fred = factories.make_request(), factories.User.objects.get(username="fred")
    asked.notes.create(text="Called, <b>left</b> a message", author=fred, created_at=factories.NOON)
    asked.notes.create(text="From before fred", author=None, created_at=factories.NOON)
    response = desk.get(page(asked))
    text = words(response)
    assert "Called, <b>left</b> a message fred, March 2, 2026, 7 a.m." in text
    assert "From before fred –, March 2, 2026, 7 a.m." in text
    forms = response.context["inline_admin_formsets"][0].formset
    assert [form.instance.pk for form in forms] == [None]
    assert "written" not in text


def test_the_page_is_headed_by_the_patient_and_the_browsers_history_is_not(desk):
    text = desk.get(page(factories.make_request(name="Ann <Patient>", reference="R-2222-22"))).content.decode()
    assert "<h1><bdi>Ann &lt;Patient&gt;</bdi></h1>" in text
    title = re.search("<title>(.*?)</title>", text, re.DOTALL)[1]
    assert ("R-2222-22" in title, "Ann" in title) == (True, False)


def test_the_queue_shows_the_number_to_call(desk):
    factories.make_request(phone="(704) 555-0142", phone_e164="+17045550142")
    assert '<a href="tel:+17045550142"><bdi>(704) 555-0142</bdi></a>' in desk.get(QUEUE).content.decode()


def test_its_page_calls_and_writes_with_one_click(desk):
    asked = factories.make_request(email="o'ann+x@example.com", reference="R-2222-22")
    text = desk.get(page(asked)).content.decode()
    assert '<a href="tel:+12125550199"><bdi>(212) 555-0199</bdi></a>' in text
    assert 'href="mailto:o%27ann%2Bx@example.com?subject=Your%20request%20R-2222-22"' in text


def test_markup_of_the_visitor_is_shown_as_text(desk, client):
    evil = "<script>alert(1)</script>"
    send(client, name=evil, message=evil, parts_1=["morning"])
    asked = AppointmentRequest.objects.get()
    for response in (desk.get(QUEUE), desk.get(page(asked)), desk.get("/admin/")):
        text = response.content.decode()
        assert evil not in text
        assert "&lt;script&gt;alert(1)" in text


def test_djangos_own_log_names_nobody(desk):
    asked = factories.make_request(name="Ann Patient")
    note = {"notes-TOTAL_FORMS": 1, "notes-INITIAL_FORMS": 0, "notes-0-text": "Ann has a mole"}
    desk.post(page(asked), {"step": "closed", "assignee": "", **note})
    act(desk, "reopen", asked)
    told = "".join(entry.object_repr + entry.change_message for entry in LogEntry.objects.all())
    assert LogEntry.objects.count() == 2
    assert [secret for secret in ("Ann", "mole", "555") if secret in told] == []


# A call


def call(client, **fields):
    told = {"name": "Cal Caller", "phone": "704 555 0142", "email": "", "channel": "phone", "message": ""}
    return client.post(ADD, {**told, "is_new_patient": "", **NO_TIMES, **NO_NOTES, **fields})


def test_staff_write_down_a_call_and_no_letter_goes_out(desk):
    day = {"preferred_times-TOTAL_FORMS": 1, "preferred_times-0-day": "2026-12-01", "preferred_times-0-part": "morning"}
    note = {"notes-TOTAL_FORMS": 1, "notes-0-text": "Sounds in a hurry"}
    assert call(desk, **day, **note).status_code == 302
    asked = AppointmentRequest.objects.get()
    assert (asked.phone_e164, asked.taken_by.username, asked.consent_text) == ("+17045550142", "fred", "")
    assert list(asked.preferred_times.values_list("day", "part")) == [(date(2026, 12, 1), "morning")]
    assert asked.notes.get().author.username == "fred"
    assert Letter.objects.count() == 0
    assert "a call, written down by fred" in words(desk.get(page(asked)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phone": ""}, "Needed for the answer that the caller wants."),
        ({"channel": "email"}, "Needed for the answer that the caller wants."),
        ({"phone": "555"}, "Enter a phone number, like 704-555-0142 or +44 20 7946 0018."),
        ({"name": "Eve\nAdams"}, "Write this on one line, without hidden characters."),
        ({"name": "Eve\u202eevE"}, "Write this on one line, without hidden characters."),
    ],
)
def test_a_call_without_a_way_to_answer_is_not_stored(desk, fields, message):
    response = call(desk, **fields)
    assert message in words(response)
    assert AppointmentRequest.objects.count() == 0


def test_a_call_names_a_treatment_or_a_category(desk):
    treatment = factories.make_treatment()
    response = call(desk, treatment=treatment.pk, category=treatment.category.pk)
    assert "Choose a treatment or a category, not both." in words(response)
