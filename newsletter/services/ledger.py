"""The ledger of a mailing: who is next, what became of the last, and whose sending never ended.

`claim` writes down how the last letter ended and takes the next one in a single statement, so a letter costs one
commit. It is committed before the network is touched. A worker that dies leaves its one letter as "being sent";
when its lease is over nobody knows whether it arrived, and it is never sent again by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakSet

from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet

from newsletter.models import Campaign, CampaignStep, Delivery

# Longer than all answers of a mail server can take under EMAIL_TIMEOUT together, 380 seconds: three before the line
# breaks, nine until a new one is open and we are in, three more, the text, and the answer to it.
LEASE = timedelta(minutes=7)
# A full bucket: what may go at once after a pause of the worker.
BURST = timedelta(seconds=2)
MOST_CUT_OFF = 1000
BEGINNINGS = (CampaignStep.Kind.STARTED, CampaignStep.Kind.RESUMED)
WENT_WRONG = (Delivery.State.FAILED, Delivery.State.UNCERTAIN)

# Planning it takes longer than doing it, so each session of the database plans it once in a while and not each time.
PREPARE = """
PREPARE newsletter_claim (
    bigint, int, text, text, text, timestamptz, int, bigint, boolean, timestamptz, timestamptz, timestamptz
) AS
WITH recorded AS (
    UPDATE newsletter_delivery SET
        state = $3, answer = $4, provider_id = $5, next_attempt_at = $6, attempts = attempts - $7, lease_until = NULL
    WHERE id = $1 AND attempts = $2 AND attempted_at = $12
        AND (state = 'sending' OR state = 'uncertain' AND $3 NOT IN ('queued', 'retry'))
), due AS (
    SELECT delivery.id, delivery.subscriber_id
    FROM newsletter_delivery delivery JOIN newsletter_campaign campaign ON campaign.id = delivery.campaign_id
    WHERE delivery.campaign_id = $8 AND campaign.state = 'sending' AND $9
        AND delivery.state IN ('queued', 'retry') AND delivery.next_attempt_at <= $10
    ORDER BY delivery.next_attempt_at, delivery.id LIMIT 1 FOR UPDATE OF delivery SKIP LOCKED
), person AS MATERIALIZED (
    SELECT due.id, subscriber.id AS subscriber_id, subscriber.email, subscriber.name,
        subscriber.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM newsletter_suppression line
            WHERE line.email = lower(subscriber.email) AND (line.reason IN ('bounced', 'complained')
                OR line.reason = 'unsubscribed' AND NOT EXISTS (
                    SELECT FROM newsletter_suppression later
                    WHERE later.email = line.email AND later.reason = 'lifted' AND later.id > line.id))
        ) AS is_mailable
    FROM due JOIN newsletter_subscriber subscriber ON subscriber.id = due.subscriber_id
)
UPDATE newsletter_delivery SET
    state = CASE WHEN person.is_mailable THEN 'sending' ELSE 'skipped' END,
    attempts = attempts + person.is_mailable::int,
    lease_until = CASE WHEN person.is_mailable THEN $11 END,
    attempted_at = CASE WHEN person.is_mailable THEN $10 ELSE attempted_at END,
    next_attempt_at = NULL
FROM person WHERE newsletter_delivery.id = person.id
RETURNING person.id, attempts, person.subscriber_id, person.email, person.name, person.is_mailable, token_hash
"""
CLAIM = """
EXECUTE newsletter_claim (
    %(last)s, %(attempt)s, %(state)s, %(answer)s, %(provider_id)s, %(next_attempt_at)s, %(put_back)s, %(campaign)s,
    %(goes_on)s, %(now)s, %(lease_until)s, %(claimed_at)s)
"""
_prepared: WeakSet[Any] = WeakSet()

TAKE_TOKENS = """
WITH filled AS (
    SELECT campaign_id, LEAST(
        GREATEST(1, %(rate)s * %(burst)s),
        tokens + %(rate)s * GREATEST(0, EXTRACT(EPOCH FROM %(now)s - filled_at))
    ) AS level
    FROM newsletter_pace WHERE campaign_id = %(campaign)s FOR UPDATE
)
UPDATE newsletter_pace SET
    tokens = level - LEAST(floor(level), %(wanted)s), filled_at = GREATEST(filled_at, %(now)s)
FROM filled WHERE newsletter_pace.campaign_id = filled.campaign_id
RETURNING LEAST(floor(level), %(wanted)s)::int
"""


@dataclass(frozen=True)
class Claim:
    """One letter that this worker alone may send now."""

    delivery: int
    # After a letter that was put back the next one has the same number; the time tells them apart.
    attempt: int
    at: datetime
    subscriber: int
    email: str
    name: str
    token_hash: bytes


@dataclass(frozen=True)
class PassedOver:
    """Whose turn it was is off the list or suppressed by now, and the ledger says so. Another may be due."""


@dataclass(frozen=True)
class Outcome:
    """How sending a claimed letter ended, as the delivery will say it."""

    claim: Claim
    state: Delivery.State
    answer: str = ""
    provider_id: str = ""
    next_attempt_at: datetime | None = None
    # Nothing of it was handed over: the attempt does not count.
    is_put_back: bool = False


def claim(campaign: int, *, last: Outcome | None, now: datetime, goes_on: bool = True) -> Claim | PassedOver | None:
    """Records `last` and takes the letter that has waited longest, both in one transaction of its own.

    One person at most is passed over, so that the caller may stop in a crowd of them. None: nothing is due, the
    campaign is not being sent, or the caller does not want to go on. An outcome that a person has settled meanwhile
    is not recorded; nor is, after the lease, one by which the letter would wait: the campaign may have ended.
    """
    said: dict[str, Any] = {
        "last": last and last.claim.delivery,
        "attempt": last and last.claim.attempt,
        "state": last and last.state,
        "answer": last and last.answer[:2000],
        "provider_id": last and last.provider_id[:200],
        "next_attempt_at": last and last.next_attempt_at,
        "put_back": int(last.is_put_back) if last else 0,
        "campaign": campaign,
        "goes_on": goes_on,
        "now": now,
        "lease_until": now + LEASE,
        "claimed_at": last and last.claim.at,
    }
    plan_claims()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, said)
        row = cursor.fetchone()
    if row is None:
        return None
    delivery, attempt, subscriber, email, name, is_mailable, token_hash = row
    if not is_mailable:
        return PassedOver()
    return Claim(delivery, attempt, now, subscriber, email, name, bytes(token_hash or b""))


def is_lost(claim: Claim) -> bool:
    """Whether the database has forgotten a claim that it had committed: a standby that was behind is in its place.

    Nobody who settles or cancels a letter changes when it was tried. One that is gone was deleted with its reader.
    """
    before = Q(attempted_at__isnull=True) | Q(attempted_at__lt=claim.at)
    return Delivery.objects.filter(before, pk=claim.delivery).exists()


def is_any_due(campaign: Campaign, *, now: datetime) -> bool:
    """Whether a letter of it may be claimed; costs nothing beside what a claim does."""
    return campaign.deliveries.waiting().filter(next_attempt_at__lte=now).exists()


def plan_claims(*, anew: bool = False) -> None:
    """Plans the claim for this session of the database, if it has not; `anew` after tables may have grown a lot."""
    connection.ensure_connection()
    session = connection.connection
    if session in _prepared and not anew:
        return
    with connection.cursor() as cursor:
        if session in _prepared:
            cursor.execute("DEALLOCATE newsletter_claim")
        cursor.execute(PREPARE)
    _prepared.add(session)


def take_tokens(campaign: int, *, wanted: int, per_minute: int, now: datetime) -> int:
    """How many letters of the campaign this worker may send now: at most `wanted`, over all workers the rate."""
    said: dict[str, Any] = {"campaign": campaign, "wanted": wanted, "now": now}
    said |= {"rate": per_minute / 60, "burst": BURST.total_seconds()}
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TOKENS, said)
        return cursor.fetchone()[0]


def mark_cut_off(*, now: datetime) -> int:
    """Letters whose lease is over become uncertain; returns how many."""
    with transaction.atomic():
        # One whose result is being written down at this moment is passed over.
        cut_off = Delivery.objects.cut_off(now).select_for_update(skip_locked=True).values("pk")[:MOST_CUT_OFF]
        return Delivery.objects.filter(pk__in=cut_off).update(state=Delivery.State.UNCERTAIN, lease_until=None)


def began_at(campaign: Campaign) -> datetime | None:
    """When it was started or last resumed; None before that."""
    return campaign.steps.filter(kind__in=BEGINNINGS).order_by("-at").values_list("at", flat=True).first()


def tally(campaign: Campaign, *, since: datetime | None = None) -> dict[str, int]:
    """How many letters are in which state, without states that none is in; `since`: of those tried at or after it."""
    return dict(_tried(campaign, since).values_list("state").annotate(count=Count("pk")))


def came_back(campaign: Campaign, *, since: datetime | None = None) -> int:
    """How many letters that had gone well came back, whenever that was told; `since` as in `tally`."""
    return _tried(campaign, since).filter(bounced_at__isnull=False).exclude(state__in=WENT_WRONG).count()


def _tried(campaign: Campaign, since: datetime | None) -> QuerySet[Delivery]:
    deliveries = campaign.deliveries.order_by()
    return deliveries if since is None else deliveries.filter(attempted_at__gte=since)
