"""manage.py import_subscribers, as an operator uses it."""

import csv
import io
import os

import pytest
from django.core.management import CommandError, call_command

from newsletter.management.commands import import_subscribers
from newsletter.models import Consent, ListImport, SeenAddress
from newsletter.services.importing import batches
from tests.factories import make_topic, marketing
from tests.newsletter.lists import MAILCHIMP, PROOF, everything, people, report_of, table, upload, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(tmp_path):
    """Writes the file and runs the command on it; returns its exit status and what it printed."""

    def run(content, *options, name="list.csv", format="neutral", proof=PROOF):
        path = tmp_path / name
        path.write_bytes(content)
        out, err = io.StringIO(), io.StringIO()
        status = 0
        try:
            call_command(
                "import_subscribers", str(path), "--format", format, "--proof", proof, *options, stdout=out, stderr=err
            )
        except CommandError as error:
            status = error.returncode
            err.write(str(error))
        return status, out.getvalue(), err.getvalue()

    return run


def test_it_brings_in_and_says_how_many(run):
    topic, user = make_topic(slug="offers"), marketing()
    content = table("ada@example.com,Ada,Lee", header="Email Address,First Name,Last Name")

    status, out, err = run(content, "--topics", "offers", "--by", "mary", name="subscribed_1.csv", format="mailchimp")

    assert (status, out, err) == (0, "Done:\n        1  brought in\n", "")
    assert people() == [("ada@example.com", "Ada Lee", "confirmed")]
    made, line = ListImport.objects.get(), Consent.objects.get()
    assert (made.state, made.file, made.proof, made.name) == ("done", "", PROOF, "subscribed_1.csv")
    assert (made.is_check, made.approved_at) == (False, made.created_at)
    assert (line.by, line.version, line.topics) == (user, f"import {made.pk}", [topic.name])
    assert not SeenAddress.objects.exists()


def test_a_dry_run_changes_nothing_and_its_report_says_what_would_be(run, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MOST", 20)
    rows = [f"p{number}@example.com,P,confirmed" for number in range(50)]
    content = table(
        *rows, "p1@example.com,P,confirmed", "p2@example.com,P,unsubscribed", "broken,,confirmed", "=x,,bounced"
    )
    before = everything()
    dry, real = tmp_path / "dry.csv", tmp_path / "real.csv"

    status, out, err = run(content, "--dry-run", "--report", str(dry))

    assert (everything(), ListImport.objects.count(), SeenAddress.objects.count()) == (before, 0, 0)
    assert status == 3
    assert out.splitlines() == [
        "Nothing was changed. It would be:",
        "       50  brought in",
        "        1  taken off the list",
        "        1  twice in the file",
        "        2  refused",
    ]
    # A log does not get an address.
    assert "list.csv, row 54: Enter an email address" in err
    assert "@example.com" not in err.replace("name@example.com", "")

    assert run(content, "--report", str(real))[0] == 3
    would, done = (list(csv.reader(report.open())) for report in (dry, real))
    says = {"brought in": "would be brought in", "taken off the list": "would be taken off the list"}
    assert [[*row[:3], says.get(row[3], row[3]), row[4]] for row in done] == would
    assert {row[3] for row in would[1:]} == {*says.values(), "twice in the file", "refused"}
    assert list(csv.reader(real.open()))[-1][:4] == ["list.csv", "55", "'=x", "refused"]


def test_nothing_that_stands_in_a_row_is_printed(run, tmp_path):
    """In a file whose columns have shifted an address may stand in any of them."""
    make_topic(name="Skin", slug="skin")
    header = "email,name,status,consent_at,topics"
    rows = [
        "ada@example.com,Ada,eve@example.com,,",
        "ada@example.com,Ada,confirmed,eve@example.com,",
        "ada@example.com,Ada,confirmed,,eve@example.com",
        "Ada,eve@example.com,confirmed,,",
        "noreply@example.com,Ada,confirmed,,",
        "ada@example.com,eve@example.com",
    ]
    report = tmp_path / "report.csv"
    status, out, err = run(table(*rows, header=header), "--dry-run", "--report", str(report))
    assert (status, out) == (3, "Nothing was changed. It would be:\n        6  refused\n")
    assert err.splitlines()[:6] == [
        "list.csv, row 2: The status is none of: pending, confirmed, unsubscribed, bounced, complained.",
        "list.csv, row 3: The consent's time is not one like 2024-05-31 14:05:00.",
        "list.csv, row 4: It names a topic that is not here. Add it, or leave it out of the file.",
        "list.csv, row 5: Enter an email address in the correct format, like name@example.com.",
        "list.csv, row 6: This is the address of a machine or of a mail server's keeper, not of a reader.",
        "list.csv, row 7: The row has 2 cells where the header has 5.",
    ]
    assert "eve@" not in err
    # Whoever may read the report may see the list.
    assert "The status “eve@example.com” is none of" in report.read_text()


def test_a_report_is_a_new_file_that_only_its_owner_reads(run, tmp_path):
    report = tmp_path / "report.csv"
    report.write_text("somebody's")
    status, out, err = run(table("ada@example.com,Ada,confirmed"), "--report", str(report))
    assert (status, out, err, people()) == (1, "", f"{report}: File exists", [])
    assert report.read_text() == "somebody's"
    report.unlink()

    # A file that is refused leaves none in the way.
    assert run(b"", "--report", str(report))[0] == 1
    assert not report.exists()

    before = os.umask(0)
    try:
        assert run(table("ada@example.com,Ada,confirmed"), "--report", str(report))[0] == 0
    finally:
        os.umask(before)
    assert report.stat().st_mode & 0o777 == 0o600
    assert "ada@example.com" in report.read_text()


def test_the_commands_report_is_the_one_of_the_upload(run, tmp_path):
    content = table("ada@example.com,Ada,confirmed", "x,X,confirmed", "ada@example.com,Ada,confirmed")
    made = work(upload(content))
    report = tmp_path / "report.csv"
    run(content, "--dry-run", "--report", str(report))
    assert [tuple(row[2:]) for row in list(csv.reader(report.open()))[1:]] == [row[1:] for row in report_of(made)]


@pytest.mark.parametrize(
    ("content", "options", "status", "words"),
    [
        (b"", [], 1, "The file is empty."),
        (table("a@example.com", header="email"), [], 1, "Say whose addresses these are"),
        (table(), ["--topics", "lasers"], 2, "There is no topic lasers. There are: offers."),
        (table(), ["--by", "nobody"], 2, "Nobody of the staff has the user name nobody."),
        (table(), ["--report", "/nowhere/report.csv"], 1, "/nowhere/report.csv: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(run, content, options, status, words):
    make_topic(slug="offers")
    before = everything()
    found, out, err = run(content, *options)
    assert (found, out, everything()) == (status, "", before)
    assert words in err
    assert not ListImport.objects.exists()


@pytest.mark.parametrize("proof", ["", "  "])
def test_without_proof_nobody_comes_in(run, proof):
    status, out, err = run(table("ada@example.com,Ada,confirmed"), proof=proof)
    assert (status, out, people()) == (2, "", [])
    assert "how and when these people asked" in err


def test_its_progress_is_told_every_so_many_rows(run, monkeypatch):
    monkeypatch.setattr(batches, "MOST", 10)
    monkeypatch.setattr(import_subscribers, "TELLS_EVERY", 100)
    content = table(*(f"x{number:03}" for number in range(206)), header="email")
    _status, _out, err = run(content, "--status", "confirmed", "--dry-run")
    assert [line for line in err.splitlines() if line.endswith("%")] == ["100 rows, 48 %", "200 rows, 97 %"]
    # Not two hundred lines of reasons: the report has them.
    assert len([line for line in err.splitlines() if "Enter an email address" in line]) == 20


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("import_subscribers", str(tmp_path / "none.csv"), "--format", "neutral", "--proof", PROOF)


def test_help_says_how_to_begin_and_what_the_exit_status_means(capsys):
    with pytest.raises(SystemExit):
        call_command("import_subscribers", "--help")
    out = capsys.readouterr().out
    for words in ("--dry-run", "docs/lists.md", "Exit status: 0 when", "--proof TEXT", "mailchimp,neutral"):
        assert words in out


def test_the_state_of_a_whole_file_can_be_said(run):
    run(table("ada@example.com", header=MAILCHIMP.partition(",")[0]), "--status", "bounced", format="mailchimp")
    assert people() == [("ada@example.com", "", "bounced")]
