"""A restored database brings nobody back onto the list."""

import io
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from newsletter import suppression_journal, wording
from newsletter.models import Consent, Subscriber, Suppression
from newsletter.services import bounces, journal, signing_up, upkeep
from newsletter.suppression_journal import Line
from tests.factories import NOON, make_campaign, make_practice, make_subscriber, make_topic, manager
from tests.newsletter.sending import begin
from tests.newsletter.steps import ADA, join

pytestmark = pytest.mark.django_db(transaction=True)

Reason = Suppression.Reason
WORDS = wording.LEAVING.newest


def lines():
    return list(suppression_journal.lines())


def log():
    return list(Suppression.objects.order_by("pk").values_list("email", "reason", "at"))


def mailable():
    return sorted(Subscriber.objects.mailable().values_list("email", flat=True))


def leave(subscriber, *, now):
    return signing_up.leave(subscriber=subscriber, words=WORDS, network_address="192.0.2.1", now=now)


def restore(backup):
    """The suppressions, subscribers and consents of the backup, and nothing that came after it."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE newsletter_suppression DISABLE TRIGGER newsletter_suppression_is_for_ever")
        cursor.execute("DELETE FROM newsletter_suppression")
        cursor.execute("ALTER TABLE newsletter_suppression ENABLE TRIGGER newsletter_suppression_is_for_ever")
    Consent.objects.all().delete()
    for model, rows in backup:
        for row in rows:
            if model is Subscriber:
                Subscriber.objects.filter(pk=row["id"]).update(**row)
            else:
                model.objects.create(**row)


def backup():
    return [(model, list(model.objects.order_by("pk").values())) for model in (Subscriber, Suppression, Consent)]


def test_every_way_off_the_list_is_written_down_once_it_is_committed(client, django_user_model):
    client.post(join(client))
    join(client)
    people = {name: make_subscriber(email=f"{name}@Example.com") for name in ("dead", "angry", "phoned")}
    now = timezone.now()
    bounces.bounced(subscriber=people["dead"].pk, words="550 no such user", now=now)
    bounces.complained(subscriber=people["angry"].pk, words="", now=now)
    staff = django_user_model.objects.create(username="staff")
    signing_up.take_off(Subscriber.objects.filter(pk=people["phoned"].pk), by=staff, now=now)
    assert [(line.email, line.reason) for line in lines()] == [
        (ADA, "unsubscribed"),
        (ADA, "lifted"),
        ("dead@example.com", "bounced"),
        ("angry@example.com", "complained"),
        ("phoned@example.com", "unsubscribed"),
    ]
    assert [tuple(line) for line in lines()] == log()
    assert stat.S_IMODE(suppression_journal.path().stat().st_mode) == 0o600
    # Neither the server's words nor a name stand in it.
    assert "550" not in suppression_journal.path().read_text()


def test_one_that_came_back_open_to_others_is_closed_again():
    """As a copy from elsewhere may be."""
    suppression_journal.path().touch(0o644)
    suppression_journal.path().chmod(0o666)
    suppression_journal.append([Line(ADA, "bounced", NOON)])
    assert stat.S_IMODE(suppression_journal.path().stat().st_mode) == 0o600


def test_what_is_rolled_back_is_not_written():
    with transaction.atomic():
        Suppression.objects.add([ADA], Reason.UNSUBSCRIBED, now=NOON)
        transaction.set_rollback(True)
    assert (lines(), log()) == ([], [])


def test_a_restore_brings_back_nobody_who_has_gone_since():
    names = ("stays", "left", "dead", "angry", "waits")
    stays, left, dead, angry, waits = (make_subscriber(email=f"{name}@example.com") for name in names)
    Subscriber.objects.filter(pk=waits.pk).update(state="pending", confirmed_at=None)
    before = backup()
    now = timezone.now()
    leave(left, now=now)
    leave(waits, now=now)
    bounces.bounced(subscriber=dead.pk, words="550", now=now)
    bounces.complained(subscriber=angry.pk, words="", now=now)
    wanted = sorted(log())

    restore(before)
    # The negative control: without the journal they are all readers again.
    assert len(mailable()) == 4

    done = journal.replay(now=now + timedelta(hours=1))
    assert done == journal.Replayed(added=4, taken_off=4, written=0)
    assert sorted(log()) == wanted
    assert mailable() == [stays.email]
    assert dict(Subscriber.objects.values_list("email", "state")) == {
        "stays@example.com": "confirmed",
        "left@example.com": "unsubscribed",
        "waits@example.com": "unsubscribed",
        "dead@example.com": "bounced",
        "angry@example.com": "complained",
    }
    assert set(Subscriber.objects.exclude(pk=stays.pk).values_list("left_at", flat=True)) == {now}
    evidence = Consent.objects.filter(version=wording.LEAVING_BEFORE_A_RESTORE.newest.version)
    assert evidence.filter(kind="left", at=now + timedelta(hours=1)).count() == 4

    assert journal.replay(now=now) == journal.Replayed(added=0, taken_off=0, written=0)
    assert sorted(log()) == wanted


def test_the_strongest_of_what_the_journal_knows_is_the_state():
    person = make_subscriber()
    before = backup()
    leave(person, now=NOON + timedelta(days=1))
    bounces.complained(subscriber=person.pk, words="", now=NOON + timedelta(days=2))
    restore(before)
    journal.replay(now=timezone.now())
    person.refresh_from_db()
    assert person.state == "complained"
    # One who had left in the backup already, and has complained since.
    other = make_subscriber(state="unsubscribed")
    Suppression.objects.add([other.email], Reason.UNSUBSCRIBED, now=NOON)
    before = backup()
    bounces.complained(subscriber=other.pk, words="", now=NOON + timedelta(days=2))
    restore(before)
    assert journal.replay(now=timezone.now()).taken_off == 0
    other.refresh_from_db()
    assert (other.state, other.left_at) == ("complained", NOON)


def test_who_came_back_after_the_backup_has_to_sign_up_once_more(client):
    """Nothing is left of that day's consent; the restored leaving is lifted in the log alone."""
    client.post(join(client))
    before = backup()
    join(client)
    restore(before)
    assert journal.replay(now=timezone.now()).added == 1
    assert [reason for _email, reason, _at in log()] == ["unsubscribed", "lifted"]
    assert mailable() == []
    assert Subscriber.objects.get().state == "unsubscribed"
    join(client)
    assert mailable() == [ADA]


def test_what_happened_after_the_restore_counts_more_than_older_lines(client):
    """The replay comes late: people have left and joined meanwhile."""
    came_back, went = make_subscriber(), make_subscriber()
    topic = make_topic()
    went.topics.set([topic])
    day = timedelta(days=1)
    before = backup()
    leave(came_back, now=NOON + day)
    leave(went, now=NOON + day)
    Suppression.objects.add([went.email], Reason.LIFTED, now=NOON + 2 * day)
    restore(before)
    # After the restore one confirms anew, and the other leaves.
    Subscriber.objects.filter(pk=came_back.pk).update(confirmed_at=NOON + 3 * day)
    leave(went, now=NOON + 3 * day)
    for _time in range(2):
        journal.replay(now=NOON + 4 * day)
        assert mailable() == [came_back.email]
        # Also where a row says otherwise.
        assert Suppression.objects.of(went.email).in_force().exists()


def test_in_the_journal_alone_the_last_word_counts():
    day = timedelta(days=1)
    said = [("a", "unsubscribed"), ("a", "lifted"), ("a", "unsubscribed"), ("b", "unsubscribed"), ("b", "lifted")]
    made = [Line(f"{who}@example.com", reason, NOON + n * day) for n, (who, reason) in enumerate(said)]
    # As two processes may write it: later lines first.
    suppression_journal.append(reversed(made))
    journal.replay(now=timezone.now())
    assert list(Suppression.objects.in_force().values_list("email", flat=True).distinct()) == ["a@example.com"]


def test_the_journal_learns_what_only_the_database_knows():
    """Who had left before there was a journal, or while the disk was full."""
    Suppression.objects.add([ADA, "eve@example.org"], Reason.BOUNCED, now=NOON)
    suppression_journal.path().unlink()
    assert journal.replay(now=NOON) == journal.Replayed(added=0, taken_off=0, written=2)
    assert [tuple(line) for line in lines()] == log()
    assert journal.replay(now=NOON) == journal.Replayed(added=0, taken_off=0, written=0)


def test_a_disk_that_takes_no_line_holds_up_no_leaving(client, settings, tmp_path, caplog):
    leave_page = join(client)
    settings.VAR = tmp_path / "no such folder"
    assert client.post(leave_page).status_code == 200
    assert mailable() == []
    settings.VAR = tmp_path
    assert journal.replay(now=timezone.now()).written == 1


def test_lines_that_cannot_be_read_cost_no_other():
    torn = [
        '{"at": "2026-03-02T12:00:00+00:00", "email": "torn@exa',
        "not json",
        "[]",
        "null",
        '{"at": "yesterday", "email": "x@example.com", "reason": "bounced"}',
        '{"at": "2026-03-02T12:00:00", "email": "x@example.com", "reason": "bounced"}',
        '{"at": "2026-03-02T12:00:00+00:00", "email": 1, "reason": "bounced"}',
        '{"at": "2026-03-02T12:00:00+00:00", "email": "x\\u0000@example.com", "reason": "bounced"}',
        '{"at": "2026-03-02T12:00:00+00:00", "email": "x@example.com", "reason": "whatever"}',
        '{"at": "2026-03-02T12:00:00+00:00", "email": "' + "x" * 300 + '@example.com", "reason": "bounced"}',
        "\udcff\udcfe",
    ]
    for number, text in enumerate(torn):
        suppression_journal.append([Line(f"reader{number}@example.com", "bounced", NOON)])
        with suppression_journal.path().open("ab") as file:
            file.write(b"\n" + text.encode(errors="surrogateescape"))
    suppression_journal.append([Line("last@example.com", "bounced", NOON)])
    assert journal.replay(now=NOON).added == 12
    assert {email for email, _reason, _at in log()} == {
        "last@example.com", *(f"reader{number}@example.com" for number in range(11))
    }  # fmt: skip


def test_processes_that_write_at_once_tear_no_line_apart():
    def write(number):
        suppression_journal.append(
            Line(f"reader{number}-{line}@example.com", "unsubscribed", NOON) for line in range(50)
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert len({line.email for line in lines()}) == 40 * 50


def test_more_lines_than_are_read_at_once_are_replayed_once():
    number_of_lines = journal.AT_ONCE + 100
    suppression_journal.append(Line(f"reader{n}@example.com", "unsubscribed", NOON) for n in range(number_of_lines))
    assert journal.replay(now=NOON).added == number_of_lines
    assert journal.replay(now=NOON) == journal.Replayed(added=0, taken_off=0, written=0)


def test_a_hundred_thousand_lines_are_replayed_while_the_worker_starts():
    """With fewer PostgreSQL plans otherwise, and another statement than ours would be as fast."""
    suppression_journal.append(Line(f"reader{n}@example.com", "unsubscribed", NOON) for n in range(100_000))
    with connection.cursor() as cursor:
        # As a new database is: PostgreSQL thinks that its tables are empty.
        cursor.execute("ANALYZE newsletter_suppression, newsletter_subscriber")
        # Measured 1 s for the longest, and 50 s when lines were looked up among those just added.
        cursor.execute("SET statement_timeout = '20s'")
    try:
        assert journal.replay(now=NOON).added == 100_000
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def test_the_command_says_what_it_did():
    suppression_journal.append([Line(ADA, "unsubscribed", NOON + timedelta(days=1))])
    make_subscriber(email=ADA)
    out = io.StringIO()
    call_command("replay_suppressions", stdout=out)
    assert out.getvalue() == "Added to the database: 1; taken off the list: 1.\nAdded to the file: 0.\n"
    suppression_journal.path().unlink()
    out = io.StringIO()
    call_command("replay_suppressions", stdout=out)
    assert "it is begun from the database." in out.getvalue()
    assert "Added to the file: 1." in out.getvalue()


def test_in_a_restored_database_no_mailing_goes_on_by_itself():
    make_practice()
    subscriber, gone = make_subscriber(), make_subscriber()
    under_way = begin(by=manager())
    later = make_campaign(state="scheduled", scheduled_at=NOON)
    suppression_journal.append([Line(email=gone.email, reason="unsubscribed", at=timezone.now())])

    upkeep.look_back(now=timezone.now())

    for campaign, state in ((under_way, "paused"), (later, "draft")):
        campaign.refresh_from_db()
        assert (campaign.state, campaign.pause_reason[:40]) == (state, "The database was brought back from a cop")
    assert Subscriber.objects.mailable().get() == subscriber


def test_a_worker_that_only_begins_stops_no_mailing():
    make_practice()
    make_subscriber()
    under_way = begin(by=manager())

    upkeep.look_back(now=timezone.now())

    under_way.refresh_from_db()
    assert under_way.state == "sending"
