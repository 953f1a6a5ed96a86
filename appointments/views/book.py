"""Choosing what and when. A time that is chosen is held, and the next page asks for the details."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from appointments import holder
from appointments.availability import NotBookable, Plan, load_plan
from appointments.choosing import Bounds, Choosing, Wish
from appointments.forms.choose import HeldForm, HoldForm, WishForm
from appointments.links import hold_link
from appointments.models import Appointment, VisitType
from appointments.nearest import nearest_times
from appointments.services import diary
from appointments.views.hold_limits import too_many_holds
from appointments.views.opened import chosen_again, see_other
from clinic import mail_links
from clinic.came_from import code_in
from clinic.models import Location, TreatmentCategory

MOST_VISITS: Final = 300
LONGEST_HORIZON: Final = 400  # days, as the database has it
# Seconds after which somebody whom the diary had no time for tries again.
SOON: Final = 5


@require_http_methods(["GET", "HEAD", "POST"])
def book(request: HttpRequest) -> HttpResponse:
    """What can be booked; a POST goes on with a time that this browser holds, or lets it go."""
    now = timezone.now()
    if request.method == "POST":
        return _held(request, now)
    places = Prefetch("locations", Location.objects.shown().prefetch_related(None), to_attr="places")
    shown = VisitType.objects.shown().prefetch_related(places, "phases__needs")[:MOST_VISITS]
    visits = [visit for visit in shown if visit.places]
    asked = {name: request.GET.get(name, "") for name in ("treatment", "category")}
    narrowed = [visit for visit in visits if _is_about(visit, **asked)]
    context = {
        "groups": [(category, list(group)) for category, group in groupby(narrowed or visits, key=_category)],
        "is_narrowed": 0 < len(narrowed) < len(visits),
        "is_not_bookable": any(asked.values()) and not narrowed,
        "asked": asked,
        "came_from": code_in(request.GET),
        "held": holder.held_by(request, now=now),
    }
    return _private(render(request, "appointments/book.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
def book_visit(request: HttpRequest, slug: str) -> HttpResponse:
    """The free times of one visit type; a POST holds one of them."""
    now = timezone.now()
    try:
        plan = load_plan(visit_type=slug, first=now.date() - timedelta(days=1), days=LONGEST_HORIZON + 3)
    except NotBookable:
        raise Http404 from None
    if not plan.is_published:
        return _not_bookable(request)
    if request.method == "POST":
        return _hold(request, plan, now)
    form = WishForm(request.GET, plan=plan, bounds=Bounds.of(plan, now))
    status = HTTPStatus.OK if form.is_valid() else HTTPStatus.UNPROCESSABLE_ENTITY
    wish = replace(form.wish(), came_from=code_in(request.GET))
    return _times_page(request, plan, wish, now, status=status, messages=_messages(form))


def _hold(request: HttpRequest, plan: Plan, now: datetime) -> HttpResponse:
    """Asks for the time before anything is shown; each way it can end has an answer of its own."""
    if refused := too_many_holds(request, now=now):
        return refused
    form = HoldForm(request.POST, plan=plan, now=now)
    is_valid = form.is_valid()
    wish = Wish(form.place, form.person, came_from=code_in(request.POST))
    if not is_valid:
        return _times_page(request, plan, wish, now, status=HTTPStatus.UNPROCESSABLE_ENTITY, messages=_messages(form))
    starts_at = form.cleaned_data["start"]
    who = holder.holder_of(request) or uuid.uuid4()
    try:
        appointment = diary.hold(
            visit_type=plan.slug,
            starts_at=starts_at,
            location=wish.location_pk,
            provider=wish.provider_pk,
            submission=form.submission(),
            holder=who,
            came_from=wish.came_from,
            now=now,
        )
    except diary.SlotTaken:
        return _taken_page(request, plan, wish, starts_at, now)
    except diary.NotOffered as refused:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return _times_page(request, plan, wish, now, status=status, messages=[str(refused)])
    except diary.NotBookable:
        return _not_bookable(request)
    except diary.DiaryBusy:
        response = render(request, "appointments/diary_busy.html", status=HTTPStatus.SERVICE_UNAVAILABLE)
        return _later(response, timedelta(seconds=SOON))
    diary.carry_typed(to=appointment, now=now)
    response = _to_details(appointment, now)
    holder.remember(response, who)
    return response


def _held(request: HttpRequest, now: datetime) -> HttpResponse:
    form = HeldForm(request.POST)
    chosen = form.cleaned_data if form.is_valid() else {}
    appointment = holder.held_one(request, chosen.get("on") or chosen.get("release") or 0, now=now)
    if appointment is None:
        # It ran out, or another browser holds it.
        return see_other("appointments:book")
    if chosen["on"]:
        return _to_details(appointment, now)
    diary.let_go(appointment=appointment.pk, now=now)
    return see_other("appointments:book_visit", appointment.visit_type.slug, query=chosen_again(appointment))


def _times_page(
    request: HttpRequest,
    plan: Plan,
    wish: Wish,
    now: datetime,
    *,
    status: int = HTTPStatus.OK,
    messages: list[str] | None = None,
) -> HttpResponse:
    context = {
        "choosing": Choosing.at(plan, wish, now=now),
        "messages_to_show": messages or [],
        **_about(request, plan, now),
    }
    htmx = request.htmx  # type: ignore[attr-defined] # django_htmx's middleware adds it
    template = "appointments/choosing.html" if htmx else "appointments/book_visit.html"
    return _private(render(request, template, context, status=status))


def _taken_page(request: HttpRequest, plan: Plan, wish: Wish, wanted: datetime, now: datetime) -> HttpResponse:
    nearest = nearest_times(plan, wanted, now=now, location=wish.location_pk, provider=wish.provider_pk)
    context = {"nearest": nearest, "wish": wish, **_about(request, plan, now)}
    return _private(render(request, "appointments/slot_taken.html", context, status=HTTPStatus.CONFLICT))


def _about(request: HttpRequest, plan: Plan, now: datetime) -> dict[str, Any]:
    return {
        "plan": plan,
        "visit": VisitType.objects.select_related("treatment").get(pk=plan.visit_type_pk),
        "opening": uuid.uuid4(),
        "held": holder.held_by(request, now=now),
    }


def _not_bookable(request: HttpRequest) -> HttpResponse:
    return _private(render(request, "appointments/not_bookable.html", status=HTTPStatus.GONE))


def _to_details(appointment: Appointment, now: datetime) -> HttpResponse:
    link = hold_link(appointment)
    return see_other(link.view, mail_links.mint(link, now=now))


def _later(response: HttpResponse, wait: timedelta) -> HttpResponse:
    response["Retry-After"] = str(int(wait.total_seconds()) + 1)
    return response


def _private(response: HttpResponse) -> HttpResponse:
    """It shows what this browser holds, and the free times of this moment."""
    response["Cache-Control"] = "no-store"
    return response


def _messages(form: WishForm | HoldForm) -> list[str]:
    """Each sentence once."""
    return list(dict.fromkeys(str(message) for messages in form.errors.values() for message in messages))


def _is_about(visit: VisitType, treatment: str, category: str) -> bool:
    about = visit.treatment
    if treatment:
        return about is not None and about.slug == treatment
    return not category or (about is not None and about.category.slug == category)


def _category(visit: VisitType) -> TreatmentCategory | None:
    """None for a consultation."""
    return visit.treatment.category if visit.treatment else None
