from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from appointments.models import Resource, VisitType
from clinic.dashboard import Panel, Row, panel
from clinic.models import Provider


@panel(order=6, permission="appointments.change_visittype")
def diary_to_set_up(now: datetime) -> Panel | None:
    """What the diary still lacks before anybody can book, in order; nothing once all is there."""
    # Before it comes the floor's own list of first steps; after it a practice without rooms lacks nothing.
    if VisitType.objects.exists() or not Provider.objects.exists():
        return None
    people = reverse("admin:appointments_resource_changelist")
    steps = [
        (_("Say who can be booked, and when"), people, Resource.objects.filter(kind=Resource.Kind.PROVIDER)),
        (_("Add the rooms that visits take place in"), people, Resource.objects.filter(kind=Resource.Kind.ROOM)),
        (_("Add what can be booked"), reverse("admin:appointments_visittype_add"), VisitType.objects.all()),
    ]
    rows = [Row(text, url) for text, url, wanted in steps if not wanted.exists()]
    return Panel(_("The diary, to be set up"), rows, total=len(rows))
