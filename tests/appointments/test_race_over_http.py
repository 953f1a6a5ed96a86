"""The same crowds as visitors are: processes of their own, over HTTP, to a web server with several processes."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, closing
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.admin.times import Chosen
from appointments.consent import BOOKING_VERSION
from appointments.links import hold_link
from appointments.models import Appointment
from appointments.services import diary
from clinic import mail_links
from clinic.models import Letter
from tests import factories
from tests.appointments.race import NEW_YORK, assert_diary_is_sound, details, make_house, standing
from tests.appointments.visitor import Visitor
from tests.clinic.test_worker import database_url

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 5
SEEN_IN_TIME = 60  # seconds


@pytest.fixture
def port(db):
    """The site on two web processes, on the tests' database. DEBUG, because no static files are collected for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "EMBEDDED_DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "VAR_FOLDER": os.environ["VAR_FOLDER"],
        "PORT": str(port),
        "DEBUG": "1",
    }
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "2", "--blocking-threads", "8", "--log-level", "error", "--no-access-log"]  # fmt: skip
    with subprocess.Popen([*command, "clinic.wsgi:application"], cwd=ROOT, env=environment) as server:
        try:
            wait_for(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def wait_for(port, server):
    until = time.monotonic() + SEEN_IN_TIME
    while True:
        try:
            with closing(Visitor(port)) as visitor:
                assert visitor.get("/healthz").status == HTTPStatus.OK
                return
        except OSError:
            assert server.poll() is None, "The web server ended."
            assert time.monotonic() < until, "The web server does not answer."
            time.sleep(0.1)


@pytest.fixture
def house(db):
    return make_house()


@pytest.fixture(autouse=True)
def sound_afterwards(db):
    yield
    assert_diary_is_sound()


def soon(hour, days=5):
    """By the clock of the house, which the site's own clock has not reached."""
    day = timezone.now().astimezone(NEW_YORK) + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def holding(house, start, number):
    """A visitor who has the page of that day before them, and clicks the button of that time."""
    page = reverse("appointments:book_visit", args=[house.visit.slug])
    return {
        "network": f"127.0.1.{number + 1}",
        "open": f"{page}?day={start.date().isoformat()}",
        "post": page,
        "fields": {"start": start.isoformat(), "location": house.location.slug, "provider": ""},
        "cookies": {},
    }


def confirming(held, number):
    """Somebody who has typed their details for a time that they hold or held, and confirms it."""
    token = mail_links.mint(hold_link(held), now=timezone.now())
    page = reverse("appointments:held_check", args=[token])
    return {"network": f"127.0.2.{number + 1}", "open": page, "post": page, "fields": {}, "cookies": {}}


def calling(house, start, number, session):
    """The front desk, with a caller on the phone."""
    page = reverse("admin:appointments_appointment_book")
    return {
        "network": f"127.0.3.{number + 1}",
        "open": page,
        "post": page,
        "fields": {
            "patient": "new",
            "name": f"Cora Caller {number}",
            "phone": f"(212) 555-01{number:02}",
            "visit_type": str(house.visit.pk),
            "slot": Chosen(start, house.location.pk, house.people[0].pk).code,
            "submission": str(uuid.uuid4()),
            "book": "1",
        },
        "cookies": {settings.SESSION_COOKIE_NAME: session},
    }


def at_once(port, jobs):
    """What each was answered: status, where to, and the page. Five processes, and all send in the same moment."""
    shares = [jobs[number::PROCESSES] for number in range(min(PROCESSES, len(jobs)))]
    command = [sys.executable, "-m", "tests.appointments.visitor", str(port)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as running:
        crowds = [running.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes)) for _share in shares]
        try:
            for crowd, share in zip(crowds, shares, strict=True):
                crowd.stdin.write(json.dumps(share) + "\n")
                crowd.stdin.flush()
            assert [crowd.stdout.readline() for crowd in crowds] == ["ready\n"] * len(crowds)
            for crowd in crowds:
                crowd.stdin.write("\n")
                crowd.stdin.flush()
            return [answer for crowd in crowds for answer in json.loads(crowd.stdout.readline())]
        finally:
            for crowd in crowds:
                crowd.kill()


def statuses(answers):
    found = [status for status, _location, _body in answers]
    return {status: found.count(status) for status in sorted(set(found))}


def typed(number):
    return {**vars(details(number)), "phone": "(212) 555-0199", "consent": "on", "wording": BOOKING_VERSION}


def test_of_fifty_visitors_who_click_one_time_one_holds_it_and_the_others_see_the_nearest(port, house):
    start = soon(10)
    answers = at_once(port, [holding(house, start, number) for number in range(50)])
    assert statuses(answers) == {303: 1, 409: 49}
    for status, location, body in answers:
        if status == HTTPStatus.SEE_OTHER:
            assert location.startswith("/appointments/held/")
        else:
            others = re.findall(r'name="start" value="([^"]+)"', body)
            assert others
            assert start.isoformat() not in others
    assert standing(start).count() == 1


def test_one_visitor_goes_all_the_way(port, house):
    """The path that the others are measured against: hold, details, check, confirmed."""
    start, visitor = soon(11), Visitor(port, "127.0.4.1")
    job = holding(house, start, 0)
    visitor.get(job["open"])
    held = visitor.post(job["post"], job["fields"], opened=("opening",))
    visitor.get(held.location)
    check = visitor.post(held.location, typed(1))
    visitor.get(check.location)
    booked = visitor.post(check.location)
    assert (held.status, check.status, booked.status) == (303, 303, 303)
    assert visitor.get(booked.location).status == HTTPStatus.OK
    assert standing(start).get().status == "confirmed"


def test_a_hold_that_ran_out_is_confirmed_by_its_visitor_or_held_by_another(port, house):
    start, now = soon(12), timezone.now()
    held = diary.hold(visit_type=house.visit.pk, starts_at=start, location=None, provider=None,
                      submission=uuid.uuid4(), holder=None, now=now)  # fmt: skip
    diary.save_typed(appointment=held.pk, typed=typed(1), now=now)
    late = confirming(held, 0)
    jobs = [holding(house, start, number) for number in range(19)]
    # Its page is open before the time runs out: that is what the late one has before them.
    with closing(Visitor(port, late["network"])) as visitor:
        assert visitor.get(late["open"]).status == HTTPStatus.OK
        cookies, token = dict(visitor._cookies), visitor.hidden["csrfmiddlewaretoken"]
    Appointment.objects.update(expires_at=now - timedelta(seconds=1))
    late |= {"open": "/appointments/book/", "cookies": cookies, "fields": {"csrfmiddlewaretoken": token}}
    answers = at_once(port, [*jobs[:9], late, *jobs[9:]])
    assert statuses(answers) == {303: 1, 409: 19}
    assert standing(start).count() == 1


def test_a_confirmation_that_is_sent_eight_times_is_one_booking_and_one_letter(port, house):
    start, now = soon(13), timezone.now()
    held = diary.hold(visit_type=house.visit.pk, starts_at=start, location=None, provider=None,
                      submission=uuid.uuid4(), holder=None, now=now)  # fmt: skip
    diary.save_typed(appointment=held.pk, typed=typed(1), now=now)
    answers = at_once(port, [confirming(held, number) for number in range(8)])
    assert statuses(answers) == {303: 8}
    assert {location.partition("/manage/")[0] for _status, location, _body in answers} == {"/appointments"}
    assert (standing().get().status, Letter.objects.count()) == ("confirmed", 1)


def test_the_desk_and_the_site_never_give_one_time_to_two(port, house):
    start, client = soon(14), Client()
    client.force_login(factories.manager())
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    desk = [calling(house, start, number, session) for number in range(6)]
    public = [holding(house, start, number) for number in range(24)]
    answers = at_once(port, [job for pair in zip(desk, public[:6], strict=True) for job in pair] + public[6:])
    got = [location for status, location, _body in answers if status in {302, 303}]
    assert len(got) == 1
    assert statuses(answers).get(409) == 29
    assert standing(start).count() == 1
