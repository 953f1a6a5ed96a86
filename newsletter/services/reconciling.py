"""Letters of which nobody knows whether they arrived: a person decides, once for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clinic.models import User
from newsletter.models import Campaign, CampaignStep, Delivery, Subscriber
from newsletter.services.campaigns import NotNow

State = Delivery.State
MOST_AT_ONCE = 5000


@dataclass(frozen=True)
class Repetition:
    """How many letters go out again, and how many do not, because nothing may be sent to these people any more."""

    sent: int
    left_out: int


def arrived(deliveries: QuerySet[Delivery], *, by: User) -> int:
    """These uncertain letters have arrived, as the provider's log says; returns how many were still uncertain."""
    with transaction.atomic():
        return sum(
            Delivery.objects.filter(pk__in=keys).update(state=State.ACCEPTED, settled_by=by)
            for keys in _locked(deliveries, State.UNCERTAIN)
        )


def send_again(deliveries: QuerySet[Delivery], *, by: User, now: datetime) -> Repetition:
    """Sends uncertain or failed letters once more, each with all its tries. Who got the first has it twice then.

    Of those who are off the list or suppressed, a failed letter stays as it is, with the server's words, and an
    uncertain one is settled as not sent. A campaign that had ended is under way again. Raises NotNow when one of them
    was cancelled.
    """
    with transaction.atomic():
        done = [_send_again(keys, by, now) for keys in _locked(deliveries, State.UNCERTAIN, State.FAILED)]
    return Repetition(sum(some.sent for some in done), sum(some.left_out for some in done))


def _send_again(keys: list[int], by: User, now: datetime) -> Repetition:
    wanted = Delivery.objects.filter(pk__in=keys)
    chosen = list(wanted.filter(subscriber__in=Subscriber.objects.mailable()).values_list("pk", flat=True))
    others = wanted.exclude(pk__in=chosen)
    left_out = others.count()
    others.filter(state=State.UNCERTAIN).update(state=State.SKIPPED, settled_by=by)
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
    sent = Delivery.objects.filter(pk__in=chosen).update(
        state=State.QUEUED, attempts=0, next_attempt_at=now, settled_by=by, answer=""
    )
    return Repetition(sent, left_out)


def _locked(deliveries: QuerySet[Delivery], *states: State) -> Iterator[list[int]]:
    """The keys of those in one of these states, some thousand after another.

    Of two people who settle the same, the second finds none.
    """
    still = deliveries.filter(state__in=states).order_by("pk").select_for_update(of=["self"])
    last = 0
    while keys := list(still.filter(pk__gt=last).values_list("pk", flat=True)[:MOST_AT_ONCE]):
        yield keys
        last = keys[-1]
