"""What became of each mailing, and how the list grew and shrank."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.cache import cache
from django.db.models import Count, DateTimeField, Exists, Func, IntegerField, OuterRef, Q, QuerySet, Value

from clinic import came_from
from newsletter.models import Campaign, Consent, Delivery, Subscriber

JOINING = (Consent.Kind.CONFIRMED, Consent.Kind.IMPORTED)
OFF = (Subscriber.State.BOUNCED, Subscriber.State.COMPLAINED)
State = Delivery.State
ENDED = (Campaign.State.SENT, Campaign.State.CANCELLED)
LATELY = 60  # seconds


@dataclass(frozen=True)
class Figures:
    """Of one campaign, in letters; `left` are people, `requests` and `bookings` what came by its links."""

    recipients: int = 0
    waiting: int = 0
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    skipped: int = 0
    kept: int = 0
    delivered: int = 0
    bounced: int = 0
    complained: int = 0
    left: int = 0
    requests: int = 0
    bookings: int = 0


COUNTED = {
    "recipients": Q(),
    "waiting": Q(state__in=[*Delivery.WAITING, State.SENDING]),
    "sent": Q(state=State.ACCEPTED),
    "failed": Q(state=State.FAILED),
    "uncertain": Q(state=State.UNCERTAIN),
    "skipped": Q(state=State.SKIPPED),
    "kept": Q(state=State.KEPT),
    "delivered": Q(delivered_at__isnull=False),
    # What the server refused has failed; only what it took can come back.
    "bounced": Q(state=State.ACCEPTED, bounced_at__isnull=False),
    "complained": Q(complained_at__isnull=False),
    "left": Q(left_at__isnull=False),
}


def latest(number: int) -> list[Campaign]:
    """The campaigns that were started last, the newest first."""
    started = Campaign.objects.filter(started_at__isnull=False).order_by("-started_at", "-pk")
    return list(started.defer("content", "introduction")[:number])


def figures(campaigns: Sequence[Campaign]) -> dict[int, Figures]:
    """By the campaigns' keys. One statement over their deliveries, and one for each kind of thing that came of them."""
    counts = {name: Count("pk", filter=wanted) for name, wanted in COUNTED.items()}
    found = Delivery.objects.filter(campaign__in=campaigns).order_by().values("campaign").annotate(**counts)
    lines = found.values_list("campaign", *COUNTED)
    letters = {campaign: dict(zip(COUNTED, numbers, strict=True)) for campaign, *numbers in lines}
    came = came_from.totals([campaign.code for campaign in campaigns])
    return {
        campaign.pk: Figures(
            **letters.get(campaign.pk, {}), requests=came[campaign.code].requests, bookings=came[campaign.code].bookings
        )
        for campaign in campaigns
    }


def figures_lately(campaigns: Sequence[Campaign]) -> dict[int, Figures]:
    """As `figures`, for a page that is opened all day; of campaigns that have ended, as they were a minute ago at most.

    What still changes of those is few: somebody settles a letter or leaves. To count a million letters takes a second.
    """
    ended = [campaign for campaign in campaigns if campaign.state in ENDED]
    key = "newsletter.figures." + "-".join(str(campaign.pk) for campaign in ended)
    found: dict[int, Figures] | None = cache.get(key)
    if found is None:
        found = figures(ended)
        cache.set(key, found, LATELY)
    return found | figures([campaign for campaign in campaigns if campaign not in ended])


@dataclass(frozen=True)
class Month:
    """What one month did to the list. `first` is its first day, on the practice's clock."""

    first: date
    joined: int = 0
    left: int = 0
    bounced: int = 0
    complained: int = 0

    @property
    def lost(self) -> int:
        return self.left + self.bounced + self.complained

    @property
    def change(self) -> int:
        return self.joined - self.lost


def growth(*, now: datetime, zone: ZoneInfo, months: int = 12) -> list[Month]:
    """The last `months` months, the oldest first; the last one goes until `now`. Months begin at midnight in `zone`.

    Who joins, leaves and joins again counts each time. Nobody is a loss who was never on the list, and nobody twice:
    an address that dies after its owner has left. One statement, by indexes of its own, however long the list is.
    """
    firsts = _firsts(now.astimezone(zone).date(), months)
    starts = [datetime.combine(first, time(), zone) for first in firsts]
    joined = Consent.objects.filter(kind__in=JOINING, at__gte=starts[0], at__lte=now)
    joined_before = _joinings("subscriber").filter(at__lte=OuterRef("at"))
    left = Consent.objects.filter(Exists(joined_before), kind=Consent.Kind.LEFT, at__gte=starts[0], at__lte=now)
    left_before = Consent.objects.filter(subscriber=OuterRef("pk"), kind=Consent.Kind.LEFT, at__gte=OuterRef("left_at"))
    off = Subscriber.objects.filter(
        Exists(_joinings("pk")), ~Exists(left_before), left_at__gte=starts[0], left_at__lte=now
    )
    counts: list[dict[str, int]] = [{} for _first in firsts]
    lines = _by_month("joined", joined, "at", starts).union(
        _by_month("left", left, "at", starts),
        *(_by_month(state.value, off.filter(state=state), "left_at", starts) for state in OFF),
        all=True,
    )
    for what, month, number in lines:
        counts[month - 1][what] = number
    return [Month(first, **count) for first, count in zip(firsts, counts, strict=True)]


def _joinings(person: str) -> QuerySet[Consent]:
    return Consent.objects.filter(subscriber=OuterRef(person), kind__in=JOINING)


def _firsts(today: date, months: int) -> list[date]:
    """The first days of the month of `today` and of those before it, the oldest first."""
    last = today.year * 12 + today.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(last - months + 1, last + 1)]


def _by_month(what: str, lines: QuerySet[Any], at: str, starts: list[datetime]) -> QuerySet[Any, tuple[str, int, int]]:
    """`what`, a month, and how many lines are in it. The months are numbered from 1 in the order of `starts`."""
    bounds = Value(starts, output_field=ArrayField(DateTimeField()))
    month = Func(at, bounds, function="width_bucket", output_field=IntegerField())
    found = lines.order_by().annotate(month=month).values("month").annotate(number=Count("*"), what=Value(what))
    return found.values_list("what", "month", "number")
