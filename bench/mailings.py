"""Mailings: letters a second as a fraction of bare smtplib, how long freezing takes, and the memory of a long list.

Bare is one ready message over one persistent connection, again and again. Ours is rendering, ledger and commit for each
person. Both talk to the same sink on loopback and share its machine. The rounds go A B A B; the median of the rounds
counts. The database keeps what it commits.
"""

import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import psycopg2

from bench.pages import free_port, process
from bench.practice import Child, databases, manage

SECONDS, ROUNDS = 3.0, 5
FEW, SOME, MANY = 1_000, 100_000, 1_000_000
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


async def sink(port: int) -> None:
    from aiosmtpd.smtp import SMTP

    class Taken:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            return "250 OK"

    loop = asyncio.get_running_loop()
    await loop.create_server(
        lambda: SMTP(Taken(), loop=loop, hostname="sink", enable_SMTPUTF8=False), "127.0.0.1", port
    )
    await asyncio.Event().wait()


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


def send(seconds: float) -> str:
    """Sends for so long; says nothing of how many, which the ledger knows."""
    from django.utils import timezone

    from newsletter.services.sending import Mailer

    until = time.monotonic() + seconds
    Mailer(clock=timezone.now).turn(goes_on=lambda: time.monotonic() < until)
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


def bare(seconds: float, port: int) -> str:
    import smtplib

    ready, done = message(), 0
    with smtplib.SMTP("127.0.0.1", port) as server:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            server.sendmail("news@bench.invalid", ["reader1@bench.invalid"], ready)
            done += 1
    return str(done)


def peak_megabytes() -> str:
    return str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def child(port: int) -> None:
    import django

    django.setup()
    tell: dict[str, Callable[..., str]] = {
        "campaign": lambda audience: campaign(int(audience)),
        "send": lambda seconds: send(float(seconds)),
        "bare": lambda seconds: bare(float(seconds), port),
        "size": lambda: str(len(message())),
        "peak": peak_megabytes,
    }
    for line in sys.stdin:
        what, *arguments = line.split()
        print(tell[what](*arguments), flush=True)


# The measuring process


def main() -> None:
    with ExitStack() as running:
        folder, urls = running.enter_context(databases(["mailings"]))
        url, port = urls["mailings"], free_port()
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(PEOPLE)
        manage("check", url=url, folder=folder)
        running.enter_context(process("-m", "bench.mailings", "sink", str(port)))
        asking = running.enter_context(closing(psycopg2.connect(url)))
        asking.autocommit = True
        with asking.cursor() as cursor:
            cursor.execute("ANALYZE")

            def accepted() -> int:
                cursor.execute(TRIED)
                return int(cursor.fetchone()[0])

            def worker() -> Child:
                mail = {"EMAIL_URL": f"smtp://127.0.0.1:{port}", "DEFAULT_FROM_EMAIL": "news@bench.invalid"}
                made = Child("bench.mailings", "child", str(port), url=url, folder=folder, **mail)
                running.callback(made.end)
                return made

            report_freezing_and_memory(worker, accepted)
            report_speed([worker() for _worker in range(4)], accepted)


def report_freezing_and_memory(worker: Callable[[], Child], accepted: Callable[[], int]) -> None:
    peaks = {}
    for audience in (FEW, MANY):
        one = worker()
        took, _number = json.loads(one.ask(f"campaign {audience}"))
        before = accepted()
        one.ask("send 5")
        peaks[audience] = float(one.ask("peak"))
        sent = accepted() - before
        print(f"{audience:>9,} recipients frozen in {took:.2f} s, {sent:,} sent; peak memory {peaks[audience]:.0f} MB")
        one.end()
    print(f"{'':>9} more for {MANY:,} than for {FEW:,}: {peaks[MANY] - peaks[FEW]:.0f} MB; goal: at most 30\n")
    one = worker()
    took = statistics.median(json.loads(one.ask(f"campaign {SOME}"))[0] for _round in range(3))
    print(f"{SOME:>9,} recipients frozen in {took:.2f} s, median of 3; goal: under 3", flush=True)
    print(f"one letter has {int(one.ask('size')):,} bytes\n")
    one.end()


def report_speed(workers: list[Child], accepted: Callable[[], int]) -> None:
    print(f"{ROUNDS} rounds of {SECONDS:.0f} s each, medians; letters a second over one sink\n")
    print(f"{'':<12}{'bare':>10}{'ours':>10}{'ratio':>8}   goal: at least 0.4")
    for count in (1, 4):
        rounds = []
        for number in range(ROUNDS + 1):
            bare_rate = sum(map(int, _together(workers[:count], f"bare {SECONDS}"))) / SECONDS
            before = accepted()
            _together(workers[:count], f"send {SECONDS}")
            our_rate = (accepted() - before) / SECONDS
            if number:  # the first warms up
                rounds.append((bare_rate, our_rate))
        one, other = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(ours / bare for bare, ours in rounds)
        print(f"{count} {'worker' if count == 1 else 'workers':<10}{one:>10.0f}{other:>10.0f}{ratio:>8.2f}", flush=True)


def _together(workers: list[Child], line: str) -> list[str]:
    for worker in workers:
        worker.say(line)
    return [worker.hear() for worker in workers]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sink", port]:
            asyncio.run(sink(int(port)))
        case ["child", port]:
            child(int(port))
        case _:
            main()
