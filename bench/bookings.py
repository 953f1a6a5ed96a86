"""Bookings a second, as a fraction of what the database does at most: one committed INSERT of one guarded row each.

Eight processes for each kind, all on one database that keeps what it commits. The rounds go A B C D A B C D; the median
of the rounds counts.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import psycopg2

from bench.pages import free_port, process, wait_for
from bench.practice import Child, databases, environment, manage
from tests.appointments.visitor import Visitor

CLIENTS = 8
SECONDS, ROUNDS = 2.0, 7
PEOPLE = 10
HORIZON = 400  # days, so that the free times last
KINDS = ["alone", "person", "any", "hold", "http"]
ALONE = "bench-alone"  # the same people without a room: with a person named there is nothing to choose
RAW = """
CREATE TABLE bench_raw (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, resource_id bigint NOT NULL, occupied tstzrange NOT NULL,
    blocking boolean NOT NULL,
    EXCLUDE USING gist (resource_id WITH =, occupied WITH &&) WHERE (blocking)
)
"""
INSERT = "INSERT INTO bench_raw (resource_id, occupied, blocking) VALUES (%s, tstzrange(%s, %s), true)"


def raw(number: int, url: str) -> Iterator[None]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        start, step = datetime(2030, 1, 1, tzinfo=UTC), timedelta(minutes=20)
        for turn in count():
            begins = start + turn // PEOPLE * step
            # Each process has people of its own: nobody waits for anybody.
            cursor.execute(INSERT, (number * PEOPLE + turn % PEOPLE, begins, begins + step))
            connection.commit()
            yield


# In processes of their own, with Django


def times(number: int, kind: str, per_time: int) -> Iterator[datetime]:
    """Starts that are free for as many as want them; each process and each kind has days of its own."""
    from django.utils import timezone

    from appointments.availability import Audience, load_plan, timetable

    now = timezone.now()
    for number_of_day in count(2):
        if number_of_day % len(KINDS) != KINDS.index(kind):
            continue
        day = (now + timedelta(days=number_of_day)).date()
        plan = load_plan(visit_type="bench-data", first=day, days=1)
        # As nobody else has taken any when it comes to them.
        table = timetable(plan=plan, first=day, days=1, now=now, audience=Audience.STAFF, is_as_if_empty=True)
        for start in sorted({free.starts_at for free in table.times})[number::CLIENTS]:
            yield from [start] * per_time


def service(number: int, kind: str) -> Iterator[None]:
    import uuid

    from django.utils import timezone

    from appointments.availability import Audience
    from appointments.models import Resource
    from appointments.services import diary

    people = list(Resource.objects.filter(kind="provider").values_list("pk", flat=True))
    for turn, start in enumerate(times(number, kind, PEOPLE)):
        wish: dict[str, Any] = {
            "visit_type": ALONE if kind == "alone" else "bench-data",
            "starts_at": start,
            "location": None,
            "provider": people[turn % PEOPLE] if kind in {"alone", "person"} else None,
            "submission": uuid.uuid4(),
            "now": timezone.now(),
        }
        details = diary.Details(name=f"Ada {number} {turn}", email=f"ada{number}.{turn}@{kind}.example", phone="")
        if kind == "hold":
            held = diary.hold(**wish, holder=None)
            diary.confirm_hold(appointment=held.pk, details=details, now=timezone.now())
        else:
            diary.book(**wish, details=details, patient=None, by=None, audience=Audience.PATIENTS)
        yield


def statements(steps: Iterator[None]) -> list[str]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    next(steps)
    with CaptureQueriesContext(connection) as seen:
        next(steps)
    return [query["sql"] for query in seen]


def profile(steps: Iterator[None]) -> list[str]:
    """What 100 bookings spend their time with, the most expensive first."""
    import cProfile
    import io
    import pstats

    next(steps)
    watched, said = cProfile.Profile(), io.StringIO()
    with watched:
        for _booking in range(100):
            next(steps)
    pstats.Stats(watched, stream=said).sort_stats("cumulative").print_stats(60)
    return said.getvalue().splitlines()


def add_visit_without_room() -> None:
    from appointments.models import Need, Phase, Resource, VisitType

    VisitType.objects.update(horizon_days=HORIZON)
    alone = VisitType.objects.get(slug="bench-data")
    places = list(alone.locations.all())
    alone.pk, alone.slug = None, ALONE
    alone.save()
    alone.locations.set(places)
    need = Need.objects.create(visit_type=alone, name="Person")
    need.resources.set(Resource.objects.filter(kind="provider"))
    Phase.objects.create(visit_type=alone, name="Visit", minutes=20).needs.add(need)


def child(kind: str, number: int) -> None:
    import django

    django.setup()
    steps = raw(number, sys.argv[4]) if kind == "raw" else service(number, kind)
    for line in sys.stdin:
        if line.strip() == "count":
            print(in_time(steps), flush=True)
        else:
            told = {"statements": statements, "profile": profile}[line.strip()](steps)
            print(json.dumps(told), flush=True)


def in_time(steps: Iterator[None]) -> int:
    done, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        next(steps)
        done += 1
    return done


# Over HTTP


class Crowd:
    """Eight visitors who hold, type, check and confirm. Each booking comes from a network of its own."""

    def __init__(self, port: int, starts: list[list[str]]) -> None:
        self._port = port
        self._starts = [iter(share) for share in starts]
        self._networks = count(1)

    def rate(self) -> float:
        with ThreadPoolExecutor(CLIENTS) as visitors:
            return sum(visitors.map(in_time, map(self._bookings, self._starts))) / SECONDS

    def _bookings(self, starts: Iterator[str]) -> Iterator[None]:
        for start in starts:
            number = next(self._networks)
            visitor = Visitor(self._port, f"127.{1 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}")
            with closing(visitor):
                self._book(visitor, start, number)
            yield

    def _book(self, visitor: Visitor, start: str, number: int) -> None:
        page = "/appointments/book/bench-data/"
        assert visitor.get(f"{page}?day={start[:10]}").status == 200
        wish = {"start": start, "location": "bench-data", "provider": ""}
        held = visitor.post(page, wish, opened=("opening",))
        assert held.status == 303, (held.status, start)
        visitor.get(held.location)
        typed = {
            "name": f"Bo {number}",
            "email": f"bo{number}@http.example",
            "phone": "(212) 555-0199",
            "consent": "on",
        }
        check = visitor.post(held.location, typed, opened=("wording",))
        assert check.status == 303, check.body
        visitor.get(check.location)
        booked = visitor.post(check.location)
        assert booked.status == 303, booked.status


@contextmanager
def site(url: str, folder: Path, starts: list[list[str]]) -> Iterator[Crowd]:
    port = free_port()
    with process("manage.py", "serve", **environment(url, folder, PORT=str(port), DEMO="0", WEB_WORKERS="2")):
        wait_for(port, "/healthz")
        yield Crowd(port, starts)


def prepare() -> None:
    """Prints the starts for each of the eight visitors: two fewer at a time than there are people and rooms."""
    import django

    django.setup()
    add_visit_without_room()
    shares = [[start.isoformat() for start in islice(times(n, "http", PEOPLE - 2), 400)] for n in range(CLIENTS)]
    print(json.dumps(shares), flush=True)


# The measuring process


def main() -> None:
    with ExitStack() as running:
        folder, urls = running.enter_context(databases(["bookings"]))
        url = urls["bookings"]
        manage(
            "bench_data", "--appointments", "10000", "--ahead", "0", "--providers", str(PEOPLE), url=url, folder=folder
        )
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(RAW)

        def crowd(kind: str) -> list[Child]:
            made = [Child("bench.bookings", "child", kind, str(n), url, url=url, folder=folder) for n in range(CLIENTS)]
            for each in made:
                running.callback(each.end)
            return made

        asked = Child("bench.bookings", "prepare", url=url, folder=folder)
        starts = json.loads(asked.hear())
        crowds = {kind: crowd(kind) for kind in ("raw", *KINDS[:-1])}
        visitors = running.enter_context(site(url, folder, starts))
        report(crowds, visitors)


def report(crowds: dict[str, list[Child]], visitors: Crowd) -> None:
    counts = {kind: len(json.loads(crowds[kind][0].ask("statements"))) for kind in KINDS[:-1]}
    kinds: dict[str, Callable[[], float]] = {
        "INSERT of one row": lambda: together(crowds["raw"]),
        "service: one person, no room": lambda: together(crowds["alone"]),
        "service: one person, any room": lambda: together(crowds["person"]),
        "service: any person, any room": lambda: together(crowds["any"]),
        "service: the same, held first": lambda: together(crowds["hold"]),
        "HTTP: hold, details, check, confirm": visitors.rate,
    }
    print(f"{CLIENTS} clients, {ROUNDS} rounds of {SECONDS:.0f} s each, medians; {PEOPLE} people and rooms\n")
    for ask in kinds.values():
        ask()
    rounds = [[ask() for ask in kinds.values()] for _round in range(ROUNDS)]
    print(f"{'committed':<38}{'a second':>10}{'of the INSERT':>15}{'statements':>12}")
    for number, what in enumerate(kinds):
        rate = statistics.median(each[number] for each in rounds)
        ratio = statistics.median(each[number] / each[0] for each in rounds)
        told: Any = dict(zip(kinds, [1, *counts.values(), ""], strict=True))[what]
        print(f"{what:<38}{rate:>10.0f}{ratio:>15.3f}{told:>12}")
    for kind in ("any",):
        print(f"\nStatements of a booking ({kind}):")
        for sql in json.loads(crowds[kind][0].ask("statements")):
            print("  " + " ".join(sql.split())[:110])
        print("\n".join(json.loads(crowds[kind][0].ask("profile"))))


def together(children: list[Child]) -> float:
    for each in children:
        each.say("count")
    return sum(int(each.hear()) for each in children) / SECONDS


if __name__ == "__main__":
    if sys.argv[1:] == ["prepare"]:
        prepare()
    elif sys.argv[1:2] == ["child"]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main()
