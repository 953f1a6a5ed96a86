"""Letters of which nobody knows whether they arrived: a person decides, once for each."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clinic.models import User
from newsletter.models import Campaign, CampaignStep, Delivery
from newsletter.services.campaigns import NotNow

State = Delivery.State
MOST_AT_ONCE = 5000


def arrived(deliveries: QuerySet[Delivery], *, by: User, now: datetime) -> int:
    """These uncertain letters have arrived, as the provider's log says; returns how many were still uncertain."""
    with transaction.atomic():
        chosen = _locked(deliveries, State.UNCERTAIN)
        return Delivery.objects.filter(pk__in=chosen).update(state=State.ACCEPTED, settled_by=by)


def send_again(deliveries: QuerySet[Delivery], *, by: User, now: datetime) -> int:
    """Sends uncertain or failed letters once more; returns how many. Who got the first has it twice then.

    A campaign that had ended is under way again. Raises NotNow when one of them was cancelled.
    """
    with transaction.atomic():
        chosen = _locked(deliveries, State.UNCERTAIN, State.FAILED)
        campaigns = list(
            Campaign.objects.filter(deliveries__in=chosen).distinct().order_by("pk").values_list("pk", flat=True)
        )
        for campaign in Campaign.objects.filter(pk__in=campaigns).order_by("pk").select_for_update():
            if campaign.state == Campaign.State.CANCELLED:
                raise NotNow(_("This campaign was cancelled: nothing of it is sent any more."))
            if campaign.state == Campaign.State.SENT:
                campaign.state, campaign.ended_at = Campaign.State.SENDING, None
                campaign.save(update_fields=["state", "ended_at", "changed_at"])
                campaign.record(CampaignStep.Kind.RESUMED, by=by, now=now)
        return Delivery.objects.filter(pk__in=chosen).update(
            state=State.QUEUED, next_attempt_at=now, settled_by=by, answer=""
        )


def _locked(deliveries: QuerySet[Delivery], *states: State) -> list[int]:
    """The keys of those in one of these states; of two people who settle the same, the second finds none."""
    still = deliveries.filter(state__in=states).order_by("pk").select_for_update(of=["self"])
    return list(still.values_list("pk", flat=True)[:MOST_AT_ONCE])
