"""What of the mailings waits for a person."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from clinic.dashboard import Panel, Row, panel
from newsletter.models import Campaign, Delivery

LENGTH = 5


@panel(order=15, permission="newsletter.settle_delivery")
def mailings_that_need_you(now: datetime) -> Panel:
    """Letters that are uncertain, mailings that stand still, and those that could not start."""
    uncertain, stopped = _uncertain(), _stopped()
    rows = [
        *uncertain,
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
        total=len(uncertain) + stopped.count() if rows else 0,
        empty=gettext_lazy("Every mailing goes its way."),
    )


def _uncertain() -> list[Row]:
    count = Delivery.objects.uncertain().count()
    if not count:
        return []
    words = ngettext("%(count)d letter is uncertain", "%(count)d letters are uncertain", count) % {"count": count}
    remark = _("Did they arrive? Only a person can say.")
    return [Row(words, reverse("admin:newsletter_delivery_uncertain"), remark, is_urgent=True)]


def _stopped() -> QuerySet[Campaign]:
    """Paused, or back among the drafts because it could not start."""
    could_not_start = Q(state=Campaign.State.DRAFT) & ~Q(pause_reason="")
    stopped = Campaign.objects.filter(Q(state=Campaign.State.PAUSED) | could_not_start)
    return stopped.order_by("-changed_at").only("subject", "state", "pause_reason")
