"""The three files of an export, row by row, from server-side cursors: memory does not grow with the list.

docs/lists.md describes them. Each is read by itself, the suppressions last: who leaves while the export runs is in
those, even when the first file says that they are on the list.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Case, IntegerField, Prefetch, QuerySet, Value, When

from newsletter.models import Consent, Subscriber, Suppression
from newsletter.services.importing.neutral import NAMES

CHUNK = 2000
Row = Iterable[object]
Reason = Suppression.Reason
STRONGEST_FIRST = (Reason.COMPLAINED, Reason.BOUNCED, Reason.UNSUBSCRIBED)

CONSENTS = ("email", "at", "what", "words", "version", "topics", "page", "network_address", "recorded_by")
SUPPRESSIONS = ("email", "status", "left_at", "words")


def subscribers() -> Iterator[Row]:
    """In the format of the import. Who is suppressed is never said to be on the list."""
    yield NAMES
    given = Consent.objects.filter(kind__in=[Consent.Kind.CONFIRMED, Consent.Kind.IMPORTED]).order_by("-at", "-pk")
    people = Subscriber.objects.order_by("pk").prefetch_related("topics", Prefetch("consents", given, "given"))
    for some in _chunks(people):
        suppressed = _suppressed([person.email.lower() for person in some])
        for person in some:
            yield _subscriber(person, suppressed.get(person.email.lower()))


def consents() -> Iterator[Row]:
    """The ledger, the oldest first."""
    yield CONSENTS
    lines = Consent.objects.order_by("pk").select_related("subscriber", "by")
    for line in lines.iterator(CHUNK):
        yield (
            line.subscriber.email,
            _written(line.at),
            line.kind,
            line.words,
            line.version,
            ";".join(line.topics),
            line.page,
            line.network_address or "",
            line.by.get_username() if line.by else "",
        )


def suppressions() -> Iterator[Row]:
    """What is in force, also of addresses that are nobody's row any more; the strongest of one address first."""
    yield SUPPRESSIONS
    for line in _in_force().iterator(CHUNK):
        yield line.email, line.reason, _written(line.at), line.words


def _in_force() -> QuerySet[Suppression]:
    return Suppression.objects.in_force().order_by("email", _strength(), "pk")


def _strength() -> Case:
    return Case(
        *(When(reason=reason, then=Value(place)) for place, reason in enumerate(STRONGEST_FIRST)),
        output_field=IntegerField(),
    )


def _suppressed(emails: list[str]) -> dict[str, Suppression]:
    found: dict[str, Suppression] = {}
    for line in _in_force().filter(email__in=emails):
        found.setdefault(line.email, line)
    return found


def _subscriber(person: Subscriber, suppression: Suppression | None) -> Row:
    is_off = suppression is not None and not person.has_left
    consent = next(iter(person.given), None)  # type: ignore[attr-defined] # prefetched above
    return (
        person.email,
        person.name,
        person.language,
        suppression.reason if suppression and is_off else person.state,
        ";".join(topic.slug for topic in person.topics.all()),
        _written(person.confirmed_at),
        consent.kind if consent else "",
        consent.words if consent else "",
        (consent.network_address or "") if consent else "",
        _written(suppression.at if suppression and is_off else person.left_at),
    )


def _written(at: datetime | None) -> str:
    return at.isoformat(timespec="microseconds") if at else ""


def _chunks(people: QuerySet[Subscriber]) -> Iterator[list[Subscriber]]:
    some: list[Subscriber] = []
    for person in people.iterator(CHUNK):
        some.append(person)
        if len(some) == CHUNK:
            yield some
            some = []
    if some:
        yield some
