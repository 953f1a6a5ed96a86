"""A real dump, restored by the commands of docs/deploy.md: it keeps every promise, and no mailing goes on in it."""

import os
import subprocess

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection

from clinic import cluster, env
from newsletter import wording
from newsletter.models import Subscriber
from newsletter.services import upkeep
from newsletter.services.signing_up import leave
from tests.clinic.test_worker import database_url
from tests.factories import NOON
from tests.newsletter.sending import begun, receivers, send_all
from tests.newsletter.test_restored import KNOWN, WORDS, send, state

pytestmark = pytest.mark.django_db(transaction=True)
# A CHECK may come back in other words, so it goes by its name.
PROMISES = """
    SELECT conrelid::regclass::text, conname, contype, CASE contype WHEN 'x' THEN pg_get_constraintdef(oid) END
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'index', indexname, '', NULL FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2
"""


def run(program, *arguments):
    subprocess.run([cluster._programs() / program, *arguments], check=True)


@pytest.fixture
def restore(monkeypatch):
    """Restores a dump into an empty database, and from then on Django asks that one."""
    url = f"{database_url()}_restored_{os.getpid()}"
    name = env.database("the copy", url)["NAME"]

    def administer(statement):
        given = {**connection.get_connection_params(), "dbname": "postgres"}
        given.pop("cursor_factory", None)
        given.pop("options", None)
        other = psycopg2.connect(**given)
        other.autocommit = True
        with other.cursor() as cursor:
            cursor.execute(statement)
        other.close()

    def restore(dump):
        administer(f'CREATE DATABASE "{name}" TEMPLATE template0')
        run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", dump)
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "NAME", name)

    yield restore
    connection.close()
    monkeypatch.undo()
    administer(f'DROP DATABASE IF EXISTS "{name}"')


def promises():
    with connection.cursor() as cursor:
        cursor.execute(PROMISES)
        return cursor.fetchall()


def test_in_a_restored_dump_nobody_is_mailed_twice_or_brought_back(sink, tmp_path, restore):
    upkeep.look_back(now=NOON)
    campaign, people = begun(count=4)
    send(2)
    assert 0 < len(sink.accepted) < 4
    dump = tmp_path / "clinic.dump"
    run("pg_dump", "--format=custom", "--no-owner", f"--file={dump}", database_url())
    leave(subscriber=people[0], words=wording.LEAVING.newest, network_address="203.0.113.9", now=NOON)
    send_all()
    sent, kept = receivers(sink), promises()

    restore(dump)
    call_command("migrate", check_unapplied=True, verbosity=0)
    assert promises() == kept
    assert "allocation_never_twice" in {name for _table, name, _kind, _words in kept}
    assert Subscriber.objects.get(pk=people[0].pk).state == "confirmed"
    upkeep.look_back(now=NOON)
    send_all()

    assert receivers(sink) == sent
    assert state(campaign) == ("paused", KNOWN + WORDS)
    assert Subscriber.objects.get(pk=people[0].pk).state == "unsubscribed"
