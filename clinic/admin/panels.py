"""The floor's panels: what is still to be set up, and what of letters and pictures needs a person."""

from datetime import datetime

from django.db.models import Model
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from clinic.dashboard import Panel, Row, panel
from clinic.models import Image, Letter, Location, OpeningHours, Policy, Practice, Provider, Treatment

LENGTH = 5


@panel(order=5, permission="clinic.change_practice")
def to_set_up(now: datetime) -> Panel | None:
    """What an empty site still lacks, in a sensible order; nothing once all is there."""
    steps: list[tuple[str, type[Model], str]] = [
        (_("Say who you are: name, phone, address, time zone"), Practice, "clinic_practice_add"),
        (_("Add the first location"), Location, "clinic_location_add"),
        (_("Give a location its opening hours"), OpeningHours, "clinic_location_changelist"),
        (_("Add the people who treat patients"), Provider, "clinic_provider_add"),
        (_("Add the first treatment"), Treatment, "clinic_treatment_add"),
        (_("Write your privacy policy and the other policies"), Policy, "clinic_policy_add"),
    ]
    rows = [Row(text, reverse(f"admin:{name}")) for text, model, name in steps if not model._default_manager.exists()]
    return Panel(_("Still to be set up"), rows, total=len(rows)) if rows else None


@panel(order=40, permission="clinic.view_letter")
def failed_letters(now: datetime) -> Panel:
    failed = Letter.objects.failed()
    rows = [
        Row(
            letter.subject,
            reverse("admin:clinic_letter_change", args=[letter.pk]),
            _("%(age)s ago") % {"age": timesince(letter.created_at, now)},
            is_urgent=True,
        )
        for letter in failed[:LENGTH]
    ]
    url = reverse("admin:clinic_letter_changelist")
    return Panel(
        _("Letters that failed"),
        rows,
        total=failed.count(),
        url=f"{url}?state__exact=failed",
        empty=_("Every letter went out, or is waiting its turn."),
    )


@panel(order=50, permission="clinic.change_image")
def broken_pictures(now: datetime) -> Panel | None:
    broken = Image.objects.broken()
    rows = [
        Row(image.title, reverse("admin:clinic_image_change", args=[image.pk]), image.error, is_urgent=True)
        for image in broken[:LENGTH]
    ]
    return Panel(_("Pictures that need you"), rows, total=broken.count()) if rows else None
