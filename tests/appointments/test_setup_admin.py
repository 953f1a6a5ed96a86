"""A practice manager sets up who, where, with what and when."""

import re
import uuid
from datetime import date, datetime, time, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.admin.working_days import WorkingDays
from appointments.availability import Audience, load_plan, timetable
from appointments.models import (
    Appointment,
    BookingRules,
    HoursException,
    Need,
    Patient,
    Phase,
    Resource,
    ResourceHours,
    VisitType,
)
from appointments.services import diary
from clinic.models import Closure, Provider
from tests import factories
from tests.appointments.steps import words

pytestmark = pytest.mark.django_db

WEEKDAYS = tuple((day, time(9), time(17)) for day in range(7))
ADD = reverse("admin:appointments_visittype_add")
RESOURCES = reverse("admin:appointments_resource_changelist")
EXCEPTIONS = reverse("admin:appointments_hoursexception_changelist")
PATIENTS = reverse("admin:appointments_patient_changelist")
NO_HOURS = {"hours-TOTAL_FORMS": 0, "hours-INITIAL_FORMS": 0}


def page(thing, name="change"):
    return reverse(f"admin:appointments_{type(thing)._meta.model_name}_{name}", args=[thing.pk])


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def manager(practice):
    return signed_in(factories.manager())


@pytest.fixture
def house(practice):
    """Open every day, so that any tomorrow will do."""
    return factories.make_location(hours=WEEKDAYS, name="Main House")


def tomorrow():
    return timezone.localdate(timezone=factories.Practice.objects.get().zone) + timedelta(days=1)


def book(visit_type, *, clock=time(10), day=None, **fields):
    place = visit_type.locations.get()
    return diary.book(
        visit_type=visit_type.pk,
        starts_at=datetime.combine(day or tomorrow(), clock, place.zone),
        location=place.pk,
        provider=None,
        details=None,
        patient=fields.pop("patient", None) or factories.make_patient(**fields),
        by=None,
        submission=uuid.uuid4(),
        audience=Audience.STAFF,
        now=timezone.now(),
    )


def said(response):
    return [str(message) for message in response.context["messages"]]


def errors(response):
    """Those of the simple page, by field."""
    return dict(response.context["adminform"].form.errors)


def filled_in(place, *, people=(), rooms=(), **fields):
    return {
        "name": "Consultation",
        "slug": "consultation",
        "minutes": 30,
        "people": [person.pk for person in people],
        "rooms": [room.pk for room in rooms],
        "locations": [place.pk],
        "is_published": "on",
        "confirmation": "at_once",
        "step_minutes": 15,
        "notice_hours": 24,
        "horizon_days": 60,
        "buffer_before": 0,
        "buffer_after": 0,
        "currency": "USD",
        "position": 0,
        **fields,
    }


def laid_out(visit_type):
    """Its needs and phases as they are stored, in order."""
    return (
        [(need.name, sorted(one.name for one in need.resources.all())) for need in visit_type.needs.all()],
        [
            (phase.name, phase.minutes, phase.is_with_patient, [need.name for need in phase.needs.all()])
            for phase in visit_type.phases.all()
        ],
    )


# Who may


def test_the_front_desk_reads_the_set_up_and_a_provider_sees_none_of_it(house):
    visit_type = factories.make_visit_type(people=[factories.make_person(location=house)], locations=[house])
    urls = [RESOURCES, ADD, page(visit_type), page(visit_type, "phases"), EXCEPTIONS, PATIENTS]
    provider = factories.User.objects.create_user("pru", password=factories.PASSWORD, is_staff=True)
    provider.groups.add(factories.Group.objects.get(name="Provider"))
    people = [factories.front_desk(), provider, factories.marketing(), factories.editor()]
    may = {person.username: [signed_in(person).get(url).status_code for url in urls] for person in people}
    assert may == {"fred": [200, 403, 200, 403, 200, 200], "pru": [403] * 6, "mary": [403] * 6, "edith": [403] * 6}


def test_the_groups_of_the_diary_hold_exactly_their_permissions(practice):
    def held(name):
        found = factories.Group.objects.get(name=name).permissions.filter(content_type__app_label="appointments")
        return sorted(found.values_list("codename", flat=True))

    assert held("Provider") == ["view_appointment"]
    assert held("Front desk") == [
        *("add_appointment", "add_appointmentrequest", "add_hoursexception", "add_note", "add_patient"),
        *("change_appointment", "change_appointmentrequest", "change_hoursexception", "change_patient"),
        *("delete_hoursexception", "see_whole_diary"),
        *("view_appointment", "view_appointmentrequest", "view_hoursexception", "view_note", "view_patient"),
        *("view_resource", "view_resourcehours", "view_visittype"),
    ]


def test_the_front_desk_reads_how_a_visit_goes_and_cannot_change_it(house):
    room = factories.make_room(house)
    visit_type = factories.make_visit_type(rooms=[room], locations=[house])
    fred = signed_in(factories.front_desk())
    text = words(fred.get(page(visit_type)))
    refused = fred.post(page(visit_type), filled_in(house, rooms=[room], minutes=90))
    assert "Minute 0 to 30: Part 0, with the patient. Occupies room." in text
    assert (refused.status_code, VisitType.objects.get().minutes) == (403, 30)
    assert page(visit_type, "phases") not in fred.get(RESOURCES).content.decode()


# The simple page


def test_an_ordinary_visit_is_set_up_on_one_page(manager, house):
    person, room = factories.make_person(location=house, name="Helen"), factories.make_room(house, name="Room 1")
    response = manager.post(ADD, filled_in(house, people=[person], rooms=[room], minutes=45))
    assert response.status_code == 302
    assert laid_out(VisitType.objects.get()) == (
        [("Provider", ["Helen"]), ("Room", ["Room 1"])],
        [("Visit", 45, True, ["Provider", "Room"])],
    )
    shown = manager.get(page(VisitType.objects.get())).context["adminform"].form
    assert [shown[name].value() for name in ("minutes", "people", "rooms")] == [45, [person.pk], [room.pk]]


def test_saving_it_again_keeps_the_rows_and_the_names_that_they_have(manager, house):
    person, room = factories.make_person(location=house), factories.make_room(house)
    visit_type = factories.make_visit_type(people=[person], rooms=[room], locations=[house])
    rows = list(Need.objects.values_list("pk", "name")), list(Phase.objects.values_list("pk", "name"))
    assert manager.post(page(visit_type), filled_in(house, people=[person], rooms=[room])).status_code == 302
    assert (list(Need.objects.values_list("pk", "name")), list(Phase.objects.values_list("pk", "name"))) == rows


def test_a_room_that_is_unticked_is_needed_no_more(manager, house):
    person, room = factories.make_person(location=house, name="Helen"), factories.make_room(house)
    visit_type = factories.make_visit_type(people=[person], rooms=[room], locations=[house])
    manager.post(page(visit_type), filled_in(house, people=[person]))
    assert laid_out(visit_type) == ([("person", ["Helen"])], [("Part 0", 30, True, ["person"])])


def test_somebody_or_something_has_to_be_occupied(manager, house):
    response = manager.post(ADD, filled_in(house))
    assert errors(response) == {
        "people": ["Choose who does it, or at least a room: something has to be occupied."],
    }
    assert VisitType.objects.count() == 0


def test_it_is_possible_at_each_of_its_locations_or_says_what_lacks_where(manager, house):
    other = factories.make_location(name="Uptown")
    person = factories.make_person(location=house)
    person.provider.locations.add(other)
    room = factories.make_room(house)
    sent = filled_in(house, people=[person], rooms=[room], locations=[house.pk, other.pk])
    assert errors(manager.post(ADD, sent)) == {
        "locations": ["At Uptown there is no “Room”: choose one that is there, or leave the location out."]
    }


def test_who_works_elsewhere_and_what_stands_elsewhere_is_named(manager, house):
    other = factories.make_location(name="Uptown")
    near, far = factories.make_person(location=house), factories.make_person(location=other, name="Helen")
    room = factories.make_room(other, name="Room 9")
    response = manager.post(ADD, filled_in(house, people=[near, far], rooms=[room]))
    assert errors(response) == {
        "people": ["Helen does not work at Main House."],
        "rooms": ["Room 9 does not stand at Main House."],
    }


def test_where_somebody_works_goes_by_their_own_hours_when_they_have_any(manager, house):
    other = factories.make_location(name="Uptown")
    person = factories.make_person(location=house, name="Helen", hours=[(0, time(9), time(12))])
    response = manager.post(ADD, filled_in(other, people=[person]))
    assert errors(response) == {"people": ["Helen does not work at Uptown."]}
    ResourceHours.objects.update(location=other)
    assert manager.post(ADD, filled_in(other, people=[person])).status_code == 302


@pytest.mark.parametrize(("minutes", "before", "fits"), [(660, 60, True), (661, 60, False), (720, 0, True)])
def test_twelve_hours_are_the_most_with_what_is_kept_free(manager, house, minutes, before, fits):
    room = factories.make_room(house)
    response = manager.post(ADD, filled_in(house, rooms=[room], minutes=minutes, buffer_before=before))
    if fits:
        assert response.status_code == 302
    else:
        said = "With the minutes kept free it takes 721 minutes; 12 hours are the most."
        assert errors(response) == {"minutes": [said]}


def test_a_pool_of_which_nothing_is_in_use_is_refused_while_patients_can_book_it(manager, house):
    room = factories.make_room(house)
    visit_type = factories.make_visit_type(rooms=[room], locations=[house])
    Resource.objects.update(is_active=False)
    refused = manager.post(page(visit_type), filled_in(house, rooms=[room]))
    taken = manager.post(page(visit_type), filled_in(house, rooms=[room], is_published=""), follow=True)
    sentence = "“Room”: choose at least one that is in use."
    assert errors(refused) == {"rooms": [sentence]}
    assert sentence in said(taken)
    assert VisitType.objects.get().is_published is False


def test_an_address_is_made_from_the_name_where_no_script_does_it(manager, house):
    manager.post(ADD, filled_in(house, rooms=[factories.make_room(house)], name="First Visit", slug=""))
    assert VisitType.objects.get().slug == "first-visit"
    response = manager.post(ADD, filled_in(house, rooms=[factories.make_room(house)], name="診察", slug=""))
    assert errors(response) == {"slug": ["Write it in small letters, digits and hyphens."]}


def test_the_only_location_and_the_only_person_are_ticked_already(manager, house):
    person = factories.make_person(location=house)
    form = manager.get(ADD).context["adminform"].form
    assert (form["locations"].value(), form["people"].value()) == ([house.pk], [str(person.pk)])


# What the simple page cannot say


def advanced(house):
    nurse, room = factories.make_person(location=house, name="Nina"), factories.make_room(house, name="Room 1")
    laser = factories.make_device(house, name="Laser A")
    return factories.make_visit_type(
        people=[nurse],
        rooms=[room],
        devices=[laser],
        locations=[house],
        phases=[(30, True, ["room"]), (30, True, ["person", "room", "device"]), (15, False, ["room"])],
    )


def two_people(house):
    one, other = factories.make_person(location=house), factories.make_person(location=house)
    visit_type = factories.make_visit_type(people=[one, other], locations=[house])
    second = Need.objects.create(visit_type=visit_type, name="Second", position=5)
    second.resources.set([one, other])
    visit_type.phases.get().needs.add(second)
    return visit_type


def device(house):
    return factories.make_visit_type(
        people=[factories.make_person(location=house)], devices=[factories.make_device(house)], locations=[house]
    )


def unoccupied(house):
    return factories.make_visit_type(
        people=[factories.make_person(location=house)],
        rooms=[factories.make_room(house)],
        locations=[house],
        phases=[(30, True, ["person"])],
    )


@pytest.mark.parametrize("kind", [advanced, two_people, device, unoccupied])
def test_it_is_never_flattened(manager, house, kind):
    visit_type = kind(house)
    before = laid_out(visit_type)
    response = manager.get(page(visit_type))
    assert "minutes" not in response.context["adminform"].form.fields
    assert f'<a href="{page(visit_type, "phases")}">Phases, people, rooms and devices</a>' in response.content.decode()
    sent = filled_in(house, people=list(Resource.objects.filter(kind="provider")), minutes=5, is_published="")
    assert manager.post(page(visit_type), sent).status_code == 302
    assert laid_out(visit_type) == before


def test_its_other_fields_are_checked_against_its_phases(manager, house):
    visit_type, other = advanced(house), factories.make_location(name="Uptown")
    sent = filled_in(house, locations=[house.pk, other.pk])
    assert errors(manager.post(page(visit_type), sent)) == {
        "locations": [
            "At Uptown there is no “person”: choose one that is there, or leave the location out.",
            "At Uptown there is no “room”: choose one that is there, or leave the location out.",
            "At Uptown there is no “device”: choose one that is there, or leave the location out.",
        ]
    }


def test_it_is_said_in_words_and_drawn(manager, house):
    visit_type = advanced(house)
    visit_type.buffer_after = 5
    visit_type.save()
    response = manager.get(page(visit_type, "phases"))
    bar = response.context["bar"]
    assert bar.lines == [
        "Minute 0 to 30: Part 0, with the patient. Occupies room.",
        "Minute 30 to 60: Part 1, with the patient. Occupies person, room and device.",
        "Minute 60 to 75: Part 2, without the patient. Occupies room.",
        "5 minutes are kept free after the last phase.",
    ]
    assert [(lane.name, lane.kind, lane.spans) for lane in bar.lanes] == [
        ("Patient", "patient", [(0, 60)]),
        ("person", "provider", [(30, 30)]),
        ("room", "room", [(0, 80)]),
        ("device", "device", [(30, 30)]),
    ]
    text = response.content.decode()
    assert '<rect x="30" y="0" width="30" height="10" />' in text
    assert re.findall(r'\sstyle="', text) == []


# Phases


def rows(prefix, lines, *, initial=0):
    sent = {f"{prefix}-TOTAL_FORMS": len(lines), f"{prefix}-INITIAL_FORMS": initial}
    for number, line in enumerate(lines):
        sent |= {f"{prefix}-{number}-{name}": value for name, value in line.items()}
    return sent


def need(name, *pool, **fields):
    return {"name": name, "pool": [resource.pk for resource in pool], **fields}


def phase(name, minutes, *needs, there=True, **fields):
    occupies = [f"needs-{number}" for number in needs]
    with_patient = {"is_with_patient": "on"} if there else {}
    return {"name": name, "minutes": minutes, "occupies": occupies, **with_patient, **fields}


@pytest.fixture
def bare(house):
    """A visit type of which only the place is known."""
    return factories.make_visit_type(locations=[house], phases=[(30, True, [])])


def post(client, visit_type, needs, phases, *, stored=(), **also):
    """`stored` are the rows that are there already, by prefix."""
    had = dict(stored)
    sent = {**rows("needs", needs, initial=had.get("needs", 0)), **rows("phases", phases, initial=had.get("phases", 0))}
    return client.post(page(visit_type, "phases"), {**sent, **also})


def told(response):
    """Every error of the page of phases: of the whole, then of its rows in order."""
    layout = response.context["layout"]
    of_rows = [message for form in [*layout.needs, *layout.phases] for each in form.errors.values() for message in each]
    return response.context["errors"] + of_rows


def test_numbing_laser_and_cleaning_are_set_up_with_new_needs_in_one_go(manager, house):
    visit_type = factories.make_visit_type(locations=[house])
    Phase.objects.all().delete()
    nurse, room = factories.make_person(location=house, name="Nina"), factories.make_room(house, name="Room 1")
    laser = factories.make_device(house, name="Laser A")
    response = post(
        manager,
        visit_type,
        [need("Nurse", nurse), need("Room", room), need("Laser", laser), need("")],
        [
            phase("Laser", 30, 0, 1, 2, ORDER=2),
            phase("Numbing", 30, 1, ORDER=1),
            phase("Cleaning", 15, 1, there=False),
            phase("", ""),
        ],
    )
    assert (response.status_code, response["Location"]) == (302, page(visit_type, "phases"))
    assert laid_out(visit_type) == (
        [("Nurse", ["Nina"]), ("Room", ["Room 1"]), ("Laser", ["Laser A"])],
        [
            ("Numbing", 30, True, ["Room"]),
            ("Laser", 30, True, ["Nurse", "Room", "Laser"]),
            ("Cleaning", 15, False, ["Room"]),
        ],
    )
    assert VisitType.objects.get().minutes == 60
    assert LogEntry.objects.get().change_message == "Phases changed."


def test_rows_are_changed_and_deleted(manager, house):
    visit_type = advanced(house)
    nurse, room, laser = (one.resources.get() for one in visit_type.needs.all())
    person, room_need, device_need = visit_type.needs.all()
    first, second, third = visit_type.phases.all()
    response = post(
        manager,
        visit_type,
        [
            need("Nurse", nurse, id=person.pk),
            need("room", room, id=room_need.pk),
            need("device", laser, id=device_need.pk, DELETE="on"),
        ],
        [
            phase("Part 0", 30, 1, id=first.pk, DELETE="on"),
            phase("Talk", 20, 0, 1, 2, id=second.pk),
            phase("Part 2", 15, 1, id=third.pk, there=False),
        ],
        stored={"needs": 3, "phases": 3},
    )
    assert response.status_code == 302
    assert laid_out(visit_type) == (
        [("Nurse", ["Nina"]), ("room", ["Room 1"])],
        [("Talk", 20, True, ["Nurse", "room"]), ("Part 2", 15, False, ["room"])],
    )


def test_a_need_of_another_visit_type_is_left_alone(manager, house):
    visit_type, other = advanced(house), device(house)
    stolen, before = other.needs.first(), laid_out(other)
    room = factories.make_room(house)
    needs = [need("Mine", room, id=stolen.pk)]
    post(manager, visit_type, needs, [phase("Visit", 30, 0)], stored={"needs": 1})
    assert laid_out(other) == before
    post(manager, visit_type, [{**needs[0], "DELETE": "on"}], [phase("Visit", 30, 0)], stored={"needs": 1})
    assert laid_out(other) == before


def test_a_row_that_a_colleague_has_deleted_says_so(manager, house):
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    old = visit_type.needs.get()
    gone = old.pk
    old.delete()
    response = post(manager, visit_type, [need("Room", id=gone)], [phase("Visit", 30, 0)], stored={"needs": 1})
    assert "A colleague has deleted this row meanwhile: open the page again." in words(response)


def test_in_a_phase_the_patient_has_to_be_there(manager, bare, house):
    response = post(manager, bare, [need("Room", factories.make_room(house))], [phase("Cleaning", 30, 0, there=False)])
    assert told(response) == ["In at least one phase the patient has to be there."]


def test_every_phase_occupies_something(manager, bare, house):
    response = post(manager, bare, [need("Room", factories.make_room(house))], [phase("A", 30, 0), phase("B", 5)])
    assert told(response) == ["“B” occupies nothing: tick what it takes."]
    assert laid_out(bare) == ([], [("Part 0", 30, True, [])])


def test_every_need_has_something_in_use_of_one_kind_and_is_occupied(manager, bare, house):
    room, out = factories.make_room(house), factories.make_room(house)
    bare.needs.create(name="old").resources.add(out)
    Resource.objects.filter(pk=out.pk).update(is_active=False)
    mixed = [room, factories.make_device(house)]
    needs = [need("Empty"), need("Unused", out), need("Mixed", *mixed), need("Idle", room), need("old", out)]
    response = post(manager, bare, needs, [phase("Visit", 30, 0, 1, 2)])
    assert told(response)[:4] == [
        "“Empty”: choose at least one that is in use.",
        "“Unused”: choose at least one that is in use.",
        "“Mixed”: choose people, rooms or devices, not several kinds.",
        "No phase occupies “Idle”: tick it in a phase, or delete it.",
    ]


def test_a_row_that_is_ticked_has_to_be_filled_in(manager, bare, house):
    response = post(manager, bare, [need("Room", factories.make_room(house)), need("")], [phase("Visit", 30, 0, 1)])
    assert told(response) == ["This takes something whose row is still empty: fill it in or untick it."]


def test_two_nurses_at_the_same_time_want_a_pool_of_two(manager, bare, house):
    one, other = (factories.make_person(location=house) for _n in range(2))
    both = [phase("Visit", 30, 0, 1)]
    few = post(manager, bare, [need("Nurse", one), need("Second nurse", one)], both)
    assert told(few) == [
        "At Main House there are not enough to choose from for “Nurse” and “Second nurse” at the same time."
    ]
    in_turn = [phase("First", 30, 0), phase("Then", 30, 1)]
    for needs, phases in [
        ([need("Nurse", one, other), need("Second nurse", one, other)], both),
        ([need("Nurse", one), need("Second nurse", one)], in_turn),
    ]:
        visit_type = factories.make_visit_type(locations=[house])
        Phase.objects.filter(visit_type=visit_type).delete()
        assert post(manager, visit_type, needs, phases).status_code == 302


def test_three_needs_are_not_served_by_two_even_when_each_pair_could_be(manager, bare, house):
    one, other = (factories.make_person(location=house) for _n in range(2))
    needs = [need(name, one, other) for name in ("A", "B", "C")]
    response = post(manager, bare, needs, [phase("Visit", 30, 0, 1, 2)])
    assert told(response) == [
        "At Main House there are not enough to choose from for “A”, “B” and “C” at the same time."
    ]


def test_what_patients_cannot_book_may_be_unfinished_and_says_what_it_lacks(manager, bare, house):
    bare.is_published = False
    bare.save()
    sent = rows("needs", [need("Room")]) | rows("phases", [phase("Visit", 30, 0)])
    response = manager.post(page(bare, "phases"), sent, follow=True)
    assert "“Room”: choose at least one that is in use." in said(response)
    assert laid_out(bare)[0] == [("Room", [])]


def test_a_new_one_that_goes_on_to_its_phases_waits_for_them(manager, house):
    room = factories.make_room(house)
    response = manager.post(ADD, filled_in(house, rooms=[room], _phases="1"), follow=True)
    made = VisitType.objects.get()
    told_so = "Patients cannot book it yet: tick “Patients can book it” below when its phases are done."
    assert (made.is_published, told_so in response.content.decode()) == (False, True)
    sent = [{**need("Room", room), "id": made.needs.get().pk}], [{**phase("Visit", 40, 0), "id": made.phases.get().pk}]
    stored = {"needs": 1, "phases": 1}
    assert post(manager, made, *sent, stored=stored).status_code == 302
    made.refresh_from_db()
    assert made.is_published is False
    empty = [{**need("Room"), "id": made.needs.get().pk}]
    refused = post(manager, made, empty, sent[1], stored=stored, publish="on")
    assert told(refused) == ["“Room”: choose at least one that is in use."]
    made.refresh_from_db()
    assert made.is_published is False
    assert post(manager, made, *sent, stored=stored, publish="on").status_code == 302
    made.refresh_from_db()
    assert made.is_published is True
    assert told_so not in manager.get(page(made, "phases")).content.decode()


def test_one_that_patients_book_already_stays_so_on_the_way_to_its_phases(manager, house):
    room = factories.make_room(house)
    manager.post(ADD, filled_in(house, rooms=[room]))
    manager.post(page(VisitType.objects.get()), filled_in(house, rooms=[room], _phases="1"))
    assert VisitType.objects.get().is_published is True


@pytest.mark.parametrize("rows_of", ["needs", "phases"])
def test_one_row_more_keeps_what_was_typed_and_saves_nothing(manager, bare, house, rows_of):
    room = factories.make_room(house)
    button = {f"more_{rows_of}": "1"}
    response = post(manager, bare, [need("Room", room)], [phase("Visit", 40, 0)], **button)
    layout = response.context["layout"]
    assert [layout.needs[0]["name"].value(), layout.phases[0]["minutes"].value()] == ["Room", "40"]
    assert len(getattr(layout, rows_of).forms) == 2
    assert response.context["is_refused"] is False
    assert bare.needs.count() == 0


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"needs-TOTAL_FORMS": "x"},
        {"needs-TOTAL_FORMS": "99999999", "more_needs": "1"},
        {"more_phases": "1"},
        {**rows("needs", [{"name": "x", "pool": ["x", "\0"], "id": "y"}], initial=1), **rows("phases", [])},
        {**rows("needs", []), **rows("phases", [{"name": "x", "minutes": "1e9", "occupies": ["needs-7"]}])},
    ],
)
def test_a_broken_form_breaks_nothing(manager, bare, sent):
    assert manager.post(page(bare, "phases"), sent).status_code == 200
    assert laid_out(bare) == ([], [("Part 0", 30, True, [])])


def test_there_is_no_page_of_phases_for_what_is_not_there(manager):
    assert manager.get(reverse("admin:appointments_visittype_phases", args=[4_000])).status_code == 404


def test_two_patients_overlap_where_they_may_and_not_where_they_may_not(manager, house):
    """One nurse, one laser, two rooms: the next one numbs while the first is under the laser."""
    visit_type = advanced(house)
    visit_type.needs.get(name="room").resources.add(factories.make_room(house))
    book(visit_type, clock=time(10))
    book(visit_type, clock=time(10, 30))
    with pytest.raises(diary.SlotTaken):
        book(visit_type, clock=time(10, 15))


# The week that follows


def week(response):
    return {
        day: [f"{cell.says} {cell.remark}".strip() for cell in cells] for day, cells in response.context["week"].rows
    }


def named(day):
    return f"{day:%A, %B} {day.day}"


def test_the_week_says_how_many_starts_there_are_and_why_there_are_none(manager, house):
    first = tomorrow() + timedelta(days=20)
    days = [first + timedelta(days=number) for number in range(7)]
    person = factories.make_person(location=house, name="Helen")
    visit_type = factories.make_visit_type(people=[person], locations=[house], minutes=60, step_minutes=30)
    Closure.objects.create(location=None, starts_on=days[1], ends_on=days[1], reason="Stock-taking")
    HoursException.objects.create(resource=person, starts_on=days[2], ends_on=days[2])
    HoursException.objects.create(
        location=house, kind="closed", starts_on=days[3], ends_on=days[3], opens=time(9), closes=time(16, 30)
    )
    book(visit_type, clock=time(9), day=days[4])
    for hour in range(9, 17):
        book(visit_type, clock=time(hour), day=days[5])
    shown = week(manager.get(page(visit_type), {"week": first.isoformat()}))
    assert shown == {
        named(days[0]): ["15 times free 9 a.m. to 4 p.m."],
        named(days[1]): ["closed: Stock-taking"],
        named(days[2]): ["Helen is not in"],
        named(days[3]): ["the hours that it needs never meet for long enough"],
        named(days[4]): ["13 of 15 times free 10 a.m. to 4 p.m."],
        named(days[5]): ["fully booked"],
        named(days[6]): ["15 times free 9 a.m. to 4 p.m."],
    }


def test_a_weekday_without_hours_is_closed(manager, practice):
    place = factories.make_location(hours=[(0, time(9), time(10))])
    visit_type = factories.make_visit_type(rooms=[factories.make_room(place)], locations=[place])
    shown = week(manager.get(page(visit_type), {"week": "2999-01-01"}))
    assert sorted(cell for (cell,) in shown.values()) == ["3 times free 9 a.m. to 9:30 a.m."] + 6 * [
        "closed on this weekday"
    ]


def test_the_week_can_be_turned_but_not_into_the_past(manager, house):
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    today = tomorrow() - timedelta(days=1)
    now = manager.get(page(visit_type)).context["week"]
    later = manager.get(page(visit_type), {"week": (today + timedelta(days=9)).isoformat()}).context["week"]
    assert (now.first, now.previous, now.next) == (today, None, today + timedelta(days=7))
    assert (later.previous, later.next) == (today + timedelta(days=2), today + timedelta(days=16))


@pytest.mark.parametrize("chosen", ["", "x", "2026-02-30", "0001-01-01", "9999-12-31", "\0"])
def test_any_week_may_stand_in_the_address(manager, house, chosen):
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    for url in (page(visit_type), page(visit_type, "phases"), page(Resource.objects.get())):
        response = manager.get(url, {"week": chosen})
        assert (response.status_code, len(response.context["week"].rows)) == (200, 7)


def test_the_week_of_a_person_shows_their_hours_and_appointments(manager, house):
    person = factories.make_person(location=house, hours=[(day, time(9), time(12)) for day in range(7)])
    visit_type = factories.make_visit_type(people=[person], locations=[house])
    first = tomorrow()
    days = [first + timedelta(days=number) for number in range(7)]
    book(visit_type, clock=time(10), day=days[0])
    HoursException.objects.create(resource=person, starts_on=days[1], ends_on=days[1], reason="Congress")
    HoursException.objects.create(
        resource=person, starts_on=days[2], ends_on=days[2], opens=time(10), closes=time(10, 30)
    )
    extra = {"kind": "open", "location": house, "starts_on": days[3], "ends_on": days[3]}
    HoursException.objects.create(resource=person, opens=time(12), closes=time(14), **extra)
    # Own hours do not follow the location's: an extra opening of it changes nothing.
    extra |= {"starts_on": days[4], "ends_on": days[4]}
    HoursException.objects.create(opens=time(18), closes=time(20), **extra)
    shown = week(manager.get(page(person), {"week": first.isoformat()}))
    assert shown == {
        named(days[0]): ["9 a.m.–noon 1 appointment"],
        named(days[1]): ["away: Congress"],
        named(days[2]): ["9 a.m.–10 a.m., 10:30 a.m.–noon"],
        named(days[3]): ["9 a.m.–2 p.m."],
        named(days[4]): ["9 a.m.–noon"],
        named(days[5]): ["9 a.m.–noon"],
        named(days[6]): ["9 a.m.–noon"],
    }


def test_the_hours_shown_are_those_in_which_it_can_be_booked(house):
    """The week of a resource and availability read the same rules from different code."""
    room = factories.make_room(house)
    visit_type = factories.make_visit_type(rooms=[room], locations=[house], minutes=5, step_minutes=5)
    first = tomorrow() + timedelta(days=1)
    exceptions = [("closed", room, 0, time(9), time(11)), ("closed", None, 1, None, None)]
    exceptions += [("open", None, 2, time(18), time(19)), ("open", room, 3, time(6), time(10))]
    for kind, resource, number, opens, closes in exceptions:
        day = first + timedelta(days=number)
        HoursException.objects.create(
            kind=kind, resource=resource, location=house, starts_on=day, ends_on=day, opens=opens, closes=closes
        )
    plan = load_plan(visit_type=visit_type.pk, first=first, days=5)
    offered = timetable(plan=plan, first=first, days=5, now=timezone.now(), audience=Audience.STAFF)
    working = WorkingDays.load(room, first, first + timedelta(days=4))
    for number in range(5):
        day = first + timedelta(days=number)
        starts = {start for opens, closes in working.spans(house, day) for start in range(opens, closes, 300)}
        assert starts == {int(time.starts_at.timestamp()) for time in offered.on(day)}


# People, rooms and devices


def test_who_cannot_be_booked_yet_is_offered(manager, house):
    factories.make_person(location=house)
    waiting = factories.make_provider(name="Jane Lee")
    factories.make_provider(name="Gone", is_active=False)
    text = manager.get(RESOURCES).content.decode()
    link = f"{reverse('admin:appointments_resource_add')}?kind=provider&amp;provider={waiting.pk}"
    assert re.findall(r'<a href="([^"]+)">make ([^<]+) bookable</a>', text) == [(link, "Jane Lee")]
    form = manager.get(link.replace("&amp;", "&")).context["adminform"].form
    assert (form["kind"].value(), form["provider"].value()) == ("provider", str(waiting.pk))


def test_a_person_is_called_as_on_the_site_unless_named(manager, house):
    provider = factories.make_provider(name="Jane Lee")
    url = reverse("admin:appointments_resource_add")
    sent = {"kind": "provider", "provider": provider.pk, "position": 0, "is_active": "on", **NO_HOURS}
    assert manager.post(url, sent).status_code == 302
    assert Resource.objects.get().name == "Jane Lee"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": "room", "name": "Room 1"}, {"__all__"}),
        ({"kind": "provider", "name": "Jane"}, {"__all__"}),
        ({"kind": "room"}, {"name", "__all__"}),
    ],
)
def test_a_resource_without_its_provider_or_place_is_refused(manager, house, fields, wrong):
    response = manager.post(reverse("admin:appointments_resource_add"), {"position": 0, **NO_HOURS, **fields})
    assert (response.status_code, set(errors(response))) == (200, wrong)
    assert Resource.objects.count() == 0


def test_without_hours_of_its_own_it_says_whose_it_follows(manager, house):
    room = factories.make_room(house)
    assert (
        f"Follows the opening hours of Main House: {house.hours_lines[0]}" in manager.get(page(room)).content.decode()
    )
    factories._add_hours(room, house, [(2, time(9), time(12))])
    text = words(manager.get(page(room)))
    assert "Wednesday 9 a.m.–noon, Main House" in text
    assert "Follows" not in text


def test_hours_take_the_only_location_that_can_be_meant(manager, house):
    room = factories.make_room(house)
    line = {"weekday": 0, "opens": "9am", "closes": "noon-ish"}
    sent = {"location": house.pk, "name": room.name, "position": 0, "is_active": "on"}
    wrong = manager.post(page(room), sent | rows("hours", [line]))
    right = manager.post(page(room), sent | rows("hours", [line | {"closes": "12 pm"}]))
    assert (wrong.status_code, right.status_code) == (200, 302)
    assert [(str(hours), hours.location) for hours in room.hours.all()] == [("9 a.m.–noon", house)]


def test_hours_of_somebody_with_two_locations_have_to_say_where(manager, house):
    person = factories.make_person(location=house)
    person.provider.locations.add(factories.make_location())
    line = {"weekday": 0, "opens": "9am", "closes": "5pm"}
    response = manager.post(page(person), {"name": "x", "position": 0} | rows("hours", [line]))
    (hours,) = response.context["inline_admin_formsets"]
    assert hours.formset.errors == [{"location": ["Choose where."]}]


def test_new_hours_that_leave_appointments_out_say_how_many(manager, house):
    room = factories.make_room(house)
    visit_type = factories.make_visit_type(rooms=[room], locations=[house])
    inside, outside = book(visit_type, clock=time(9)), book(visit_type, clock=time(16))
    lines = [{"weekday": day, "opens": "9am", "closes": "12pm"} for day in range(7)]
    sent = {"location": house.pk, "name": room.name, "position": 0, "is_active": "on"}
    response = manager.post(page(room), sent | rows("hours", lines), follow=True)
    (warning, _done) = said(response)
    assert warning.startswith("1 appointment lies outside these hours. It stays as it is")
    text = manager.get(page(room)).content.decode()
    assert [reverse("admin:appointments_appointment_change", args=[one.pk]) in text for one in (inside, outside)] == [
        False,
        True,
    ]
    assert Appointment.objects.filter(status="confirmed").count() == 2


def test_what_is_booked_is_not_deleted_and_why(manager, house):
    room = factories.make_room(house)
    visit_type = factories.make_visit_type(rooms=[room], locations=[house])
    patient = book(visit_type).patient
    reasons = []
    for thing in (room, visit_type, patient):
        response = manager.post(page(thing, "delete"), {"post": "yes"}, follow=True)
        reasons += said(response)
    assert reasons == [
        "Appointments in the books name it, so it stays. Untick “in use”, and it is not booked any more.",
        "Appointments in the books are of this type, so it stays. Untick “patients can book it” instead.",
        "This patient has appointments, which stay in the books; so the patient stays as well.",
    ]
    assert (Resource.objects.count(), VisitType.objects.count(), Patient.objects.count()) == (1, 1, 1)


def test_what_is_in_no_books_is_deleted(manager, house):
    for thing in (factories.make_room(house), factories.make_visit_type(), factories.make_patient()):
        assert manager.post(page(thing, "delete"), {"post": "yes"}).status_code == 302
        assert not type(thing).objects.filter(pk=thing.pk).exists()


# Other hours and closures


def test_other_hours_are_listed_the_next_first_and_the_past_last(manager, house):
    today = tomorrow() - timedelta(days=1)
    spans = {"past": (-9, -8), "far": (30, 31), "now": (-2, 2), "long past": (-90, -80), "next": (1, 1)}
    for name, (begins, ends) in spans.items():
        HoursException.objects.create(
            starts_on=today + timedelta(days=begins), ends_on=today + timedelta(days=ends), reason=name
        )
    shown = [one.reason for one in manager.get(EXCEPTIONS).context["cl"].result_list]
    assert shown == ["now", "next", "far", "past", "long past"]


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({}, 2),
        ({"opens": "9am", "closes": "10:15am"}, 1),
        ({"opens": "10:30am", "closes": "11am"}, 0),
        ({"kind": "open", "opens": "9am", "closes": "11am"}, 0),
        ({"resource": "other room"}, 0),
        ({"resource": "room", "opens": "1pm", "closes": "5pm"}, 1),
        ({"location": "other house"}, 0),
        ({"location": ""}, 2),
        ({"days": 1}, 0),
    ],
)
def test_an_exception_says_how_many_appointments_lie_in_it(manager, house, fields, number):
    room, other = factories.make_room(house), factories.make_room(house)
    elsewhere = factories.make_location()
    visit_type = factories.make_visit_type(rooms=[room], locations=[house])
    book(visit_type, clock=time(10))
    book(visit_type, clock=time(14))
    named = {"room": room.pk, "other room": other.pk, "other house": elsewhere.pk}
    day = tomorrow() + timedelta(days=fields.get("days", 0))
    sent = {"kind": "closed", "location": house.pk, "starts_on": day, "ends_on": day}
    sent |= {name: named.get(value, value) for name, value in fields.items() if name != "days"}
    response = manager.post(reverse("admin:appointments_hoursexception_add"), sent, follow=True)
    exception = HoursException.objects.get()
    warnings = [message for message in said(response) if "in this time" in message]
    expected = {
        0: [],
        1: ["1 appointment lies in this time. It stays as it is: call the patient, then move or cancel it."],
        2: ["2 appointments lie in this time. They stay as they are: call the patients, then move or cancel them."],
    }
    assert warnings == [f'{words} <a href="{page(exception)}">Show them</a>' for words in expected[number]]
    text = manager.get(page(exception)).content.decode()
    assert len(re.findall(r"/admin/appointments/appointment/\d+/change/", text)) == number
    assert Appointment.objects.filter(status="confirmed").count() == 2


@pytest.mark.parametrize(
    ("opened", "then", "warned"),
    [
        ([], "person", ["Nobody can book then: no “room” is open. Open the location too."]),
        (["room"], "person", []),
        (["house"], "person", []),
        ([], "house", []),
        ([], "room", []),
    ],
)
def test_extra_hours_of_one_person_say_so_when_nothing_can_be_booked_in_them(manager, house, opened, then, warned):
    person, room = factories.make_person(location=house, name="Helen"), factories.make_room(house)
    factories.make_visit_type(people=[person], rooms=[room], locations=[house])
    who = {"person": person, "room": room, "house": None}
    days = {"kind": "open", "starts_on": tomorrow(), "ends_on": tomorrow()}
    for name in opened:
        HoursException.objects.create(resource=who[name], location=house, opens=time(18), closes=time(20), **days)
    sent = {**days, "resource": getattr(who[then], "pk", ""), "location": house.pk, "opens": "6pm", "closes": "8pm"}
    response = manager.post(reverse("admin:appointments_hoursexception_add"), sent, follow=True)
    assert HoursException.objects.count() == len(opened) + 1
    assert [message for message in said(response) if "Nobody" in message] == warned


def test_the_form_of_other_hours_says_what_an_empty_who_means(manager, house):
    text = manager.get(reverse("admin:appointments_hoursexception_add")).content.decode()
    assert "Empty and open extra: the location, and all who follow its hours." in text


def test_what_was_cancelled_or_is_over_lies_in_nothing(manager, house):
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    gone = book(visit_type)
    diary.cancel(appointment=gone.pk, by=factories.User.objects.get(), now=timezone.now(), reason="")
    day = {"location": house.pk, "kind": "closed", "starts_on": tomorrow(), "ends_on": tomorrow()}
    response = manager.post(reverse("admin:appointments_hoursexception_add"), day, follow=True)
    assert [message for message in said(response) if "in this time" in message] == []


def test_a_closure_of_the_practice_and_one_on_the_page_of_a_location_say_it_too(manager, house):
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    book(visit_type)
    day = {"starts_on": tomorrow(), "ends_on": tomorrow(), "reason": ""}
    alone = manager.post("/admin/clinic/closure/add/", day, follow=True)
    place = {
        **{"name": house.name, "slug": house.slug, "street": house.street, "city": house.city, "position": 0},
        **NO_HOURS,
        **rows("closures", [day]),
    }
    inline = manager.post(f"/admin/clinic/location/{house.pk}/change/", place, follow=True)
    for response in (alone, inline):
        assert [message for message in said(response) if message.startswith("1 appointment lies in this time.")]
    assert Closure.objects.count() == 2


# Booking rules


@pytest.mark.parametrize(
    ("typed", "days"),
    [("3, 1", [3, 1]), ("", []), (" ", []), ("1,3,3", [3, 1]), ("30", [30]), ("7,5,3,1", [7, 5, 3, 1])],
)
def test_reminder_days_are_read_the_farthest_first(typed, days):
    rules = BookingRules(reminder_days=typed)
    rules.full_clean()
    assert rules.reminder_offsets == days


@pytest.mark.parametrize("typed", ["x", "3;1", "3,", ",", "-1", "0", "31", "1.5", "٣", "100", "9,7,5,3,1", "3 1"])
def test_what_are_no_reminder_days_is_refused(typed):
    with pytest.raises(ValidationError) as refused:
        BookingRules(reminder_days=typed).full_clean()
    assert list(refused.value.message_dict) == ["reminder_days"]


def test_there_is_one_row_of_rules_and_the_list_leads_to_it(manager):
    add = reverse("admin:appointments_bookingrules_add")
    shown = manager.get(add).context["adminform"].form
    sent = {name: "" if value is None else value for name, value in ((f.name, f.value()) for f in shown)}
    assert manager.post(add, sent | {"reminder_days": "2"}).status_code == 302
    response = manager.get(reverse("admin:appointments_bookingrules_changelist"))
    assert (response.status_code, response["Location"]) == (302, page(BookingRules.current()))
    assert (manager.get(add).status_code, BookingRules.current().reminder_offsets) == (403, [2])


# Patients


@pytest.mark.parametrize("typed", ["ozturk", "704 555 0142", "REN@example", "appointment"])
def test_a_patient_is_found_by_name_mail_phone_and_appointment(manager, house, typed):
    wanted = factories.make_patient(
        name="Renée Öztürk", email="ren@example.com", phone="704-555-0142", phone_e164="+17045550142"
    )
    factories.make_patient(name="Ann Other", email="ann@example.com")
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    reference = book(visit_type, patient=wanted).reference
    query = reference if typed == "appointment" else typed
    assert list(manager.get(PATIENTS, {"q": query}).context["cl"].result_list) == [wanted]


def test_the_number_that_is_searched_is_kept_in_step_with_the_one_that_is_shown(manager):
    fields = {"name": "Ann", "phone": "(704) 555-0142", "email": "Ann@EXAMPLE.com"}
    manager.post(reverse("admin:appointments_patient_add"), fields)
    patient = Patient.objects.get()
    assert (patient.phone_e164, patient.email) == ("+17045550142", "Ann@example.com")
    assert abs(timezone.now() - patient.created_at) < timedelta(minutes=1)
    manager.post(page(patient), {**fields, "phone": ""})
    assert Patient.objects.values_list("phone", "phone_e164").get() == ("", "")
    wrong = manager.post(page(patient), {**fields, "phone": "call me"})
    assert list(errors(wrong)) == ["phone"]
    nowhere = manager.post(page(patient), {"name": "Ann"})
    assert errors(nowhere) == {"__all__": ["Enter a phone number or an email address."]}


def test_others_with_the_same_mail_or_phone_are_shown_to_compare(manager):
    ann = factories.make_patient(name="Ann", looks_like_another=True)
    same_mail = factories.make_patient(name="Bea", email="ANN@patient.example", phone="", phone_e164="")
    same_phone = factories.make_patient(name="Cat", email="")
    factories.make_patient(name="Dan", email="dan@patient.example", phone="", phone_e164="")
    text = manager.get(page(ann)).content.decode()
    listed = re.search(r"field-others.*?</ul>", text, re.DOTALL)[0]
    assert re.findall(r'<a href="([^"]+)"><bdi>([^<]+)</bdi></a>', listed) == [
        (page(same_mail), "Bea"),
        (page(same_phone), "Cat"),
    ]
    assert [one.name for one in manager.get(PATIENTS, {"looks_like_another__exact": 1}).context["cl"].result_list] == [
        "Ann"
    ]
    manager.post(page(ann), {"name": "Ann", "phone": ann.phone, "email": ann.email})
    assert list(Patient.objects.to_compare()) == []


def test_who_gets_the_mail_address_of_another_is_told_of(manager):
    factories.make_patient(name="Ann")
    added = manager.post(
        reverse("admin:appointments_patient_add"), {"name": "Bea", "email": "ann@patient.example"}, follow=True
    )
    bea = Patient.objects.get(name="Bea")
    assert said(added)[0] == (
        f'1 other patient has this mail address or phone number: compare them below. <a href="{page(bea)}">Compare</a>'
    )


def test_the_appointments_and_requests_of_a_patient_are_listed_the_newest_first(manager, house):
    visit_type = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house], minutes=15)
    ann = factories.make_patient()
    booked = [book(visit_type, patient=ann, clock=time(9 + n // 4, n % 4 * 15)) for n in range(22)]
    asked = factories.make_request(patient=ann)
    book(visit_type, clock=time(16), name="Ben", email="ben@example.com")
    text = manager.get(page(ann)).content.decode()
    listed = re.findall(r"/admin/appointments/appointment/(\d+)/change/", text)
    assert listed == [str(one.pk) for one in reversed(booked[2:])]
    assert "<li>and 2 more</li>" in text
    assert page(asked) in text


def test_the_browsers_history_and_djangos_log_name_no_patient(manager):
    ann = factories.make_patient(name="Ann <Lee>")
    text = manager.get(page(ann)).content.decode()
    title = re.search("<title>(.*?)</title>", text, re.DOTALL)[1]
    manager.post(page(ann), {"name": "Ann Leigh", "phone": ann.phone})
    assert ("Ann" in title, "<h1><bdi>Ann &lt;Lee&gt;</bdi></h1>" in text) == (False, True)
    assert "Ann" not in f"{LogEntry.objects.get().object_repr} {LogEntry.objects.get().change_message}"


# Lists stay cheap


def test_the_lists_ask_the_same_number_of_questions_however_long_they_are(manager, house, django_assert_num_queries):
    def add():
        person = factories.make_person(location=house, hours=[(0, time(9), time(12))])
        room = factories.make_room(house)
        factories.make_visit_type(
            people=[person], rooms=[room], locations=[house], treatment=factories.make_treatment()
        )
        day = date(2999, 1, 1)
        HoursException.objects.create(resource=person, location=house, starts_on=day, ends_on=day)
        factories.make_patient()

    urls = {
        RESOURCES: 12,
        reverse("admin:appointments_visittype_changelist"): 10,
        EXCEPTIONS: 8,
        PATIENTS: 5,
    }
    add()
    for url, number in urls.items():
        manager.get(url)
        with django_assert_num_queries(number):
            manager.get(url)
    for _more in range(5):
        add()
    for url, number in urls.items():
        with django_assert_num_queries(number):
            manager.get(url)


def test_the_page_of_a_visit_type_asks_as_much_with_many_people_as_with_few(manager, house):
    def asked(number):
        people = [factories.make_person(location=house) for _n in range(number)]
        visit_type = factories.make_visit_type(people=people, rooms=[factories.make_room(house)], locations=[house])
        counts = []
        for url in (page(visit_type), page(visit_type, "phases")):
            manager.get(url)
            with CaptureQueriesContext(connection) as queries:
                manager.get(url)
            counts.append(len(queries))
        return counts

    assert asked(2) == asked(9)


# The dashboard


def test_a_manager_is_told_what_the_diary_lacks_until_something_can_be_booked(manager, house):
    def lacking():
        panels = {str(panel.title): panel for panel in manager.get("/admin/").context["panels"]}
        found = panels.get("The diary, to be set up")
        return [row.text for row in found.rows] if found else None

    assert (Provider.objects.count(), lacking()) == (0, None)
    factories.make_provider()
    assert lacking() == [
        "Say who can be booked, and when",
        "Add the rooms that visits take place in",
        "Add what can be booked",
    ]
    person = factories.make_person(location=house)
    assert lacking() == ["Add the rooms that visits take place in", "Add what can be booked"]
    factories.make_visit_type(people=[person], locations=[house])
    assert lacking() is None
