"""The letters about an appointment say when, where, with whom and what next, and never what for."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from icalendar import Calendar

from appointments.emails import appointments as emails
from appointments.models import Appointment, BookingRules, Status
from appointments.services import diary, find_booking, reminders, telling
from appointments.services.requests import REQUESTS_OF_ONE_MAILBOX
from clinic import letters
from clinic.models import Letter
from tests import mail_sink
from tests.appointments.visits import ANN, DAY, UNDO, at, book, cancel, fresh, make_house, move
from tests.factories import NOON, front_desk, make_patient

pytestmark = pytest.mark.django_db

SECRETS = ["Xylander", "Rhinoplasty", "Surgery", "talk", "555-0199", "5550199", "nose"]


def ask_for_links(email, *, now):
    find_booking.send_links(appointments=find_booking.coming_of(email=email, now=now), now=now)


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def careful_house(practice):
    """Where staff confirm."""
    return make_house(by_staff=True)


@pytest.fixture
def sink(settings):
    with mail_sink.running() as sink:
        settings.SENDS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 5
        settings.DEFAULT_FROM_EMAIL = "Elm Street <mail@elmstreet.example>"
        yield sink


def to_ann():
    return Letter.objects.filter(to=ANN.email).order_by("pk")


def kinds():
    return [letter.kind.rpartition("/")[2] for letter in to_ann()]


def event_of(letter):
    calendar = Calendar.from_ical(letter.calendar)
    (event,) = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), event


def test_the_booked_letter_in_full(house, practice):
    BookingRules.objects.create(
        cancellation_policy="Later than that we charge 50 dollars & more.", what_happens_next="Come ten minutes early."
    )

    appointment = book(house, at(11, "09:45"))

    (letter,) = Letter.objects.all()
    assert letter.subject == "Your appointment on Wednesday, March 11, 2026 is booked"
    assert letter.body == (
        "Hello,\n\nYour appointment is booked:\n\n"
        "Wednesday, March 11, 2026\n9:45 a.m. EDT (Eastern Time)\n"
        f"Oak House, {house.location.address_line}\nWith Helen Ash, MD\nReference: {appointment.reference}\n\n"
        "To look at it, move it or cancel it:\n[[link]]\n\n"
        "You can move or cancel it yourself until Tuesday, March 10, 2026, 9:45 a.m. EDT (Eastern Time). "
        "After that, please call us: +1 212 555 0142.\n\nLater than that we charge 50 dollars & more.\n\n"
        "Come ten minutes early.\n\n"
        "The file that came with this letter puts the time into your calendar.\n\n"
        "You did not book anything? Then somebody mistyped an address. "
        "Please cancel it with the link above, or tell us.\n\n"
        "Please do not answer with medical details: email is not encrypted all the way. In an emergency call 911.\n\n"
        "Elm Street Aesthetics\n+1 212 555 0142\n1 Elm Street, Elmford, NY 10001\n"
    )
    assert (letter.to, letter.reply_to, letter.not_after) == (ANN.email, practice.email, appointment.starts_at)
    assert letter.links["link"]["object"] == appointment.pk


def test_its_calendar_file_is_an_invitation(house):
    appointment = book(house, at(11, "09:45"))

    method, event = event_of(Letter.objects.get())
    assert (method, str(event["UID"]), event["SEQUENCE"]) == ("REQUEST", str(appointment.calendar_uid), 0)
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (at(11, "09:45"), at(11, "10:15"))
    assert str(event["ORGANIZER"]) == "mailto:clinic@localhost"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("America/Phoenix", "9:45 a.m. MST (Arizona Time)"),
        ("Europe/Berlin", "9:45 a.m. CET (Berlin time)"),
        ("Pacific/Chatham", "9:45 a.m. UTC+13:45 (Chatham time)"),
    ],
)
def test_the_time_is_the_one_on_the_clock_of_the_place(practice, zone, told):
    house = make_house(time_zone=zone)

    book(house, at(11, "09:45", zone=house.location.zone))

    assert told in Letter.objects.get().body.splitlines()


def test_who_books_after_the_cut_off_is_told_to_call(house):
    book(house, at(2, "16:00"))

    assert "To move or cancel it now, please call us: +1 212 555 0142.\n\nThe file" in Letter.objects.get().body


def test_a_location_with_its_own_phone_names_that(practice):
    book(make_house(phone="+1 212 555 0177"), at(2, "16:00"))

    assert "please call us: +1 212 555 0177." in Letter.objects.get().body


def every_letter(house, careful_house, user):
    """Each kind once, of appointments of Ann's."""
    BookingRules.objects.create(most_requested=9)
    first, second = book(house, at(11)), book(house, at(12))
    reminders.write_due(now=at(11) - DAY)
    move(house, second, at(13), now=NOON)
    cancel(first, now=NOON)
    waiting = [book(careful_house, at(day)) for day in (11, 12, 13)]
    diary.accept(appointment=waiting[0].pk, by=user, now=NOON)
    diary.decline(appointment=waiting[1].pk, by=user, now=NOON)
    diary.release_run_out(now=NOON + 3 * DAY)
    telling.tell_changes(now=NOON + 3 * DAY)
    ask_for_links(ANN.email, now=NOON)
    return Letter.objects.all()


def test_no_letter_names_a_person_or_a_treatment_anywhere(house, practice):
    written = every_letter(house, make_house(by_staff=True), front_desk())

    assert {letter.kind.rpartition("/")[2] for letter in written} == {
        *("booked", "reminder", "moved", "cancelled", "waiting", "confirmed", "declined", "lapsed", "links"),
        "to_confirm",
    }
    for letter in written:
        shown = letter.subject + letter.body + letter.calendar.replace("\r\n ", "").replace(ANN.email, "")
        assert [secret for secret in SECRETS if secret.casefold() in shown.casefold()] == []
        assert not re.search(r"\n\n\n|  |\{|\}", letter.body), letter.body


def test_no_subject_names_who_does_it_or_holds_a_link(house, practice):
    for letter in every_letter(house, make_house(by_staff=True), front_desk()):
        assert not re.search(r"Helen|Ida|\[\[|http", letter.subject)


# Counting


def test_a_booking_costs_three_statements_and_two_with_its_rules(house, practice, django_assert_num_queries):
    appointment = book(house, at(11))
    found = Appointment.objects.select_related("patient", "location", "provider__provider")
    appointment = found.get(pk=appointment.pk)

    with django_assert_num_queries(3):
        emails.tell_booked(appointment, practice=practice, now=NOON)
    with django_assert_num_queries(2):
        emails.tell_booked(appointment, practice=practice, now=NOON, rules=BookingRules())


def test_a_stranger_who_types_the_address_elsewhere_keeps_no_letter_from_it(house):
    for _time in range(4):
        REQUESTS_OF_ONE_MAILBOX.count(ANN.email, now=NOON)

    book(house, at(11))

    assert kinds() == ["booked"]


def test_nobodys_mailbox_is_flooded_by_bookings(house):
    appointments = [book(house, at(3 + day)) for day in range(11)]

    assert (len(appointments), kinds()) == (11, ["booked"] * 10)


def test_what_staff_book_is_told_however_much_it_is(house):
    user = front_desk()
    for day in range(11):
        book(house, at(3 + day), by=user)

    assert kinds() == ["booked"] * 11


def test_a_booking_that_is_rolled_back_has_written_no_letter_and_counted_none(house, practice):
    appointment = book(house, at(11))
    Letter.objects.all().delete()

    for _time in range(20):
        with transaction.atomic():
            emails.tell_booked(appointment, practice=practice, now=NOON)
            transaction.set_rollback(True)
    emails.tell_booked(appointment, practice=practice, now=NOON)

    assert kinds() == ["booked"]


def test_who_has_no_email_address_gets_no_letter(house):
    patient = make_patient(email="")

    appointment = book(house, at(11), patient=patient, by=front_desk())

    assert (appointment.status, Letter.objects.count()) == (Status.CONFIRMED, 0)


# Where staff confirm


def test_a_booking_that_waits_tells_the_patient_until_when_and_brings_no_calendar_file(careful_house):
    book(careful_house, at(11))

    (letter,) = to_ann()
    assert letter.subject == "We have your booking for Wednesday, March 11, 2026 and will confirm it"
    assert "You hear from us by Wednesday, March 4, 2026, 7:00 a.m. EST (Eastern Time)." in letter.body
    assert letter.calendar == ""


def test_the_front_desk_is_told_where_to_confirm_it(careful_house, practice):
    appointment = book(careful_house, at(11))

    letter = Letter.objects.get(to=practice.email)
    assert letter.subject == f"Booking {appointment.reference} waits for you"
    assert f"http://127.0.0.1:8000/admin/appointments/appointment/{appointment.pk}/change/" in letter.body
    assert (letter.links, letter.reply_to, letter.not_after) == ({}, "", appointment.expires_at)


def test_what_is_confirmed_at_once_leaves_the_front_desk_alone(house, practice):
    book(house, at(11))

    assert not Letter.objects.filter(to=practice.email).exists()


def test_a_site_without_a_practice_books_too(db):
    book(make_house(time_zone="America/New_York"), at(11))

    assert kinds() == ["booked"]


# The links again


def test_the_links_of_all_that_is_to_come_go_in_one_letter(house):
    coming = [book(house, at(11)), book(house, at(12))]
    cancel(book(house, at(13)), now=NOON)
    daughter = diary.Details(name="Bea Xylander", email=ANN.email, phone="(212) 555-0188")
    coming.append(book(house, at(14), details=daughter))
    Letter.objects.all().delete()

    ask_for_links("Ann@Patient.example", now=NOON)

    (letter,) = Letter.objects.all()
    assert [link["object"] for link in letter.links.values()] == [one.pk for one in coming]
    assert re.findall(r"^Reference: (.*)\n(.*)$", letter.body, re.MULTILINE) == [
        (one.reference, f"[[link{number}]]") for number, one in enumerate(coming, 1)
    ]
    assert letter.subject == "The links to your appointments"


def test_an_unknown_address_and_one_with_nothing_to_come_get_no_letter(house):
    book(house, at(11))
    Letter.objects.all().delete()

    ask_for_links("nobody@patient.example", now=NOON)
    ask_for_links(ANN.email, now=at(11, "18:00"))

    assert Letter.objects.count() == 0


# Sending


def test_the_letter_that_is_sent_opens_the_manage_page(house, sink, client):
    starts_at = (timezone.now() + 10 * DAY).replace(hour=17, minute=0, second=0, microsecond=0)
    appointment = book(house, starts_at, now=timezone.now())

    while letters.send_next(now=timezone.now()):
        pass

    (message,) = sink.accepted
    text = message.get_body(["plain"]).get_content()
    (path,) = re.findall(r"^http://127\.0\.0\.1:8000(/appointments/manage/\S+/)$", text, re.MULTILINE)
    page = client.get(path)
    assert (page.status_code, appointment.reference in page.content.decode()) == (200, True)
    (file,) = message.iter_attachments()
    assert file.get_filename() == "appointment.ics"


def test_each_letter_can_be_sent(house, sink):
    written = every_letter(house, make_house(by_staff=True), front_desk()).count()
    Letter.objects.update(state=Letter.State.QUEUED, not_after=None, next_attempt_at=NOON)

    while letters.send_next(now=NOON):
        pass

    assert len(sink.accepted) == written
    for message in sink.accepted:
        assert "[[" not in message.get_body(["plain"]).get_content()


def test_a_queued_letter_that_a_cancellation_overtakes_is_withdrawn(house, sink):
    """The server is down while the booked letter waits; else it would arrive after the cancellation."""
    sink.stop()
    appointment = book(house, at(11))
    letters.send_next(now=NOON)
    cancel(appointment, now=NOON + timedelta(seconds=30))
    telling.tell_changes(now=NOON + timedelta(seconds=30) + UNDO)
    sink.start()

    while letters.send_next(now=NOON + DAY):
        pass

    assert [message["Subject"] for message in sink.accepted] == [
        "Your appointment on Wednesday, March 11, 2026 is cancelled"
    ]
    assert [letter.state for letter in to_ann()] == [Letter.State.WITHDRAWN, Letter.State.SENT]
    assert fresh(appointment).told_status == Status.CANCELLED
