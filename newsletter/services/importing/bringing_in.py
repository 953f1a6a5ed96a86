"""One batch of rows: judged, and unless it is only a check, written. In the caller's transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from clinic import addresses
from newsletter.emails import letters
from newsletter.models import Consent, ListImport, SeenAddress, Subscriber, Suppression, Topic
from newsletter.services.importing.entry import Entry
from newsletter.services.importing.judging import EFFECTIVE, Facts, Outcome, Standing, State, Verdict, judge, strength

Through = Subscriber.topics.through


@dataclass(frozen=True)
class Line:
    """One row on its way. `entry`: who it is, as long as that matters; `verdict`: what the report says."""

    file: str
    row: int
    address: str
    entry: Entry | None
    verdict: Verdict


def topics_by_name() -> dict[str, Topic]:
    """Every topic, by its short name and by its name; those that are no longer offered too, for whoever has them."""
    found = list(Topic.objects.all())
    return {topic.name.casefold(): topic for topic in found} | {topic.slug.casefold(): topic for topic in found}


def judged(list_import: ListImport, batch: Sequence[Line], *, writes: bool, now: datetime) -> list[Line]:
    """The same rows with their verdicts, in order; those that were refused before keep theirs.

    No address may stand in `batch` twice. Whoever is known is locked when `writes`.
    """
    entries = [line.entry for line in batch if line.entry]
    facts = _facts(list_import, entries, writes=writes)
    lines = [
        Line(line.file, line.row, line.address, line.entry, judge(line.entry, facts, now=now)) if line.entry else line
        for line in batch
    ]
    _remember(list_import, lines, now=now)
    return lines


def write(list_import: ListImport, lines: Iterable[Line], *, topics: dict[str, Topic], now: datetime) -> None:
    """Does what the verdicts say. Raises IntegrityError when somebody has signed up with one of these addresses
    since they were judged."""
    done: dict[Outcome, list[Line]] = {outcome: [] for outcome in EFFECTIVE}
    for line in sorted(lines, key=lambda line: line.address.lower()):
        if line.verdict.outcome in done:
            done[line.verdict.outcome].append(line)
    _add(list_import, done[Outcome.BROUGHT_IN], topics=topics, now=now)
    _add(list_import, done[Outcome.ADDED_OFF], topics=topics, now=now)
    _take_off(list_import, done[Outcome.TAKEN_OFF] + done[Outcome.STRONGER], now=now)


def fingerprint(email: str) -> UUID:
    return UUID(bytes=blake2b(email.lower().encode(), digest_size=16).digest())


def _facts(list_import: ListImport, entries: list[Entry], *, writes: bool) -> Facts:
    folded = {entry.email.lower(): fingerprint(entry.email) for entry in entries}
    by_print = {value: email for email, value in folded.items()}
    people = Subscriber.objects.alias(normal_form=Lower("email")).filter(normal_form__in=folded).order_by("pk")
    if writes:
        people = people.select_for_update(no_key=True)
    known = {person.email.lower(): _standing(person) for person in people}
    # Who has left under the former spelling of a domain is not brought in under the new one.
    spelt = {addresses.as_once_spelt(email): email for email in folded} | {email: email for email in folded}
    in_force = Suppression.objects.in_force().filter(email__in=spelt)
    lines = sorted(in_force, key=lambda line: strength(Suppression.Reason(line.reason)))
    suppressed = {spelt[line.email]: Suppression.Reason(line.reason) for line in lines}
    rows: dict[bool, dict[str, int]] = {True: {}, False: {}}
    # Only a check has to be told what the rows before would have done: they have not done it.
    for seen in SeenAddress.objects.filter(list_import=list_import, address__in=by_print):
        email = by_print[seen.address]
        rows[seen.leaves][email] = seen.row
        if seen.counts and seen.leaves:
            # By which row matters no more: another that leaves is the second of the file.
            suppressed.setdefault(email, Suppression.Reason.UNSUBSCRIBED)
        elif seen.counts:
            known.setdefault(email, Standing(State.CONFIRMED, seen.at))
    return Facts(known, suppressed, joined_in_row=rows[False], left_in_row=rows[True])


def _standing(person: Subscriber) -> Standing:
    return Standing(State(person.state), person.left_at or person.confirmed_at or person.created_at)


def _remember(list_import: ListImport, lines: Iterable[Line], *, now: datetime) -> None:
    SeenAddress.objects.bulk_create(
        SeenAddress(
            list_import=list_import,
            address=fingerprint(line.entry.email),
            leaves=line.entry.leaves,
            row=line.row,
            counts=line.verdict.outcome in EFFECTIVE,
            at=_since(line.entry, now),
        )
        for line in lines
        if line.entry and line.verdict.outcome != Outcome.TWICE
    )


def _since(entry: Entry, now: datetime) -> datetime:
    return (entry.left_at if entry.leaves else entry.consent_at) or now


def _add(list_import: ListImport, lines: list[Line], *, topics: dict[str, Topic], now: datetime) -> None:
    """People who were not known, on the list or off it, with their topics and the evidence."""
    people = [(line, line.entry, _new(line.entry, now)) for line in lines if line.entry]
    if not people:
        return
    Subscriber.objects.bulk_create([person for _line, _entry, person in people])
    usual = list(list_import.topics.all())
    chosen = []
    evidence: list[Consent] = []
    for line, entry, person in people:
        own = _topics(entry, topics) or ([] if entry.leaves else usual)
        chosen += [Through(subscriber=person, topic=topic) for topic in own]
        evidence += _evidence(list_import, line, entry, person, own, now)
    Through.objects.bulk_create(chosen, batch_size=5000)
    Consent.objects.bulk_create(evidence)
    _suppress(list_import, [entry for _line, entry, _person in people if entry.leaves], now=now)


def _new(entry: Entry, now: datetime) -> Subscriber:
    is_on = not entry.leaves
    person = Subscriber(
        email=entry.email,
        name=entry.name,
        state=entry.status,
        created_at=entry.consent_at or (entry.left_at if entry.leaves else None) or now,
        confirmed_at=entry.consent_at or (now if is_on else None),
        left_at=None if is_on else entry.left_at or now,
    )
    if entry.language:
        person.language = entry.language
    return person


def _topics(entry: Entry, topics: dict[str, Topic]) -> list[Topic]:
    found = (topics.get(name.casefold()) for name in entry.topics)
    return list(dict.fromkeys(topic for topic in found if topic))


def _evidence(
    list_import: ListImport, line: Line, entry: Entry, person: Subscriber, topics: list[Topic], now: datetime
) -> list[Consent]:
    """What the import says of the person: the proof of whoever uploaded the file, and the words of the row.

    Nothing of an address that has stopped working: that was nobody's will.
    """
    if entry.status == State.BOUNCED:
        return []
    where = _("%(file)s, row %(row)d") % {"file": line.file, "row": line.row}
    left = [f"{entry.status}: {entry.left_at.isoformat()}"] if entry.left_at else []
    consent = Consent(
        subscriber=person,
        kind=Consent.Kind.LEFT if entry.leaves else Consent.Kind.IMPORTED,
        words="\n".join([list_import.proof, where, *entry.evidence, *left]),
        version=f"import {list_import.pk}",
        topics=[topic.name for topic in topics],
        at=now,
        network_address=entry.network_address,
        by=list_import.by,
    )
    return [consent]


def _take_off(list_import: ListImport, lines: list[Line], *, now: datetime) -> None:
    """Known people who have left elsewhere since they joined, and addresses that are off for a stronger reason now."""
    entries = {line.entry.email.lower(): (line, line.entry) for line in lines if line.entry}
    if not entries:
        return
    people = list(Subscriber.objects.alias(normal_form=Lower("email")).filter(normal_form__in=entries))
    evidence: list[Consent] = []
    for person in people:
        line, entry = entries[person.email.lower()]
        # Who is off the list already has been so since then.
        person.state, person.left_at = entry.status, person.left_at or entry.left_at or now
        evidence += _evidence(list_import, line, entry, person, [], now)
    Subscriber.objects.bulk_update(people, ["state", "left_at"], batch_size=500)
    Consent.objects.bulk_create(evidence)
    letters.end_all({person.pk: person.email for person in people}, now=now)
    _suppress(list_import, [entry for _line, entry in entries.values()], now=now)


def _suppress(list_import: ListImport, entries: list[Entry], *, now: datetime) -> None:
    for reason in (Suppression.Reason.UNSUBSCRIBED, Suppression.Reason.BOUNCED, Suppression.Reason.COMPLAINED):
        emails = [entry.email for entry in entries if entry.status == reason.value]
        if emails:
            Suppression.objects.add(emails, reason, now=now, words=f"import {list_import.pk}", by=list_import.by)
