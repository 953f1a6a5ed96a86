"""After a restore: whoever left, bounced or complained since the backup stays off the list."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db import connection, transaction
from django.db.models.functions import Lower

from clinic import addresses
from newsletter import suppression_journal, wording
from newsletter.emails import letters
from newsletter.models import Consent, Subscriber, Suppression
from newsletter.suppression_journal import Line

T = TypeVar("T")
AT_ONCE = 10_000
ONE_AT_A_TIME = 0x737570707265  # "suppre": two workers that start together must not both add a line

READ = """
    INSERT INTO journal_line (email, reason, at)
    SELECT lower(given.email), given.reason, given.at
    FROM unnest(%(emails)s::text[], %(reasons)s::text[], %(times)s::timestamptz[]) AS given (email, reason, at)
"""
# The log goes by the order in which it was written. So a leaving that was lifted later, or a lifting that was followed
# by another leaving, stays out; and so does a leaving of somebody who has confirmed since. All are found before the
# first is added: else PostgreSQL may read for each line whatever has been added before it.
ADD_TO_DATABASE = """
    WITH unknown AS MATERIALIZED (
        SELECT line.email, line.reason, line.at FROM (SELECT DISTINCT email, reason, at FROM journal_line) AS line
        WHERE NOT EXISTS (
            SELECT 1 FROM newsletter_suppression AS known
            WHERE known.email = line.email AND known.reason = line.reason AND known.at = line.at
        ) AND NOT EXISTS (
            SELECT 1 FROM newsletter_suppression AS later
            WHERE later.email = line.email AND later.at > line.at
            AND line.reason IN ('unsubscribed', 'lifted') AND later.reason IN ('unsubscribed', 'lifted')
        ) AND NOT EXISTS (
            SELECT 1 FROM newsletter_subscriber AS person
            WHERE lower(person.email) = line.email AND person.state = 'confirmed' AND person.confirmed_at > line.at
            AND line.reason = 'unsubscribed'
        )
    )
    INSERT INTO newsletter_suppression (email, reason, words, at)
    SELECT email, reason, '', at FROM unknown ORDER BY at, reason DESC
    RETURNING email
"""
MISSING_IN_FILE = """
    SELECT email, reason, at FROM newsletter_suppression AS known
    WHERE NOT EXISTS (
        SELECT 1 FROM journal_line AS line
        WHERE line.email = known.email AND line.reason = known.reason AND line.at = known.at
    )
    ORDER BY id
"""
# The state of a row shows the strongest of what holds for its address.
WEAKEST_FIRST = [Suppression.Reason.UNSUBSCRIBED, Suppression.Reason.BOUNCED, Suppression.Reason.COMPLAINED]


@dataclass(frozen=True)
class Replayed:
    """`added`: lines that only the file had; `taken_off`: people who were on the list again; `written`: the reverse."""

    added: int
    taken_off: int
    written: int


def replay(*, now: datetime) -> Replayed:
    """Makes the table of suppressions and the journal agree, and takes off the list whoever it had back.

    Run again it finds nothing to do. A lifting that only the file knows is added too, but puts nobody on the list: the
    consent of that day went with the restored database, so the person has to sign up once more.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
        cursor.execute("CREATE TEMPORARY TABLE journal_line (email text, reason text, at timestamptz) ON COMMIT DROP")
        for some in _chunks(_known(suppression_journal.lines()), AT_ONCE):
            said = {"emails": [each.email for each in some], "reasons": [each.reason for each in some]}
            cursor.execute(READ, {**said, "times": [each.at for each in some]})
        cursor.execute("ANALYZE journal_line")
        cursor.execute(ADD_TO_DATABASE)
        added = [email for (email,) in cursor.fetchall()]
        cursor.execute(MISSING_IN_FILE)
        missing = [Line(*row) for row in cursor.fetchall()]
        taken_off = sum(_taken_off(some, now) for some in _chunks(sorted(set(added)), 1000))
    suppression_journal.append(missing)
    return Replayed(added=len(added), taken_off=taken_off, written=len(missing))


def _known(lines: Iterable[Line]) -> Iterator[Line]:
    """Those that the table has a place for: the file may have been edited, or be of a later version."""
    reasons = set(Suppression.Reason.values)
    return (line for line in lines if line.reason in reasons and len(line.email) <= addresses.LONGEST)


def _chunks(everything: Iterable[T], length: int) -> Iterator[list[T]]:
    waiting = iter(everything)
    while some := list(islice(waiting, length)):
        yield some


def _taken_off(emails: list[str], now: datetime) -> int:
    """Gives these people the state that the log says; returns how many were on the list, or waiting to be."""
    found = Subscriber.objects.annotate(folded=Lower("email")).filter(folded__in=emails)
    people = {person.folded: person for person in found.select_for_update(no_key=True).order_by("pk")}
    words, count = wording.LEAVING_BEFORE_A_RESTORE.newest, 0
    for line in _strongest_of_each(list(people)):
        subscriber = people[line.email]
        was_reading = not subscriber.has_left
        if was_reading or _strength(line.reason) > _strength(subscriber.state):
            subscriber.take_off(Subscriber.State(line.reason), now=subscriber.left_at or line.at)
        if was_reading:
            subscriber.record(Consent.Kind.LEFT, words, now=now)
            count += 1
    letters.end_all({subscriber.pk: subscriber.email for subscriber in people.values()}, now=now)
    return count


def _strongest_of_each(emails: list[str]) -> list[Suppression]:
    """Of the lines in force for each address the strongest, and of several like it the newest."""
    in_force = Suppression.objects.in_force().filter(email__in=emails)
    weakest_first = sorted(in_force, key=lambda line: (_strength(line.reason), line.pk))
    return list({line.email: line for line in weakest_first}.values())


def _strength(reason: str) -> int:
    return WEAKEST_FIRST.index(Suppression.Reason(reason))
