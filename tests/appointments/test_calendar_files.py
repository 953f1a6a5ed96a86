"""The calendar file of an appointment, read back by a parser and looked at byte by byte."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from appointments.calendar_files import calendar_file

NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def make_file(**fields):
    starts_at = fields.get("starts_at", datetime(2026, 3, 4, 9, 30, tzinfo=NEW_YORK))
    return calendar_file(
        **{
            "method": "REQUEST",
            "uid": "7f1c@elmstreet.example",
            "sequence": 0,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=45),
            "zone": NEW_YORK,
            "stamped_at": datetime(2026, 3, 2, 7, 0, 5, 123456, tzinfo=NEW_YORK),
            "practice_name": "Elm Street Aesthetics",
            "organizer_email": "desk@elmstreet.example",
            "attendee_email": "ann@patient.example",
            "address": "1 Elm Street, Elmford, NY 10001",
            "phone": "+1 212 555 0142",
            "reference": "K7M4Q",
            **fields,
        }
    )


def event_of(text):
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    return event


def unfolded(text):
    return text.replace("\r\n ", "").split("\r\n")


def test_an_invitation_in_full():
    assert unfolded(make_file()) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Clinic website//Appointments//EN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        "SUMMARY:Appointment at Elm Street Aesthetics",
        "DTSTART:20260304T143000Z",
        "DTEND:20260304T151500Z",
        "DTSTAMP:20260302T120005Z",
        "UID:7f1c@elmstreet.example",
        "SEQUENCE:0",
        "ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT;RSVP=FALSE:mailto:ann@patient.example",
        "CLASS:PRIVATE",
        "DESCRIPTION:Local time: March 4\\, 2026\\, 9:30 a.m.\\nReference: K7M4Q\\nPhone: +1 212 555 0142",
        "LOCATION:1 Elm Street\\, Elmford\\, NY 10001",
        'ORGANIZER;CN="Elm Street Aesthetics":mailto:desk@elmstreet.example',
        "STATUS:CONFIRMED",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_a_cancellation_takes_back_the_same_event():
    invited, cancelled = event_of(make_file()), Calendar.from_ical(make_file(method="CANCEL", sequence=3))
    (event,) = cancelled.walk("VEVENT")

    assert (cancelled["METHOD"], event["STATUS"], event["SEQUENCE"]) == ("CANCEL", "CANCELLED", 3)
    same = ["UID", "DTSTART", "DTEND", "ORGANIZER", "ATTENDEE", "SUMMARY", "LOCATION"]
    assert [event[name] for name in same] == [invited[name] for name in same]


def test_a_copy_to_download_invites_nobody():
    calendar = Calendar.from_ical(make_file(method="PUBLISH"))
    (event,) = calendar.walk("VEVENT")

    assert (calendar["METHOD"], event["STATUS"]) == ("PUBLISH", "CONFIRMED")
    assert "ORGANIZER" not in event
    assert "ATTENDEE" not in event


@pytest.mark.parametrize("method", ["PUBLISH", "REQUEST", "CANCEL"])
def test_it_holds_these_fields_and_no_other(method):
    people = set() if method == "PUBLISH" else {"ORGANIZER", "ATTENDEE"}
    calendar = Calendar.from_ical(make_file(method=method))
    (event,) = calendar.subcomponents

    assert (set(calendar), event.subcomponents) == ({"VERSION", "PRODID", "METHOD"}, [])
    assert set(event) == people | {
        *("UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND"),
        *("SUMMARY", "LOCATION", "DESCRIPTION", "STATUS", "CLASS"),
    }


NAMES = [
    "Elm, Oak; Ash & Co",
    'The "Lamp" \\n House: 50% ^off^',
    "Élan 💉 " + "Schönheit 👩🏽‍⚕️ " * 20,
    "x" * 300,
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back_as_it_was(name):
    event = event_of(make_file(practice_name=name, address=name, reference=name))
    name = name.strip()

    assert event["SUMMARY"] == f"Appointment at {name}"
    assert event["ORGANIZER"].params["CN"] == name
    assert event["LOCATION"] == name
    assert event["DESCRIPTION"].splitlines()[1].strip() == f"Reference: {name}"
    assert event.errors == []


@pytest.mark.parametrize("name", NAMES)
def test_lines_end_in_cr_lf_and_none_is_longer_than_75_octets(name):
    """RFC 5545 section 3.1."""
    lines = make_file(practice_name=name, address=name).split("\r\n")

    assert lines[-1] == ""
    assert max(len(line.encode()) for line in lines) <= 75
    assert [line for line in lines if "\r" in line or "\n" in line] == []


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_a_line_end_adds_no_line_of_its_own(end):
    forged = f"Elm{end}ATTENDEE:mailto:victim@elsewhere.example{end}BEGIN:VALARM"
    text = make_file(practice_name=forged, address=forged, phone=forged, reference=forged, uid=forged)

    (event,) = Calendar.from_ical(text).subcomponents
    assert (str(event["ATTENDEE"]), event.subcomponents) == ("mailto:ann@patient.example", [])
    assert [line.partition(":")[0].partition(";")[0] for line in unfolded(text)] == [
        line.partition(":")[0].partition(";")[0] for line in unfolded(make_file())
    ]
    assert event["SUMMARY"] == "Appointment at Elm ATTENDEE:mailto:victim@elsewhere.example BEGIN:VALARM"
    assert event["LOCATION"] == "Elm, ATTENDEE:mailto:victim@elsewhere.example, BEGIN:VALARM"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_line_end_in_an_address_of_mail_is_refused(end):
    with pytest.raises(ValueError, match="CR or LF"):
        make_file(attendee_email=f"ann@patient.example{end}ATTENDEE:mailto:victim@elsewhere.example")


def test_an_address_of_several_lines_is_one_line():
    """As the maps on a phone understand it."""
    event = event_of(make_file(address="Elm House,\r\n1 Elm Street\n\nElmford, NY 10001\n"))

    assert event["LOCATION"] == "Elm House, 1 Elm Street, Elmford, NY 10001"


@pytest.mark.parametrize(
    ("starts_at", "expected"),
    [
        # Before and after the hour that is skipped; the hour that comes twice, the first and the second time.
        (datetime(2026, 3, 8, 1, 30, tzinfo=NEW_YORK), "20260308T063000Z"),
        (datetime(2026, 3, 8, 3, 0, tzinfo=NEW_YORK), "20260308T070000Z"),
        (datetime(2026, 11, 1, 1, 30, fold=0, tzinfo=NEW_YORK), "20261101T053000Z"),
        (datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=NEW_YORK), "20261101T063000Z"),
        # Half an hour of summer time: +10:30 and +11:00.
        (datetime(2026, 4, 5, 1, 45, fold=0, tzinfo=LORD_HOWE), "20260404T144500Z"),
        (datetime(2026, 4, 5, 1, 45, fold=1, tzinfo=LORD_HOWE), "20260404T151500Z"),
        (datetime(2026, 7, 1, 9, 0, tzinfo=LORD_HOWE), "20260630T223000Z"),
        (datetime(2026, 12, 1, 9, 0, tzinfo=LORD_HOWE), "20261130T220000Z"),
        (datetime(2026, 1, 5, 9, 0, tzinfo=ZoneInfo("Pacific/Chatham")), "20260104T191500Z"),
        (datetime(2026, 7, 1, 9, 0, tzinfo=ZoneInfo("America/Phoenix")), "20260701T160000Z"),
    ],
)
def test_the_instant_is_right_whatever_the_zone(starts_at, expected):
    ends_at = starts_at.astimezone(UTC) + timedelta(minutes=45)
    text = make_file(zone=starts_at.tzinfo, starts_at=starts_at, ends_at=ends_at)
    event = event_of(text)

    assert f"DTSTART:{expected}" in unfolded(text)
    assert (event.start, event.end) == (starts_at.astimezone(UTC), ends_at)


def test_a_visit_over_the_change_of_the_clock_is_as_long_as_it_is():
    starts_at = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
    event = event_of(make_file(starts_at=starts_at, ends_at=starts_at + timedelta(hours=1)))

    assert event.end - event.start == timedelta(hours=1)


def test_the_words_tell_the_clock_of_the_place():
    """Of the location, not of the machine or of the reader."""
    starts_at = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    event = event_of(make_file(zone=LORD_HOWE, starts_at=starts_at))

    assert event["DESCRIPTION"].splitlines()[0] == "Local time: July 1, 2026, 9 a.m."


@pytest.mark.parametrize("name", ["starts_at", "ends_at", "stamped_at"])
def test_an_instant_without_a_zone_is_refused(name):
    with pytest.raises(ValueError, match="zone"):
        make_file(
            **{
                "ends_at": datetime(2026, 3, 5, tzinfo=UTC),
                name: datetime(2026, 3, 4, 15, tzinfo=UTC).replace(tzinfo=None),
            }
        )


def test_a_visit_that_ends_when_it_starts_is_refused():
    starts_at = datetime(2026, 3, 4, 15, tzinfo=UTC)
    with pytest.raises(ValueError, match="ends after"):
        make_file(starts_at=starts_at, ends_at=starts_at)


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_mail_without_an_attendee_is_refused(method):
    with pytest.raises(ValueError, match="who is invited"):
        make_file(method=method, attendee_email="")
