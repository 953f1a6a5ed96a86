"""What is refused or kept quiet before any view."""

import logging
import sys

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection

from clinic.logs import LineFormatter
from tests.factories import make_practice, marketing, stranger


@pytest.mark.parametrize("path", ["/appointments/request/", "/newsletter/", "/", "/nowhere/", "/admin/login/"])
def test_a_visitors_ten_megabytes_are_refused_unread(client, db, path):
    answer = client.post(path, "x" * 10_000_000, content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, answer.content.decode()) == (
        413,
        "What you sent is too long. Please go back and shorten it.",
    )


@pytest.mark.parametrize(("who", "status"), [(stranger, 413), (marketing, 422)])
def test_only_staff_send_large_files_to_the_desk(client, db, who, status):
    client.force_login(who())
    upload = {"file": SimpleUploadedFile("list.csv", b"x" * 2_000_000)}
    assert client.post("/admin/newsletter/listimport/add/", upload).status_code == status


def test_a_length_that_is_no_number_is_refused(client, db):
    assert client.post("/newsletter/", CONTENT_LENGTH="-1").status_code == 413


def test_a_log_line_never_quotes_the_row_that_the_database_refused(db):
    make_practice(name="Jane Doe, facelift")
    formatter = LineFormatter("{message}", style="{")
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE clinic_practice SET id = 2")
    except IntegrityError:
        record = logging.LogRecord("django.request", logging.ERROR, "", 0, "Broken", (), sys.exc_info())
    else:
        pytest.fail("The constraint of one practice is gone.")
    line = formatter.format(record)
    assert "IntegrityError" in line
    assert "Jane Doe" in logging.Formatter().format(record)
    assert "Jane Doe" not in line
