"""What the page of one campaign's sending shows, in words for staff."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.models import User
from clinic.rate_limits import Limit
from newsletter.forms.schedule import RateForm, ScheduleForm
from newsletter.models import Campaign, Delivery, MailingRules
from newsletter.services import checklist
from newsletter.services.checklist import Check, Verdict
from newsletter.services.progress import progress

State = Campaign.State
# A worker starts what is due within seconds; when it has not, something is wrong with it.
STARTS_WITHIN = timedelta(minutes=2)
# Each look at the links occupies a thread of the site for up to 15 seconds.
LOOKS = Limit("newsletter.looks_outside", 6, timedelta(minutes=1))
COUNTED_QUICKLY = 100_000  # letters
# In the order of a letter's life; those that staff should look at have a place where they can do something.
SHOWN = (
    Delivery.State.ACCEPTED,
    Delivery.State.KEPT,
    Delivery.State.QUEUED,
    Delivery.State.SENDING,
    Delivery.State.RETRY,
    Delivery.State.FAILED,
    Delivery.State.UNCERTAIN,
    Delivery.State.SKIPPED,
)
TO_LOOK_AT = (Delivery.State.FAILED, Delivery.State.UNCERTAIN)


@dataclass(frozen=True)
class Line:
    """How many letters are in one state, and where they are listed."""

    state: str
    label: str
    count: int
    url: str
    is_urgent: bool


def context(
    campaign: Campaign,
    *,
    now: datetime,
    form: ScheduleForm | None,
    rate_form: RateForm | None,
    slow: list[Check] | None,
) -> dict[str, Any]:
    here, rules = zone(), MailingRules.current()
    shown: dict[str, Any] = {
        "campaign": campaign,
        "zone": here.key,
        "place": here.key.rpartition("/")[2].replace("_", " "),
        "rate_form": rate_form or RateForm(initial={"rate_per_minute": campaign.rate_per_minute}),
        "usual_rate": rules.rate_per_minute,
        "steps": campaign.steps.select_related("by"),
        "is_under_way": campaign.state in (State.SENDING, State.PAUSED),
        "has_started": campaign.started_at is not None,
    }
    if campaign.is_open:
        return shown | _before(campaign, now=now, here=here, form=form, slow=slow)
    return shown | progress_context(campaign, now=now)


def _before(
    campaign: Campaign, *, now: datetime, here: ZoneInfo, form: ScheduleForm | None, slow: list[Check] | None
) -> dict[str, Any]:
    quick = checklist.quick(campaign, now=now)
    is_due = campaign.scheduled_at is not None and campaign.scheduled_at <= now
    local = timezone.localtime(campaign.scheduled_at, here) if campaign.scheduled_at and not is_due else None
    opened = {"on": local.date(), "at": local.time()} if local else None
    obstacles = [check for check in quick if check.verdict == Verdict.STOP]
    return {
        "topics": list(campaign.topics.all()),
        "quick": quick,
        "obstacles": obstacles,
        "may_be_sent": not (obstacles or is_starting(campaign, now=now)),
        "slow": slow,
        "form": form or ScheduleForm(zone=here, now=now, initial=opened),
        "poll_seconds": (3 if is_due else 15) if campaign.state == State.SCHEDULED else None,
        **_standing(campaign, now=now),
    }


def looked_outside(campaign: Campaign, *, by: User, now: datetime) -> tuple[list[Check], int]:
    """What the network says of links and domain; or one line that asks to wait, and how many seconds.

    Call it outside of atomic().
    """
    wait = LOOKS.count(str(by.pk), now=now)
    if wait is None:
        return checklist.slow(campaign, now=now), 0
    words = _("You have had them looked at %(most)d times within a minute. Look again in %(seconds)d seconds.")
    seconds = int(wait.total_seconds()) + 1
    return [Check(_("Links and domain"), Verdict.UNKNOWN, words % {"most": LOOKS.most, "seconds": seconds})], seconds


def _standing(campaign: Campaign, *, now: datetime) -> dict[str, Any]:
    """Of one that waits for its time: whether that has come, and whether it should have begun long ago."""
    return {
        "is_starting": is_starting(campaign, now=now),
        "is_late": is_starting(campaign, now=now - STARTS_WITHIN),
    }


def is_starting(campaign: Campaign, *, now: datetime) -> bool:
    """Its time has come, and a worker takes it."""
    is_due = campaign.scheduled_at is not None and campaign.scheduled_at <= now
    return is_due and campaign.state == State.SCHEDULED


def progress_context(campaign: Campaign, *, now: datetime) -> dict[str, Any]:
    """For the part of the page that is asked for again and again."""
    if campaign.is_open:
        return {"campaign": campaign, "poll_seconds": 3, **_standing(campaign, now=now)}
    found = progress(campaign, now=now)
    return {
        "campaign": campaign,
        "progress": found,
        "lines": [*_lines(campaign, found.counts)],
        "poll_seconds": _pause_between_looks(campaign),
    }


def _lines(campaign: Campaign, counts: dict[str, int]) -> Iterator[Line]:
    """What waited when the campaign was cancelled is never sent, so it no longer waits."""
    never = sum(counts.get(state, 0) for state in Delivery.WAITING) if campaign.state == State.CANCELLED else 0
    for state in SHOWN:
        if not counts.get(state) or (never and state in Delivery.WAITING):
            continue
        yield Line(
            state=state.value,
            label=str(state.label),
            count=counts[state],
            url=reverse("admin:newsletter_delivery_uncertain") + f"?campaign={campaign.pk}"
            if state == Delivery.State.UNCERTAIN
            else listed(campaign, state),
            is_urgent=state in TO_LOOK_AT,
        )
    if never:
        url = listed(campaign, *Delivery.WAITING)
        yield Line(state="cancelled", label=_("not sent: cancelled"), count=never, url=url, is_urgent=False)


def _pause_between_looks(campaign: Campaign) -> int | None:
    """In seconds; None once nothing changes any more. To count a million letters takes the database half a second."""
    if campaign.state == State.SENDING:
        return 3 if (campaign.recipients or 0) <= COUNTED_QUICKLY else 15
    return 15 if campaign.state == State.PAUSED else None


def listed(campaign: Campaign, *states: str) -> str:
    """The address of the list of its letters in this state, or in one of these."""
    in_them = {"state__exact": states[0]} if len(states) == 1 else {"state__in": ",".join(states)}
    wanted = urlencode({"campaign": campaign.pk, **in_them})
    return f"{reverse('admin:newsletter_delivery_changelist')}?{wanted}"


def audience(campaign: Campaign) -> int:
    """How many people it reaches now."""
    return campaign.audience().count()


def zone() -> ZoneInfo:
    """The practice's: every page of the desk is made on its clock."""
    return timezone.get_current_timezone()
