"""Another time for the same visit: choose it, check it; the old one is given up only with the new one in hand."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from appointments import links
from appointments.availability import Audience, Plan, load_plan
from appointments.choosing import Bounds, Choosing
from appointments.forms.choose import HoldForm, WishForm
from appointments.models import Appointment, BookingRules, StepRefused
from appointments.services import diary
from appointments.services.diary import NotOffered, SlotTaken, TooLate
from appointments.standing import Standing
from appointments.views.manage import lost_page, manage_page
from appointments.views.opened import opened_by, see_other, visit_context
from appointments.zones import zone_name
from clinic import mail_links

LONGEST_HORIZON: Final = 400  # days, as the database has it


@require_http_methods(["GET", "HEAD", "POST"])
@opened_by(links.managed, lost=lost_page)
def reschedule(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """The times; with `start` the page to check; a POST with `confirmed` moves."""
    rules = BookingRules.current()
    if not Standing(appointment, rules, now).may_change:
        return see_other("appointments:manage", token)
    yesterday = now.date() - timedelta(days=1)
    plan = load_plan(visit_type=appointment.visit_type_id, first=yesterday, days=LONGEST_HORIZON + 3)
    if not plan.is_published:
        raise NotOffered(_("This visit cannot be booked online any more. Please call us to move it."))
    sent = request.POST if request.method == "POST" else request.GET
    form = HoldForm(sent, plan=plan, now=now)
    if (request.method != "POST" and "start" not in sent) or not form.is_valid():
        return _times_page(request, token, appointment, plan, now, form if "start" in sent else None)
    if _is_as_it_stands(appointment, form):
        return see_other("appointments:manage", token)  # also what a double click comes to
    if "confirmed" in request.POST:
        return _move(request, token, appointment, form, now)
    if request.method == "POST":
        chosen = {name: sent.get(name, "") for name in ("start", "location", "provider")}
        return see_other("appointments:reschedule", token, query=urlencode(chosen))
    return _check_page(request, token, appointment, form, rules, now)


def _move(request: HttpRequest, token: str, appointment: Appointment, form: HoldForm, now: datetime) -> HttpResponse:
    starts_at = form.cleaned_data["start"]
    location = form.place.pk if form.place else None
    provider = form.person.pk if form.person else None
    try:
        moved = diary.move(
            appointment=appointment.pk,
            starts_at=starts_at,
            location=location,
            provider=provider,
            by=None,
            audience=Audience.PATIENTS,
            now=now,
        )
    except (SlotTaken, NotOffered) as lost:
        lost.wanted = starts_at  # type: ignore[union-attr] # around which the page looks for others
        raise
    except (StepRefused, TooLate) as refused:
        return manage_page(request, token, appointment, now, str(refused), HTTPStatus.CONFLICT)
    # A link of its own, which lasts as long as the new time asks for.
    return see_other("appointments:manage", mail_links.mint(links.manage_link(moved, now=now), now=now))


def _is_as_it_stands(appointment: Appointment, form: HoldForm) -> bool:
    location = form.place.pk if form.place else appointment.location_id
    provider = form.person.pk if form.person else appointment.provider_id
    stands = (appointment.starts_at, appointment.location_id, appointment.provider_id)
    return stands == (form.cleaned_data["start"], location, provider)


def _times_page(
    request: HttpRequest, token: str, appointment: Appointment, plan: Plan, now: datetime, refused: HoldForm | None
) -> HttpResponse:
    wish = WishForm(request.GET, plan=plan, bounds=Bounds.of(plan, now))
    wish.is_valid()
    form = refused or wish
    said = [str(message) for messages in form.errors.values() for message in messages]
    context = {
        **visit_context(appointment),
        "token": token,
        "plan": plan,
        "choosing": Choosing.at(plan, wish.wish(), now=now, ignoring=appointment.pk),
        "messages_to_show": list(dict.fromkeys(said)),
        "action": reverse("appointments:reschedule", args=[token]),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if said else HTTPStatus.OK
    return render(request, "appointments/reschedule.html", context, status=status)


def _check_page(
    request: HttpRequest, token: str, appointment: Appointment, form: HoldForm, rules: BookingRules, now: datetime
) -> HttpResponse:
    place = form.place
    zone = place.zone if place else appointment.location.zone
    starts_at = form.cleaned_data["start"].astimezone(UTC)
    context = {
        **visit_context(appointment),
        "rules": rules,
        "token": token,
        "new_starts": starts_at.astimezone(zone).replace(tzinfo=None),
        "new_change_until": (starts_at - rules.cutoff).astimezone(zone).replace(tzinfo=None),
        "new_is_changeable": starts_at - rules.cutoff > now,
        "new_zone": zone_name(zone),
        "new_place": place,
        "new_person": form.person,
        "chosen": {name: request.GET.get(name, "") for name in ("start", "location", "provider")},
    }
    return render(request, "appointments/reschedule_check.html", context)
