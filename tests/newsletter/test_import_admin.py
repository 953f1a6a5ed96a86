"""Marketing brings a list in through the admin; the front desk and others cannot."""

import csv
import io

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile

from newsletter.models import ListImport, Subscriber, Suppression
from tests.factories import NOON, editor, front_desk, make_subscriber, make_topic, marketing, stranger
from tests.newsletter.lists import PROOF, bring_in, people, report_of, table, upload, work, zipped

pytestmark = pytest.mark.django_db

LIST = "/admin/newsletter/listimport/"


@pytest.fixture
def mary(client):
    user = marketing()
    client.force_login(user)
    return user


def send(client, content, *, name="list.csv", **fields):
    file = SimpleUploadedFile(name, content)
    return client.post(f"{LIST}add/", {"file": file, "format": "neutral", "status": "", "proof": PROOF, **fields})


def page_of(made):
    return f"{LIST}{made.pk}/change/"


def test_a_list_is_uploaded_checked_looked_at_and_brought_in(client, mary):
    topic = make_topic(name="Offers")
    content = table(
        "ada@example.com,Ada,confirmed", "info@example.com,,confirmed", "=x,<b>,confirmed", "bea@example.com,B,pending"
    )

    response = send(client, content, topics=[topic.pk])
    made = ListImport.objects.get()
    assert (response.status_code, response["Location"]) == (302, page_of(made))
    assert (made.by, made.proof, made.name, made.bytes_total, list(made.topics.all())) == (
        mary, PROOF, "list.csv", len(content), [topic]
    )  # fmt: skip
    waiting = client.get(page_of(made)).content.decode()
    assert "Waits to be checked" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert "Bring in" not in waiting

    work(made)
    page = client.get(page_of(made)).content.decode()
    assert "Bring in 2 people" in page
    assert "every 2s" not in page
    assert "3 rows to look at" in page
    assert "Would be brought in" in page
    assert "1 of those who would be brought in has a remark, below." in page
    assert "<td>would be brought in</td>" in page
    assert ">Brought in<" not in page
    assert '<th scope="col">File</th>' not in page
    assert "<bdi>=x</bdi>" in page
    assert "An office&#x27;s address: did a person ask with it?" in page
    assert people() == []

    response = client.post(f"{LIST}{made.pk}/approval/", follow=True)
    assert "They are being brought in." in response.content.decode()
    assert people() == []
    work(made)
    assert [person[0] for person in people()] == ["ada@example.com", "info@example.com"]
    done = client.get(page_of(made)).content.decode()
    assert "Bring in" not in done
    assert "Remove the file and the report" in done
    assert ">Brought in<" in done
    assert "1 of those brought in has a remark, below." in done
    assert "ould be brought in" not in done

    report = client.get(f"{LIST}{made.pk}/report/")
    text = b"".join(report.streaming_content).decode()
    assert report["Content-Disposition"] == f'attachment; filename="import-{made.pk}.csv"'
    assert "no-store" in report["Cache-Control"]
    assert text.splitlines()[3] == (
        '"list.csv","4","\'=x","refused","Enter an email address in the correct format, like name@example.com."'
    )

    client.post(f"{LIST}{made.pk}/removal/")
    made.refresh_from_db()
    assert (made.file, made.report) == ("", "")
    assert client.get(f"{LIST}{made.pk}/report/").status_code == 404
    assert client.get(page_of(made)).status_code == 200
    written = LogEntry.objects.order_by("pk").values_list("user__username", "object_repr", "change_message")
    name = f"Import {made.pk}"
    assert list(written) == [
        ("mary", name, "Uploaded."),
        ("mary", name, "Approved."),
        ("mary", name, "Files removed."),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"proof": ""}, "Say how and when these people asked for your newsletter."),
        ({"proof": " \n "}, "Say how and when these people asked for your newsletter."),
        ({"content": b""}, "The file is empty."),
        ({"content": b"name,phone\r\nAda,1\r\n"}, "none of them is called"),
        ({"content": b"PK\x03\x04\0\0"}, "This is no CSV file."),
        (
            {"content": zipped(readme="x").replace(b".csv", b".txt"), "name": "a.zip"},
            "There is no CSV file in this zip.",
        ),
        ({"content": table("a@example.com", header="email")}, "Say whose addresses these are"),
        ({"format": "xlsx"}, "Select a valid choice."),
        ({"status": "pending"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_taken_is_said_beside_the_field_and_nothing_is_kept(client, mary, fields, words):
    content = fields.pop("content", table("ada@example.com,Ada,confirmed"))
    response = send(client, content, **fields)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ListImport.objects.exists()
    if "proof" not in fields:
        assert PROOF in response.content.decode()


def test_a_file_that_is_too_large_is_refused(client, mary, monkeypatch):
    monkeypatch.setattr("newsletter.forms.list_import.MOST_BYTES", 10)
    response = send(client, table("ada@example.com,Ada,confirmed"))
    assert (response.status_code, ListImport.objects.count()) == (422, 0)
    assert "larger than 200 MB" in response.content.decode()


def test_a_file_too_large_for_memory_comes_by_way_of_the_disk(client, mary, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 3_000
    content = table(*(f"reader{number}@example.com,{'x' * 60},confirmed" for number in range(50)))
    assert len(content) > 4_500
    assert send(client, content).status_code == 302
    made = ListImport.objects.get()
    assert made.file.size == len(content)
    work(made)
    assert made.counts == {"brought_in": 50, "remarks": 0}


def test_a_file_that_breaks_later_says_so_on_its_page(client, mary, monkeypatch):
    content = bytearray(zipped(subscribers=table(*(f"p{n}@example.com,P,confirmed" for n in range(3000)))))
    content[6000:6100] = b"\xff" * 100
    # Seen at the beginning, it is refused at once.
    assert b"The zip file is damaged." in send(client, bytes(content), name="a.zip").content
    assert not ListImport.objects.exists()
    monkeypatch.setattr("newsletter.services.importing.reading.HEAD", 4096)
    send(client, bytes(content), name="a.zip")
    made = work(ListImport.objects.get())
    page = client.get(page_of(made)).content.decode()
    assert "Could not be read" in page
    assert "The zip file is damaged. Export and upload it again." in page
    assert "Bring in" not in page


def test_cancelled_it_is_not_brought_in(client, mary):
    made = work(upload(table("ada@example.com,Ada,confirmed")))
    client.post(f"{LIST}{made.pk}/cancellation/")
    response = client.post(f"{LIST}{made.pk}/approval/", follow=True)
    assert "Only an import that has been checked can be brought in." in response.content.decode()
    work(made)
    assert (made.state, people()) == ("cancelled", [])


def test_a_file_in_use_is_not_removed(client, mary):
    made = upload(table("ada@example.com,Ada,confirmed"))
    response = client.post(f"{LIST}{made.pk}/removal/", follow=True)
    assert "The file is still needed" in response.content.decode()
    made.refresh_from_db()
    assert made.file


def test_a_file_that_cannot_be_removed_stays_named_and_the_page_says_so(client, mary, monkeypatch):
    made = bring_in(table("ada@example.com,Ada,confirmed"))

    def read_only(self, name):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(FileSystemStorage, "delete", read_only)
    page = client.post(f"{LIST}{made.pk}/removal/", follow=True).content.decode()
    assert "The server could not remove a file: Permission denied." in page
    assert "Remove the file and the report" in page
    made.refresh_from_db()
    assert (bool(made.file), bool(made.report), LogEntry.objects.count()) == (True, True, 0)


def test_a_link_changes_nothing(client, mary):
    made = work(upload(table("ada@example.com,Ada,confirmed")))
    for step in ("approval", "cancellation", "removal"):
        assert client.get(f"{LIST}{made.pk}/{step}/").status_code == 405
    made.refresh_from_db()
    assert (made.state, bool(made.file)) == ("checked", True)


def test_it_can_be_neither_edited_nor_deleted(client, mary):
    made = work(upload(table("ada@example.com,Ada,confirmed")))
    assert client.post(f"{LIST}{made.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(page_of(made), {"state": "approved", "proof": "another"})
    made.refresh_from_db()
    assert (made.state, made.proof) == ("checked", PROOF)


def test_the_part_that_htmx_fetches_is_that_part_alone(client, mary):
    made = upload(table("ada@example.com,Ada,confirmed"))
    part = client.get(f"{LIST}{made.pk}/progress/").content.decode()
    assert "Waits to be checked" in part
    assert "<html" not in part
    assert client.get(f"{LIST}999999/progress/").status_code == 404
    assert client.get(f"{LIST}x/change/").status_code == 404


def test_at_most_a_hundred_rows_are_shown_and_the_report_has_all(client, mary):
    made = work(upload(table(*(f"broken{number},B,confirmed" for number in range(150)))))
    page = client.get(page_of(made)).content.decode()
    assert page.count('class="address"') == 100
    assert "The first ones; the report has all." in page
    assert "Nothing in this file would change the list." in page
    assert "Bring in" not in page


def test_rows_that_change_nothing_are_in_the_report_and_the_page_says_so(client, mary):
    make_subscriber(email="known@example.com")
    Suppression.objects.add(["gone@example.com"], Suppression.Reason.BOUNCED, now=NOON)
    rows = ("ada@example.com,A,confirmed", "ada@example.com,A,confirmed", "gone@example.com,G,confirmed")
    made = work(upload(table(*rows, "known@example.com,K,confirmed")))
    page = " ".join(client.get(page_of(made)).content.decode().split())
    assert "3 rows change nothing, because their addresses are there already, suppressed or twice in the file." in page
    assert "The report by row names each." in page
    assert [(row[1], row[2]) for row in report_of(made)] == [
        ("ada@example.com", "would be brought in"),
        ("ada@example.com", "twice in the file"),
        ("gone@example.com", "suppressed: left untouched"),
        ("known@example.com", "already there"),
    ]


def test_of_several_files_each_row_says_which(client, mary):
    content = zipped(subscribed_members=table("x,A", header="email,name"))
    made = work(upload(content, name="audience.zip", status="confirmed"))
    page = client.get(page_of(made)).content.decode()
    assert '<th scope="col">File</th>' in page
    assert "<bdi>subscribed_members.csv</bdi>" in page


def test_a_check_that_was_cancelled_has_done_nothing(client, mary):
    made = work(upload(table("ada@example.com,Ada,confirmed")))
    client.post(f"{LIST}{made.pk}/cancellation/")
    page = client.get(page_of(made)).content.decode()
    assert "Would be brought in" in page
    assert "What had been done by then stays." not in page


@pytest.mark.parametrize("is_approved", [False, True])
def test_a_cancelled_check_whose_files_are_gone_has_done_nothing_either(client, mary, is_approved):
    made = work(upload(table("ada@example.com,Ada,confirmed")))
    if is_approved:
        # And the worker has not taken it up yet.
        client.post(f"{LIST}{made.pk}/approval/")
        assert "Would be brought in" in client.get(page_of(made)).content.decode()
    for step in ("cancellation", "removal"):
        client.post(f"{LIST}{made.pk}/{step}/")
    page = client.get(page_of(made)).content.decode()
    assert "Would be brought in" in page
    assert ">Brought in<" not in page
    assert "What had been done by then stays." not in page


def test_a_cancelled_import_whose_files_are_gone_says_what_stays(client, mary, monkeypatch):
    monkeypatch.setattr("newsletter.services.importing.batches.MOST", 1)
    made = work(upload(table("ada@example.com,Ada,confirmed", "bea@example.com,Bea,confirmed")))
    client.post(f"{LIST}{made.pk}/approval/")
    asked = iter([True])
    work(made, goes_on=lambda: next(asked, False))
    for step in ("cancellation", "removal"):
        client.post(f"{LIST}{made.pk}/{step}/")
    page = client.get(page_of(made)).content.decode()
    assert ">Brought in<" in page
    assert "ould be brought in" not in page
    assert "What had been done by then stays." in page


def test_of_those_who_left_the_button_says_so(client, mary):
    made = work(upload(table("ada@example.com", header="email"), status="unsubscribed"))
    assert "Write down 1 who left" in client.get(page_of(made)).content.decode()


def test_an_empty_list_of_imports_says_what_it_is_for(client, mary):
    assert "No list has been imported yet." in client.get(LIST).content.decode()
    bring_in(table("ada@example.com,Ada,confirmed"))
    assert "No list has been imported yet." not in client.get(LIST).content.decode()


@pytest.mark.parametrize("who", [front_desk, editor, stranger])
def test_others_neither_see_nor_do_anything(client, who):
    made = work(upload(table("ada@example.com,Ada,confirmed", "x@,X,confirmed")))
    client.force_login(who())
    status = 302 if who is stranger else 403
    for path in ("", "add/", f"{made.pk}/change/", f"{made.pk}/progress/", f"{made.pk}/report/"):
        response = client.get(f"{LIST}{path}")
        assert response.status_code == status, path
        assert b"example.com" not in response.content
    assert send(client, table("bea@example.com,Bea,confirmed")).status_code == status
    for step in ("approval", "cancellation", "removal"):
        assert client.post(f"{LIST}{made.pk}/{step}/").status_code == status
    made.refresh_from_db()
    assert (made.state, bool(made.file), ListImport.objects.count(), Subscriber.objects.count()) == (
        "checked",
        True,
        1,
        0,
    )


def test_who_may_only_look_cannot_bring_in(client):
    made = work(upload(table("ada@example.com,Ada,confirmed")))
    user = editor()
    user.user_permissions.add(Permission.objects.get(codename="view_listimport"))
    client.force_login(user)
    page = client.get(page_of(made))
    assert page.status_code == 200
    assert "Bring in" not in page.content.decode()
    assert client.post(f"{LIST}{made.pk}/approval/").status_code == 403


def test_the_page_asks_few_questions_however_many_rows(client, mary, django_assert_num_queries):
    made = work(upload(table(*(f"broken{number},B,confirmed" for number in range(50)))))
    client.get(page_of(made))
    with django_assert_num_queries(7):
        client.get(page_of(made))


def test_a_row_of_the_report_that_looks_like_markup_stays_text(client, mary):
    made = work(upload(table('<script>alert(1)</script>,"<img src=x>",confirmed')))
    page = client.get(page_of(made)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_report_is_whole_csv(client, mary):
    made = work(upload(table('"a,""b\r\nc",A,confirmed')))
    text = b"".join(client.get(f"{LIST}{made.pk}/report/").streaming_content).decode()
    assert list(csv.reader(io.StringIO(text, newline="")))[1][2] == 'a,"b\r\nc'
