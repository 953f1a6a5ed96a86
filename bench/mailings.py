"""Mailings: letters a second as a fraction of bare smtplib, how long freezing takes, and the memory of a long list.

Smtplib is its sendmail(), one ready message over one persistent connection again and again; raw is the same by the
commands that ours are sent by, which do not go over the whole message once more. Ours is rendering, ledger and commit
for each person. No ledger is faster than single rows are committed, so these are counted as well. Each worker has a
sink of its own, which looks for the end of the text and for nothing else; they all share the machine. The rounds go
A B C D A B C D; the median of the rounds counts. The database keeps what it commits.
"""

import json
import os
import resource
import socket
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2

from bench.pages import free_port, process
from bench.practice import Child, databases, manage

if TYPE_CHECKING:
    from newsletter.services.sending import Mailer

SECONDS, ROUNDS = 2.0, 5
FEW, SOME, MANY = 1_000, 100_000, 1_000_000
# Sent of the long list while its memory is watched, and how long that may take.
WATCHED, WATCHED_SECONDS = 50_000, 150.0
# The columns of the table, and how wide they are.
RATES = {"raw": 8, "smtplib": 10, "commits": 10, "ours": 8}
RATIOS = {"of raw": 9, "of smtplib": 12, "of commits": 12}
# Nobody's language: it marks how many of the list a campaign is for.
AUDIENCES = {FEW: "few", SOME: "some"}
PEOPLE = """
INSERT INTO newsletter_subscriber (email, name, state, language, created_at, confirmed_at)
SELECT 'reader' || number || '@bench.invalid', 'Ada ' || number, 'confirmed',
    CASE WHEN number <= 1000 THEN 'few' WHEN number <= 101000 THEN 'some' ELSE 'rest' END, now(), now()
FROM generate_series(1, 1000000) AS number
"""
TRIED = "SELECT count(*) FROM newsletter_delivery WHERE state = 'accepted'"


# In processes of their own


def sink(port: int) -> None:
    """A mail server that takes everything, one caller at a time."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            line, _address = listening.accept()
            with line:
                take_all(line)


def take_all(line: socket.socket) -> None:
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(b"220 sink\r\n")
    is_text, end = False, b""
    while heard := line.recv(1 << 18):
        if is_text:
            end = (end + heard)[-5:]
            if end == b"\r\n.\r\n":
                line.sendall(b"250 OK\r\n")
                is_text, end = False, b""
            continue
        # Nobody here sends a command before the last is answered.
        command = heard.strip().upper()
        is_text = command == b"DATA"
        line.sendall({b"DATA": b"354 Go on\r\n", b"QUIT": b"221 Bye\r\n"}.get(command, b"250 OK\r\n"))


def campaign(audience: int) -> str:
    """Writes a campaign for so many and begins it; says how long it took, in seconds, and its number."""
    from django.utils import timezone

    from newsletter.models import Block, Campaign, CampaignStep
    from newsletter.services import campaigns

    now = timezone.now()
    made = Campaign.objects.create(
        subject=f"Bench {audience}",
        slug=f"bench-{audience}-{now:%H%M%S%f}",
        introduction="<p>Hello {{ name|there }},</p><p>this month there is something new.</p>",
        audience_language=AUDIENCES.get(audience, ""),
        rate_per_minute=6_000_000,
        state=Campaign.State.SCHEDULED,
        scheduled_at=now,
    )
    for position in range(8):
        text = "<p>" + "A sentence about something that is new this month. " * 12 + "</p>"
        Block.objects.create(campaign=made, position=position, kind="text", heading="News", text=text)
    began = time.monotonic()
    campaigns.begin_due(now=now)
    took = time.monotonic() - began
    made.refresh_from_db()
    assert (made.state, made.recipients) == ("sending", audience), (made.state, made.pause_reason, made.recipients)
    assert made.steps.filter(kind=CampaignStep.Kind.STARTED).exists()
    return json.dumps([took, made.pk])


@cache
def mailer() -> "Mailer":
    """One for the life of the process, as a worker has it."""
    from django.utils import timezone

    from newsletter.services.sending import Mailer

    return Mailer(clock=timezone.now)


def send(seconds: float) -> str:
    """Sends for so long; says nothing of how many, which the ledger knows."""
    until = time.monotonic() + seconds
    mailer().turn(goes_on=lambda: time.monotonic() < until)
    return "done"


def message() -> bytes:
    """The letter that is sent, as one person gets it."""
    from django.utils import timezone

    from newsletter.models import Campaign
    from newsletter.services.ledger import Claim
    from newsletter.services.sending.mailing import Mailing

    newest = Campaign.objects.latest("started_at")
    now = timezone.now()
    claim = Claim(0, attempt=1, at=now, subscriber=1, email="reader1@bench.invalid", name="Ada 1", token_hash=b"")
    return Mailing.of(newest, now=now).letter(claim, token="x" * 32, now=now)[1]


def bare(seconds: float, port: int, *, is_raw: bool) -> str:
    import smtplib

    ready, done = message(), 0
    whole = ready + b".\r\n"
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.ehlo()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if is_raw:
                for command in ("mail FROM:<news@bench.invalid>", "rcpt TO:<reader1@bench.invalid>", "data"):
                    server.docmd(command)
                server.send(whole)
                assert server.getreply()[0] == 250
            else:
                server.sendmail("news@bench.invalid", ["reader1@bench.invalid"], ready)
            done += 1
    return str(done)


def commits(seconds: float) -> str:
    """One row, which is this process's own, written again and again."""
    from django.db import connection

    done, own = 0, os.getpid() % FEW + 1
    until = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("UPDATE newsletter_subscriber SET language = language WHERE id = %s", [own])
            done += 1
    return str(done)


def memory() -> str:
    """Of this process, in megabytes: now, and the most it ever was."""
    now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return json.dumps([now / 1024**2, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024])


def child(port: int) -> None:
    import django

    django.setup()
    tell: dict[str, Callable[..., str]] = {
        "campaign": lambda audience: campaign(int(audience)),
        "send": lambda seconds: send(float(seconds)),
        "raw": lambda seconds: bare(float(seconds), port, is_raw=True),
        "smtplib": lambda seconds: bare(float(seconds), port, is_raw=False),
        "commits": lambda seconds: commits(float(seconds)),
        "size": lambda: str(len(message())),
        "memory": memory,
    }
    for line in sys.stdin:
        what, *arguments = line.split()
        print(tell[what](*arguments), flush=True)


# The measuring process


def main() -> None:
    with ExitStack() as running:
        folder, urls = running.enter_context(databases(["mailings"]))
        url = urls["mailings"]
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(PEOPLE)
        manage("check", url=url, folder=folder)
        asking = running.enter_context(closing(psycopg2.connect(url)))
        asking.autocommit = True
        with asking.cursor() as cursor:
            cursor.execute("ANALYZE")

            def accepted() -> int:
                cursor.execute(TRIED)
                return int(cursor.fetchone()[0])

            def worker() -> Child:
                port = free_port()
                running.enter_context(process("-m", "bench.mailings", "sink", str(port)))
                mail = {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "DEFAULT_FROM_EMAIL": "news@bench.invalid"}
                site = {"BASE_URL": "https://bench.invalid", "ALLOWED_HOSTS": "bench.invalid"}
                made = Child("bench.mailings", "child", str(port), url=url, folder=folder, **mail, **site)
                running.callback(made.end)
                return made

            report_memory(worker, accepted)
            report_freezing(worker())
            report_speed([worker() for _worker in range(4)], accepted)


def report_memory(worker: Callable[[], Child], accepted: Callable[[], int]) -> None:
    """Of one worker that freezes a campaign and sends it, from its beginning."""
    peaks = {}
    print(f"{'recipients':>12}{'frozen in':>11}{'sent':>9}{'MB when frozen':>16}{'while sending':>15}{'peak':>6}")
    for audience in (FEW, MANY):
        one = worker()
        took, _number = json.loads(one.ask(f"campaign {audience}"))
        frozen, _peak = json.loads(one.ask("memory"))
        before, until = accepted(), time.monotonic() + WATCHED_SECONDS
        sent, samples = 0, [0.0]
        while sent < min(audience, WATCHED) and time.monotonic() < until:
            one.ask("send 1")
            sent = accepted() - before
            now, peak = json.loads(one.ask("memory"))
            samples.append(now)
            # The kernel counts what is resident in steps, so that its peak may lag behind.
            peaks[audience] = max(now, peak)
        told = f"{frozen:>16.0f}{max(samples):>15.0f}{peaks[audience]:>6.0f}"
        print(f"{audience:>12,}{took:>9.2f} s{sent:>9,}{told}", flush=True)
        one.end()
    print(f"\n{peaks[MANY] - peaks[FEW]:.0f} MB more at the peak for {MANY:,} than for {FEW:,}; goal: at most 30")


def report_freezing(one: Child) -> None:
    took = statistics.median(json.loads(one.ask(f"campaign {SOME}"))[0] for _round in range(3))
    print(f"{SOME:,} recipients frozen in {took:.2f} s, median of 3; goal: under 3")
    print(f"one letter has {int(one.ask('size')):,} bytes\n", flush=True)
    one.end()


def report_speed(workers: list[Child], accepted: Callable[[], int]) -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"{ROUNDS} rounds of {SECONDS:.0f} s each, medians; letters a second on {cores} cores\n")
    columns = "".join(f"{what:>{width}}" for what, width in [*RATES.items(), *RATIOS.items()])
    print(f"{'':<10}{columns}   goal: at least 0.4 of smtplib")
    for count in (1, 4):
        # The first warms up.
        rounds = [measured(workers[:count], accepted) for _round in range(ROUNDS + 1)][1:]
        rates = [statistics.median(column) for column in zip(*rounds, strict=True)]
        ratios = [statistics.median(each[-1] / each[number] for each in rounds) for number in range(len(RATIOS))]
        name = f"{count} {'worker' if count == 1 else 'workers'}"
        told = "".join(f"{rate:>{width}.0f}" for rate, width in zip(rates, RATES.values(), strict=True))
        told += "".join(f"{ratio:>{width}.2f}" for ratio, width in zip(ratios, RATIOS.values(), strict=True))
        print(f"{name:<10}{told}", flush=True)


def measured(workers: list[Child], accepted: Callable[[], int]) -> list[float]:
    """Letters or rows a second, in the order of RATES."""
    counts = [sum(map(int, _together(workers, f"{what} {SECONDS}"))) for what in [*RATES][:-1]]
    before = accepted()
    _together(workers, f"send {SECONDS}")
    return [count / SECONDS for count in [*counts, accepted() - before]]


def _together(workers: list[Child], line: str) -> list[str]:
    for worker in workers:
        worker.say(line)
    return [worker.hear() for worker in workers]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sink", port]:
            sink(int(port))
        case ["child", port]:
            child(int(port))
        case _:
            main()
