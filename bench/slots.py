"""What is free in thirty days of any of ten people: with 1,000 appointments of history and with 1,000,000.

Both stand side by side, and the rounds go A B A B; the median of the rounds counts. The rows of the weeks to come,
which are what has to be read, are the same in both. At last the plan of PostgreSQL, so that a change of it is seen.
"""

import http.client
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from bench.pages import free_port, process, wait_for
from bench.practice import Child, databases, environment, manage

FEW, MANY = 1_000, 1_000_000
DAYS, ROUNDS, TIMES = 30, 15, 10
GOAL = 1.2


# In a process of its own, on one of the databases


def child() -> None:
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from appointments.availability import load_plan, timetable

    now = timezone.now()
    today = now.date()

    def call() -> Any:
        plan = load_plan(visit_type="bench-data", first=today, days=DAYS)
        return timetable(plan=plan, first=today, days=DAYS, now=now).times

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert Client(SERVER_NAME="127.0.0.1").get(address(today.isoformat())).status_code == 200
        return len(seen)

    def plan() -> str:
        seen: list[tuple[str, Any]] = []

        def note(execute: Callable[..., Any], sql: str, params: Any, *more: Any) -> Any:
            seen.append((sql, params))
            return execute(sql, params, *more)

        with connection.execute_wrapper(note):
            call()
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + seen[-1][0], seen[-1][1])
            return json.dumps([row for (row,) in cursor.fetchall()])

    asked = {"call": lambda: milliseconds(call), "found": lambda: len(call()), "queries": queries, "plan": plan}
    for line in sys.stdin:
        print(asked[line.strip()](), flush=True)


def milliseconds(work: Callable[[], object]) -> float:
    taken = []
    for _time in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def address(start: str) -> str:
    return f"/appointments/slots.json?visit_type=bench-data&start={start}&days={DAYS}"


# The measuring process


@contextmanager
def site(url: str, folder: Path) -> Iterator[Callable[[], float]]:
    """One web process; yields what measures slots.json in milliseconds, on one connection."""
    port = free_port()
    command = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    quiet = ("--blocking-threads", "8", "--log-level", "error", "--no-access-log", "clinic.wsgi:application")
    with process(*command, *quiet, **environment(url, folder, PORT=str(port))):
        wait_for(port, "/healthz")
        # One network may ask so often a minute.
        networks = (f"127.0.{number // 250}.{number % 250 + 1}" for number in count(1))

        def measure() -> float:
            connection = http.client.HTTPConnection("127.0.0.1", port, source_address=(next(networks), 0))

            def ask() -> None:
                connection.request("GET", address(datetime.now(UTC).date().isoformat()))
                response = connection.getresponse()
                assert (response.status, bool(response.read())) == (200, True), response.status

            with closing(connection):
                return milliseconds(ask)

        yield measure


def main() -> None:
    with ExitStack() as running:
        folder, urls = running.enter_context(databases(["few", "many"]))
        for name, size in (("few", FEW), ("many", MANY)):
            began = time.monotonic()
            manage("bench_data", "--appointments", str(size), url=urls[name], folder=folder)
            print(f"bench_data --appointments {size}: {time.monotonic() - began:.0f} s", flush=True)
        children = {name: Child("bench.slots", "child", url=url, folder=folder) for name, url in urls.items()}
        for each in children.values():
            running.callback(each.end)
        sites = {name: running.enter_context(site(url, folder)) for name, url in urls.items()}
        report(children, sites)


def report(children: dict[str, Child], sites: dict[str, Callable[[], float]]) -> None:
    found = {name: int(each.ask("found")) for name, each in children.items()}
    assert found["few"] == found["many"] > 0, found
    queries = {name: int(each.ask("queries")) for name, each in children.items()}
    print(f"any of 10 people, {DAYS} days, {found['many']} free times; {queries['many']} queries for slots.json")
    print(f"{ROUNDS} rounds of {TIMES} each, medians\n")
    print(f"{'milliseconds':<24}{FEW:>12,}{MANY:>12,}{'ratio':>8}   goal: at most {GOAL}")
    asked: dict[str, Callable[[str], float]] = {
        "slots.json, one client": lambda name: sites[name](),
        "availability alone": lambda name: float(children[name].ask("call")),
    }
    for what, ask in asked.items():
        for name in children:
            ask(name)
        rounds = [(ask("few"), ask("many")) for _round in range(ROUNDS)]
        few, many = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(one / other for other, one in rounds)
        print(f"{what:<24}{few:>12.1f}{many:>12.1f}{ratio:>8.2f}", flush=True)
    plan = "\n".join(json.loads(children["many"].ask("plan")))
    print(f"\nThe query of the free times, with {MANY:,} appointments:\n\n{plan}")


if __name__ == "__main__":
    child() if sys.argv[1:] == ["child"] else main()
