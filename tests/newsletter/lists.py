"""Files of addresses as other programs write them, made in the test, and what an import makes of them."""

import csv
import io
import zipfile

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from newsletter.models import Consent, ListImport, Subscriber, Suppression
from newsletter.services import importing
from tests.factories import NOON

PROOF = "They ticked the box on the form at the desk; the forms are in the blue folder."
MAILCHIMP = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,NOTES,TAGS"


def table(*rows, header="email,name,status", end="\r\n"):
    """A CSV file of these lines."""
    return end.join([header, *rows, ""]).encode()


def zipped(**files):
    """A zip; `subscribed_members` is the name of subscribed_members.csv in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


def upload(content, *, name="list.csv", format="neutral", status="", proof=PROOF, topics=(), by=None, now=NOON):
    file = SimpleUploadedFile(name, content)
    return importing.upload(file=file, format=format, status=status, proof=proof, topics=list(topics), by=by, now=now)


def work(list_import=None, *, now=NOON, goes_on=lambda: True):
    """The worker's turn; returns the import as it is then."""
    importing.take_up(now=now, goes_on=goes_on)
    if list_import:
        list_import.refresh_from_db()
    return list_import


def bring_in(content, *, now=NOON, **fields):
    """Uploaded, checked, approved and brought in; returns the import."""
    made = work(upload(content, now=now, **fields), now=now)
    assert made.state == "checked", made.error
    importing.approve(made, now=now)
    return work(made, now=now)


def report_of(list_import):
    """(row, address, outcome, words) of each row."""
    with list_import.report.open("rb") as file:
        rows = list(csv.reader(io.StringIO(file.read().decode(), newline="")))
    assert rows[0] == ["file", "row", "address", "outcome", "words"]
    return [(int(row[1]), *row[2:]) for row in rows[1:]]


def outcomes(list_import):
    return [(row, outcome) for row, _address, outcome, _words in report_of(list_import)]


def everything():
    """All rows that an import might change, as the database has them."""
    return {
        "subscribers": list(Subscriber.objects.order_by("pk").values()),
        "topics": sorted(Subscriber.topics.through.objects.values_list("subscriber_id", "topic_id")),
        "consents": list(Consent.objects.order_by("pk").values()),
        "suppressions": list(Suppression.objects.order_by("pk").values()),
    }


def people():
    """(address, name, state) of all, in the order of their addresses."""
    return sorted(Subscriber.objects.values_list("email", "name", "state"))


def imports():
    return list(ListImport.objects.order_by("pk").values_list("state", flat=True))


def wipe():
    """As on another site that starts with an empty list: even the log of suppressions is gone."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE newsletter_subscriber, newsletter_suppression CASCADE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
