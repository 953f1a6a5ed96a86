"""What staff do with a campaign, and how it starts: everything but the sending itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clinic import addresses
from clinic.models import Practice, User
from newsletter.emails.content import content_of
from newsletter.models import Campaign, CampaignStep, MailingRules, Pace
from newsletter.services import checklist
from newsletter.services.checklist import Verdict
from newsletter.services.freezing import freeze

State, Kind = Campaign.State, CampaignStep.Kind
# A server that was away so long, or a database brought back from a copy: a person looks before it goes out.
TOO_LATE = timedelta(hours=6)

log = logging.getLogger("clinic.mailings")


class NotNow(Exception):
    """The campaign is not in a state for that; the message is for staff."""


def obstacles(campaign: Campaign, *, now: datetime) -> list[str]:
    """What forbids it to start, a sentence each."""
    return [str(check.words) for check in checklist.quick(campaign, now=now) if check.verdict == Verdict.STOP]


def schedule(campaign: Campaign, *, at: datetime, by: User, now: datetime, seen: str | None = None) -> None:
    """It starts by itself at `at`, within seconds; `seen` is the version that `by` has looked at.

    Raises NotNow: in the past, started already, changed since, or an obstacle.
    """
    if at < now:
        raise NotNow(_("That time is past. Choose a later one."))
    _put_on_the_schedule(campaign, Kind.SCHEDULED, at=at, by=by, now=now, seen=seen)


def start(campaign: Campaign, *, by: User, now: datetime, seen: str | None = None) -> None:
    """The worker starts it within seconds: for a long list that takes longer than a page may. Raises NotNow."""
    _put_on_the_schedule(campaign, Kind.RELEASED, at=now, by=by, now=now, seen=seen)


def unschedule(campaign: Campaign, *, by: User, now: datetime) -> None:
    """Back to a draft. Raises NotNow when it has started."""
    with locked(campaign, State.SCHEDULED) as found:
        _back_to_draft(found, by=by, now=now)


def begin_due(*, now: datetime) -> None:
    """Starts what is due: freezes words and recipients. What cannot start goes back to its writers, with the reason."""
    for campaign in Campaign.objects.due(now)[:20]:
        try:
            _begin(campaign, now=now)
        except NotNow:
            # Another worker was faster or is at it, or somebody took it off at this moment.
            continue
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:
            # What is wrong with one campaign must not hold up the others.
            log.exception("Campaign %s cannot start.", campaign.pk)
            # Only the log has the rest: behind its first line the database quotes the row.
            said = addresses.left_out(f"{type(error).__name__}: {error}".partition("\n")[0])
            words = _("It cannot start: %(words)s") % {"words": said}
            with suppress(NotNow), locked_if_free(campaign, State.SCHEDULED) as found:
                _back_to_draft(found, by=None, now=now, words=words)


def pause(campaign: Campaign, *, by: User | None, now: datetime, words: str = "") -> None:
    """Nothing more is claimed; letters in flight end. Nobody as `by`: the site itself, which says why."""
    with locked(campaign, State.SENDING) as found:
        _paused(found, by=by, now=now, words=words)


def resume(campaign: Campaign, *, by: User, now: datetime) -> None:
    with locked(campaign, State.PAUSED) as found:
        found.state, found.pause_reason = State.SENDING, ""
        found.save(update_fields=["state", "pause_reason", "changed_at"])
        Pace.objects.filter(campaign=found).update(rests=0, rests_until=None, trouble="")
        found.record(Kind.RESUMED, by=by, now=now)


def stop_all(*, words: str, now: datetime) -> None:
    """Pauses what is being sent and takes off the schedule what waits on it, for a person to look."""
    for campaign in Campaign.objects.filter(state__in=[State.SENDING, State.SCHEDULED]).order_by("pk"):
        with suppress(NotNow), locked(campaign, State.SENDING, State.SCHEDULED) as found:
            if found.state == State.SENDING:
                _paused(found, by=None, now=now, words=words)
            else:
                _back_to_draft(found, by=None, now=now, words=words)


def cancel(campaign: Campaign, *, by: User, now: datetime) -> None:
    """For good: what waits is never sent. What was sent stays in the ledger."""
    with locked(campaign, State.SCHEDULED, State.SENDING, State.PAUSED) as found:
        found.state, found.ended_at, found.pause_reason = State.CANCELLED, now, ""
        found.save(update_fields=["state", "ended_at", "pause_reason", "changed_at"])
        found.record(Kind.CANCELLED, by=by, now=now)


def set_rate(campaign: Campaign, *, per_minute: int | None) -> None:
    """How many letters a minute go out, also of one that is under way; None: as the rules of the mailings say.

    Raises NotNow when it has ended.
    """
    with locked(campaign, *Campaign.OPEN, State.SENDING, State.PAUSED) as found:
        # While it is open the rules may still change; one that was started has a rate of its own.
        found.rate_per_minute = per_minute if per_minute or found.is_open else MailingRules.current().rate_per_minute
        found.save(update_fields=["rate_per_minute"])


def take_off_the_site(campaign: Campaign) -> None:
    """From the archive, its feed and the sitemap; what people got stays with them. Raises NotNow before the start."""
    _set_public(campaign, is_public=False)


def show_on_the_site(campaign: Campaign) -> None:
    """In the archive again. Raises NotNow before the start."""
    _set_public(campaign, is_public=True)


def end_finished(*, now: datetime) -> None:
    """Campaigns of which nothing waits and nothing is in flight have been sent; uncertain ones may be left."""
    for campaign in Campaign.objects.being_sent().with_nothing_left().only("pk"):
        with suppress(NotNow), locked_if_free(campaign, State.SENDING) as found:
            # Asked again under the lock: somebody may have decided to send an uncertain one again.
            if Campaign.objects.with_nothing_left().filter(pk=found.pk).exists():
                found.state, found.ended_at = State.SENT, now
                found.save(update_fields=["state", "ended_at", "changed_at"])
                found.record(Kind.FINISHED, now=now)


@contextmanager
def locked(campaign: Campaign, *states: Campaign.State) -> Iterator[Campaign]:
    """The campaign's own row, locked, in one of these states, until the block ends. Raises NotNow in any other."""
    with transaction.atomic():
        found = _lockable(campaign).select_for_update(no_key=True).first()
        if found is None:
            raise NotNow(_("This campaign has been deleted."))
        yield _in_one_of(states, found)


@contextmanager
def locked_if_free(campaign: Campaign, *states: Campaign.State) -> Iterator[Campaign]:
    """As `locked`, for the worker: raises NotNow as well while somebody else holds it.

    One that is being started is held for as long as its list is long, and appointments' letters wait for no mailing.
    """
    with transaction.atomic():
        found = _lockable(campaign).select_for_update(no_key=True, skip_locked=True).first()
        if found is None:
            raise NotNow(_("Somebody else is at it."))
        yield _in_one_of(states, found)


def _lockable(campaign: Campaign) -> QuerySet[Campaign]:
    # Its frozen words are long, and no step reads them.
    return Campaign.objects.filter(pk=campaign.pk).defer("content")


def _put_on_the_schedule(
    campaign: Campaign, kind: CampaignStep.Kind, *, at: datetime, by: User, now: datetime, seen: str | None
) -> None:
    with locked(campaign, *Campaign.OPEN) as found:
        if seen is not None and seen != found.version:
            raise NotNow(_("A colleague has changed it since you looked: look again."))
        found.scheduled_at = at
        if in_the_way := obstacles(found, now=now):
            raise NotNow(" ".join(in_the_way))
        found.state, found.pause_reason = State.SCHEDULED, ""
        found.save(update_fields=["state", "scheduled_at", "pause_reason", "changed_at"])
        found.record(kind, by=by, now=now)


def _in_one_of(states: tuple[Campaign.State, ...], found: Campaign) -> Campaign:
    if found.state not in states:
        raise NotNow(_("The campaign is %(state)s; that cannot be done now.") % {"state": found.get_state_display()})
    return found


def _set_public(campaign: Campaign, *, is_public: bool) -> None:
    # This column alone: the sending may write others at the same time.
    started = Campaign.objects.filter(pk=campaign.pk, started_at__isnull=False)
    if not started.update(is_public=is_public):
        raise NotNow(_("It has not started, so nothing of it is on the site. Its own page says whether it will be."))


def _paused(found: Campaign, *, by: User | None, now: datetime, words: str) -> None:
    found.state, found.pause_reason = State.PAUSED, words
    found.save(update_fields=["state", "pause_reason", "changed_at"])
    found.record(Kind.PAUSED, by=by, now=now, words=words)


def _back_to_draft(found: Campaign, *, by: User | None, now: datetime, words: str = "") -> None:
    found.state, found.scheduled_at, found.pause_reason = State.DRAFT, None, words
    found.save(update_fields=["state", "scheduled_at", "pause_reason", "changed_at"])
    found.record(Kind.UNSCHEDULED, by=by, now=now, words=words)


def _begin(campaign: Campaign, *, now: datetime) -> None:
    with locked_if_free(campaign, State.SCHEDULED) as found:
        if found.scheduled_at is None or found.scheduled_at > now:
            return
        if words := _why_not(found, now=now):
            _back_to_draft(found, by=None, now=now, words=words)
            return
        practice = Practice.objects.get()
        found.content = content_of(found, now=now)
        found.recipients = freeze(found, practice=practice, now=now)
        found.rate_per_minute = found.rate_per_minute or MailingRules.current().rate_per_minute
        found.state, found.started_at = State.SENDING, now
        Pace.objects.create(campaign=found, filled_at=now)
        found.record(Kind.STARTED, now=now)
        # Last: from here on whoever edits what the site shows waits until this is committed.
        found.save()


def _why_not(found: Campaign, *, now: datetime) -> str:
    if found.scheduled_at is not None and now - found.scheduled_at > TOO_LATE:
        hours = int((now - found.scheduled_at) / timedelta(hours=1))
        return ngettext(
            "It was to start %(hours)d hour ago, and the site was away. Look whether it still fits, and send it then.",
            "It was to start %(hours)d hours ago, and the site was away. Look whether it still fits, and send it then.",
            hours,
        ) % {"hours": hours}
    return " ".join(obstacles(found, now=now))
