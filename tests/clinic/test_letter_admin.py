"""What the desk sees of a letter's calendar file, and of a letter that is no longer true."""

import re

import pytest

from clinic.models import Letter
from tests.factories import NOON, editor, front_desk, make_letter

CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Zoë\r\nEND:VCALENDAR\r\n"


def page(letter):
    return f"/admin/clinic/letter/{letter.pk}/change/"


def words_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_calendar_file_is_named_and_downloaded_as_it_was_sent(client, db):
    letter = make_letter(calendar=CALENDAR)
    client.force_login(front_desk())

    text = client.get(page(letter)).content.decode()
    response = client.get(f"/admin/clinic/letter/{letter.pk}/calendar/")

    assert f'<a href="/admin/clinic/letter/{letter.pk}/calendar/">appointment.ics</a>' in text
    assert (response["Content-Type"], response["Content-Disposition"], response.content) == (
        "text/calendar; charset=utf-8",
        'attachment; filename="appointment.ics"',
        CALENDAR.encode(),
    )


def test_a_letter_without_a_calendar_says_so_and_has_none_to_download(client, db):
    letter = make_letter()
    client.force_login(front_desk())

    assert "Calendar file: none" in words_of(client.get(page(letter)))
    assert client.get(f"/admin/clinic/letter/{letter.pk}/calendar/").status_code == 404


def test_the_calendar_file_is_for_those_who_may_read_letters(client, db):
    letter = make_letter(calendar=CALENDAR)
    client.force_login(editor())

    assert client.get(f"/admin/clinic/letter/{letter.pk}/calendar/").status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {"state": Letter.State.WITHDRAWN, "next_attempt_at": None},
        {"state": Letter.State.SENT, "next_attempt_at": None, "sent_at": NOON, "not_after": NOON},
    ],
)
def test_what_is_no_longer_true_is_neither_offered_to_be_sent_again_nor_sent(client, db, settings, fields):
    settings.SENDS_MAIL = True
    letter = make_letter(**fields)
    true = make_letter(state=Letter.State.SENT, next_attempt_at=None, sent_at=NOON)
    client.force_login(front_desk())

    offered = ["Send again" in words_of(client.get(page(one))) for one in (letter, true)]
    answer = client.post(f"/admin/clinic/letter/{letter.pk}/send-again/", follow=True)

    assert offered == [False, True]
    assert "0 letters will be sent again." in answer.content.decode()
    letter.refresh_from_db()
    assert letter.state == fields["state"]


def test_a_withdrawn_letter_is_called_so(client, db):
    letter = make_letter(state=Letter.State.WITHDRAWN, next_attempt_at=None)
    client.force_login(front_desk())

    assert "State: withdrawn, no longer true" in words_of(client.get(page(letter)))
