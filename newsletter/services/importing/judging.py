"""What becomes of each row: the same answer when a file is checked and when it is brought in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.models import Subscriber, Suppression, Topic
from newsletter.services.importing.entry import Entry
from newsletter.services.importing.refusals import RowRefused
from newsletter.services.journal import WEAKEST_FIRST

State = Subscriber.State
Reason = Suppression.Reason


class Outcome(TextChoices):
    BROUGHT_IN = "brought_in", gettext_lazy("brought in")
    ADDED_OFF = "added_off", gettext_lazy("written down as off the list")
    TAKEN_OFF = "taken_off", gettext_lazy("taken off the list")
    THERE = "there", gettext_lazy("already there")
    STRONGER = "stronger", gettext_lazy("suppressed: the stronger reason written down")
    SUPPRESSED = "suppressed", gettext_lazy("suppressed: left untouched")
    TWICE = "twice", gettext_lazy("twice in the file")
    PENDING = "pending", gettext_lazy("never confirmed: not brought in")
    REFUSED = "refused", gettext_lazy("refused")


# What changes something, and how it is called as long as it is only a check.
WOULD = {
    Outcome.BROUGHT_IN: gettext_lazy("would be brought in"),
    Outcome.ADDED_OFF: gettext_lazy("would be written down as off the list"),
    Outcome.TAKEN_OFF: gettext_lazy("would be taken off the list"),
    Outcome.STRONGER: gettext_lazy("suppressed: the stronger reason would be written down"),
}
EFFECTIVE = tuple(WOULD)


def said(outcome: Outcome, *, is_check: bool) -> str:
    """The outcome in words for staff."""
    return str(WOULD.get(outcome, outcome.label) if is_check else outcome.label)


@dataclass(frozen=True)
class Standing:
    """How an address stands at this moment."""

    state: State
    # Since when it is in that state; of somebody who has only asked, since then.
    since: datetime


@dataclass(frozen=True)
class Facts:
    """What is known of the addresses of a batch, by the address in small letters."""

    known: dict[str, Standing]
    # With the strongest reason in force.
    suppressed: dict[str, Reason]
    # Rows before this batch: the number of the first that joins, or leaves, with this address.
    joined_in_row: dict[str, int]
    left_in_row: dict[str, int]


@dataclass(frozen=True)
class Verdict:
    """`words` may quote the row, for those who may see the list; `unquoted`, of a refused row, never does."""

    outcome: Outcome
    words: str = ""
    unquoted: str = ""


def judge(entry: Entry, facts: Facts, *, now: datetime) -> Verdict:
    """Nobody who is known here is changed, but for two cases: who left elsewhere after joining here is taken off, and
    who has only left here and complained or bounced elsewhere cannot come back in person either."""
    folded = entry.email.lower()
    if first := (facts.left_in_row if entry.leaves else facts.joined_in_row).get(folded):
        return Verdict(Outcome.TWICE, _("The address stands in row %(row)d already.") % {"row": first})
    if reason := facts.suppressed.get(folded):
        if entry.leaves and strength(Reason(entry.status.value)) > strength(reason):
            told = {"reason": entry.status.label}
            return Verdict(Outcome.STRONGER, _("Off the list already, and from now on for good: %(reason)s.") % told)
        return Verdict(Outcome.SUPPRESSED, _("The address is suppressed: left untouched."))
    if standing := facts.known.get(folded):
        return _of_known(entry, standing, now=now)
    return Verdict(Outcome.ADDED_OFF if entry.leaves else Outcome.BROUGHT_IN, " ".join(entry.remarks))


def strength(reason: Reason) -> int:
    return WEAKEST_FIRST.index(reason)


def check(entry: Entry, topics: Mapping[str, Topic], *, now: datetime) -> None:
    """What makes a row of somebody who joins impossible, whoever it is. Raises RowRefused."""
    if entry.leaves:
        return
    if unknown := [name for name in entry.topics if name.casefold() not in topics]:
        told = {"names": ", ".join(name[:60] for name in unknown[:5])}
        raise RowRefused(
            _("There is no such topic here: %(names)s. Add it, or leave it out of the file.") % told,
            unquoted=_("It names a topic that is not here. Add it, or leave it out of the file."),
        )
    if entry.consent_at and entry.consent_at > now:
        raise RowRefused(_("The consent's time is in the future."))


def _of_known(entry: Entry, standing: Standing, *, now: datetime) -> Verdict:
    if standing.state in Subscriber.OFF:
        return Verdict(Outcome.THERE, _("The person has left: left untouched."))
    if not entry.leaves:
        return Verdict(Outcome.THERE, _("Already there: name, topics and state stay as they are."))
    # An older list does not throw off a person who has joined by themselves since.
    if (entry.left_at or now) < standing.since:
        return Verdict(Outcome.THERE, _("The person joined here after leaving there: stays on the list."))
    if standing.state == State.PENDING and entry.status == State.UNSUBSCRIBED:
        return Verdict(Outcome.THERE, _("The person has asked here and not confirmed: gets nothing until then."))
    return Verdict(Outcome.TAKEN_OFF)
