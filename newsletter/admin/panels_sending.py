"""What of the mailings waits for a person."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from clinic.dashboard import Panel, Row, panel
from newsletter.models import Campaign, Delivery, Pace

LENGTH = 5


@panel(order=14, permission="newsletter.settle_delivery")
def letters_that_are_uncertain(now: datetime) -> Panel | None:
    count = Delivery.objects.uncertain().count()
    if not count:
        return None
    words = ngettext("%(count)d letter is uncertain", "%(count)d letters are uncertain", count) % {"count": count}
    remark = _("Did they arrive? Only a person can say.")
    row = Row(words, reverse("admin:newsletter_delivery_uncertain"), remark, is_urgent=True)
    return Panel(gettext_lazy("Letters to settle"), [row], total=count)


@panel(order=15, permission="newsletter.send_campaign")
def mailings_that_need_you(now: datetime) -> Panel:
    """Mailings that stand still or wait for the server, and those that could not start."""
    resting, stopped = _resting(now), _stopped()
    rows = [
        *(
            Row(
                _("Waiting to go on: %(subject)s") % {"subject": pace.campaign.subject},
                reverse("admin:newsletter_campaign_sending", args=[pace.campaign_id]),
                _("At %(at)s it tries again. The reason: %(trouble)s")
                % {"at": date_format(timezone.localtime(pace.rests_until), "P"), "trouble": pace.trouble},
                is_urgent=True,
            )
            for pace in resting[:LENGTH]
        ),
        *(
            Row(
                _("Paused: %(subject)s") % {"subject": campaign.subject}
                if campaign.state == Campaign.State.PAUSED
                else _("Could not start: %(subject)s") % {"subject": campaign.subject},
                reverse("admin:newsletter_campaign_sending", args=[campaign.pk]),
                campaign.pause_reason,
                is_urgent=bool(campaign.pause_reason),
            )
            for campaign in stopped[:LENGTH]
        ),
    ]
    return Panel(
        gettext_lazy("Mailings that need you"),
        rows,
        total=resting.count() + stopped.count() if rows else 0,
        empty=gettext_lazy("Every mailing goes its way."),
    )


def _resting(now: datetime) -> QuerySet[Pace]:
    """Of the mailings that are being sent, those that rest; they go on by themselves."""
    found = Pace.objects.filter(campaign__state=Campaign.State.SENDING, rests_until__gt=now)
    return found.select_related("campaign").only("rests_until", "trouble", "campaign__subject").order_by("pk")


def _stopped() -> QuerySet[Campaign]:
    """Paused, or back among the drafts because it could not start."""
    could_not_start = Q(state=Campaign.State.DRAFT) & ~Q(pause_reason="")
    stopped = Campaign.objects.filter(Q(state=Campaign.State.PAUSED) | could_not_start)
    return stopped.order_by("-changed_at").only("subject", "state", "pause_reason")
