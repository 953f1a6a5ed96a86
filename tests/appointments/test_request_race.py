"""Many at once, each with a connection of its own, as several web processes are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from appointments.models import AppointmentRequest
from appointments.services.requests import take_request
from clinic.models import Letter, RateLimit
from clinic.rate_limits import Limit
from tests import factories
from tests.appointments.steps import ADA, send, stamp

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(task, arguments):
    """What `task` returns for each of them, all begun in the same moment."""
    ready = Barrier(len(arguments), timeout=30)

    def run(argument):
        try:
            connection.ensure_connection()
            ready.wait()
            return task(argument)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, arguments))


def test_a_double_click_is_one_request_and_one_letter():
    factories.make_practice()
    sealed = stamp()
    answers = at_once(lambda _n: send(Client(), stamp=sealed), range(8))
    assert [answer.status_code for answer in answers] == [303] * 8
    assert AppointmentRequest.objects.count() == 1
    assert Letter.objects.filter(to=ADA).count() == 1
    assert Letter.objects.count() == 2
    reference = AppointmentRequest.objects.get().reference
    pages = {Client().get(answer["Location"]).content for answer in answers}
    assert len(pages) == 1
    assert reference.encode() in pages.pop()


def test_without_the_constraint_the_same_clicks_store_several():
    """The negative control: this test can see the race that the constraint decides."""
    factories.make_practice()
    constraint = next(c for c in AppointmentRequest._meta.constraints if c.name == "request_submission_once")
    with connection.schema_editor() as editor:
        editor.remove_constraint(AppointmentRequest, constraint)
    try:
        sealed = stamp()
        at_once(lambda _n: send(Client(), stamp=sealed), range(8))
        assert AppointmentRequest.objects.count() == 8
    finally:
        AppointmentRequest.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(AppointmentRequest, constraint)


def test_of_two_dozen_at_once_a_network_sends_twenty():
    factories.make_practice()
    answers = at_once(lambda n: send(Client(), email=f"ada{n}@example.com").status_code, range(24))
    assert sorted(answers) == [303] * 20 + [429] * 4
    assert AppointmentRequest.objects.count() == 20


def test_one_address_gets_three_letters_however_many_come_at_once():
    factories.make_practice()
    at_once(lambda n: send(Client(), network=f"192.0.2.{n}"), range(12))
    assert AppointmentRequest.objects.count() == 12
    assert Letter.objects.filter(to=ADA).count() == 3


def test_counting_by_reading_first_lets_everybody_through():
    """The negative control of the limits: the same crowd, each of whom looks before anybody has written."""
    most, now, have_looked = 3, timezone.now(), Barrier(12, timeout=30)
    RateLimit.objects.create(key="naive", count=0, window_ends_at=now + timedelta(days=1))

    def look_then_count(_n):
        is_allowed = RateLimit.objects.get(key="naive").count < most
        have_looked.wait()
        RateLimit.objects.filter(key="naive").update(count=F("count") + 1)
        return is_allowed

    exact = Limit("tests", most, timedelta(days=1))
    assert sum(at_once(look_then_count, range(12))) == 12
    assert sum(wait is None for wait in at_once(lambda _n: exact.count("ada", now=now), range(12))) == most


def test_a_reference_that_exists_already_is_drawn_again(monkeypatch):
    """Chance is replaced, nothing of ours is."""
    factories.make_practice()
    factories.make_request(reference="R-2222-22")
    signs = iter("222222" + "333333")
    monkeypatch.setattr("appointments.references.secrets.choice", lambda _signs: next(signs))
    asked = factories.AppointmentRequest(name="Ada", email=ADA, phone="704-555-0142")
    take_request(request=asked, preferred_times=[], network="192.0.2.1", now=timezone.now())
    assert asked.reference == "R-3333-33"


def test_two_colleagues_who_take_the_same_step_at_once_take_it_once():
    fred, asked = factories.manager(), factories.make_request()

    def close(_n):
        try:
            AppointmentRequest.objects.get(pk=asked.pk).mark_contacted(by=fred, now=timezone.now())
        except Exception as refused:
            return type(refused).__name__
        return "done"

    assert sorted(at_once(close, range(6))) == ["StatusRefused"] * 5 + ["done"]
    assert asked.status_changes.count() == 1
