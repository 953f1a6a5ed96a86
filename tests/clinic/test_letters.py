"""A letter is sent at least once, with the same Message-ID, and its links work; against a real SMTP server."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from clinic import letters, mail_links
from clinic.mail_links import Link
from clinic.models import Letter, MailLink
from tests import mail_sink
from tests.factories import NOON, make_letter, make_practice

MINUTE = timedelta(minutes=1)
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Termin für Zoë 💉\r\n"
    "DESCRIPTION:METHOD:CANCEL\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
LINK = Link(purpose="test.confirm", object_id=7, view="clinic:policy", lifetime=timedelta(days=2))
BEGIN = "http://127.0.0.1:8000/policies/"


@pytest.fixture
def sink(settings):
    with mail_sink.running() as sink:
        settings.SENDS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 5
        settings.DEFAULT_FROM_EMAIL = "Elm Street <desk@elmstreet.example>"
        yield sink


@pytest.fixture
def template(settings, tmp_path):
    """Writes a letter's template; its name is what `letters.write` wants."""
    first = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**first, "DIRS": [*first["DIRS"], tmp_path]}]

    def write(text):
        (tmp_path / "letter.txt").write_text(text)
        return "letter.txt"

    return write


def test_a_letter_is_sent_once_in_full(db, sink):
    letter = make_letter(
        subject="Your request – received", body="Grüße,\n<b>Ann</b> & co\n", reply_to="front@elm.example"
    )

    assert [letters.send_next(now=NOON), letters.send_next(now=NOON)] == [True, False]

    (message,) = sink.accepted
    assert {name: message[name] for name in ("To", "From", "Subject", "Reply-To", "Auto-Submitted", "Message-ID")} == {
        "To": "ann@patient.example",
        "From": "Elm Street <desk@elmstreet.example>",
        "Subject": "Your request – received",
        "Reply-To": "front@elm.example",
        "Auto-Submitted": "auto-generated",
        "Message-ID": f"<{letter.message_key.hex}@elmstreet.example>",
    }
    assert (message.get_content_type(), message.get_content()) == ("text/plain", "Grüße,\n<b>Ann</b> & co\n")
    letter.refresh_from_db()
    assert (letter.state, letter.sent_at, letter.attempts, letter.error, letter.lease_until) == (
        Letter.State.SENT,
        NOON,
        1,
        "",
        None,
    )


def test_a_letter_goes_to_the_domain_that_was_typed(db, sink):
    letter = make_letter(to="ann@straße.example", reply_to="front@straße.example")
    letters.send_next(now=NOON)
    (message,) = sink.accepted
    assert (message["To"], message["Reply-To"]) == ("ann@xn--strae-oqa.example", "front@xn--strae-oqa.example")
    letter.refresh_from_db()
    assert (letter.state, letter.to) == ("sent", "ann@straße.example")


def test_a_letter_that_is_not_due_waits(db, sink):
    make_letter(next_attempt_at=NOON + MINUTE)

    assert letters.send_next(now=NOON) is False
    assert letters.send_next(now=NOON + MINUTE) is True


def test_the_one_that_has_waited_longest_goes_first(db, sink):
    make_letter(subject="Second", next_attempt_at=NOON - MINUTE)
    make_letter(subject="First", next_attempt_at=NOON - 2 * MINUTE)

    while letters.send_next(now=NOON):
        pass

    assert [message["Subject"] for message in sink.accepted] == ["First", "Second"]


# Writing


def test_a_written_letter_waits_for_the_worker(db, sink, template):
    make_practice()
    name = template("{{ practice.name }}: for {{ name }}\n\nHello {{ name }}.\n\n{{ practice.phone }}\n\n\n")

    letter = letters.write(template=name, to="ann@patient.example", now=NOON, context={"name": "Ann"})

    assert (letter.subject, letter.body, letter.kind) == (
        "Elm Street Aesthetics: for Ann",
        "Hello Ann.\n\n+1 212 555 0142\n",
        "letter",
    )
    assert (letter.state, letter.next_attempt_at, letter.attempts) == (Letter.State.QUEUED, NOON, 0)


@pytest.mark.django_db(transaction=True)
def test_a_rollback_leaves_no_letter(sink, template):
    name = template("Subject\n\nBody")

    with transaction.atomic():
        letters.write(template=name, to="ann@patient.example", now=NOON)
        transaction.set_rollback(True)

    assert (Letter.objects.count(), letters.send_next(now=NOON), sink.accepted) == (0, False, [])


@pytest.mark.django_db(transaction=True)
def test_writing_outside_of_a_transaction_is_refused(template):
    with pytest.raises(RuntimeError, match="in the transaction"):
        letters.write(template=template("Subject\n\nBody"), to="ann@patient.example", now=NOON)

    assert Letter.objects.count() == 0


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_line_end_in_a_name_adds_no_header(db, sink, template, end):
    name = template("Request of {{ name }}\n\nBody")
    forged = f"Ann{end}Bcc: victim@elsewhere.example{end}{end}Buy this"

    letters.write(template=name, to="ann@patient.example", now=NOON, context={"name": forged})
    letters.send_next(now=NOON)

    (message,) = sink.accepted
    assert set(message.keys()) == {
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Subject", "From", "To", "Date"),
        *("Message-ID", "Auto-Submitted"),
    }
    assert str(message["Subject"]).startswith("Request of Ann")


def test_html_in_what_somebody_typed_stays_text(db, sink, template):
    name = template("Request of {{ name }}\n\n{{ message }}\n")
    typed = '<script>alert("1")</script> & <b>bold</b>'

    letters.write(template=name, to="a@b.example", now=NOON, context={"name": "<i>Ann</i>", "message": typed})
    letters.send_next(now=NOON)

    (message,) = sink.accepted
    assert message.get_content_type() == "text/plain"
    assert (message["Subject"], message.get_content()) == ("Request of <i>Ann</i>", f"{typed}\n")


def test_template_syntax_that_somebody_typed_stays_text(db, sink, template):
    name = template("Subject\n\n{{ message }}")

    letter = letters.write(template=name, to="a@b.example", now=NOON, context={"message": "{{ practice.email }}"})

    assert letter.body == "{{ practice.email }}\n"


def test_without_a_mail_server_a_letter_is_kept_and_leaves_nowhere(db, sink, settings, template):
    settings.SENDS_MAIL = False

    letter = letters.write(template=template("Subject\n\nBody"), to="ann@patient.example", now=NOON)

    assert (letter.state, letter.next_attempt_at) == (Letter.State.KEPT, None)
    assert letters.send_next(now=NOON + timedelta(days=1)) is False
    assert sink.accepted == []


def test_a_practice_at_hand_saves_its_query(db, template, django_assert_num_queries):
    practice = make_practice(name="Elm Street")

    with django_assert_num_queries(1):
        letter = letters.write(template=template("{{ practice.name }}\n\n-"), to="a@b.c", now=NOON, practice=practice)

    assert letter.subject == "Elm Street"


# Calendars


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH"])
def test_a_calendar_goes_with_the_letter_as_mail_programs_act_on_it_and_as_a_file(db, sink, template, method):
    """The other form of the text in the first part, the file in the last."""
    calendar = CALENDAR.replace("METHOD:REQUEST", f"METHOD:{method}")
    letter = letters.write(template=template("Subject\n\nGrüße\n"), to="a@b.example", now=NOON, calendar=calendar)
    letters.send_next(now=NOON)

    (message,) = sink.accepted
    both, file = message.iter_parts()
    text, event = both.iter_parts()
    assert [part.get_content_type() for part in (message, both, text, event, file)] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/calendar",
        "application/ics",
    ]
    assert text.get_content() == "Grüße\n"
    assert dict(event["Content-Type"].params) == {"method": method, "charset": "utf-8"}
    assert event.get_content_disposition() is None
    assert event.get_content() == calendar.replace("\r\n", "\n")
    assert (file.get_content_disposition(), file.get_filename()) == ("attachment", "appointment.ics")
    assert file.get_content() == calendar.encode()
    assert sink.message_ids == [letters.message_id(letter)]


def test_a_calendar_is_on_the_line_with_the_line_ends_of_its_standard(db, sink, monkeypatch):
    """RFC 5545 section 3.1; the sink's own reading hides them."""
    lines = []
    read = sink.handle_DATA

    async def look(server, session, envelope):
        lines.append(envelope.content)
        return await read(server, session, envelope)

    monkeypatch.setattr(sink, "handle_DATA", look)
    make_letter(calendar=CALENDAR)

    letters.send_next(now=NOON)

    assert CALENDAR.encode() in lines[0]


def test_a_calendar_goes_again_as_the_same(db, sink):
    make_letter(calendar=CALENDAR)
    delivered = []
    sink.answers += [lambda message: delivered.append(message)]

    letters.send_next(now=NOON)
    letters.send_next(now=NOON + MINUTE)

    first, second = ([part.get_payload() for part in message.walk()][2:] for message in (*delivered, *sink.accepted))
    assert (first, delivered[0]["Message-ID"]) == (second, sink.message_ids[0])


@pytest.mark.parametrize("calendar", ["BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "X-METHOD:REQUEST\r\n"])
def test_a_calendar_without_a_method_is_not_written(db, template, calendar):
    with pytest.raises(ValueError, match="METHOD"):
        letters.write(template=template("Subject\n\nBody"), to="a@b.example", now=NOON, calendar=calendar)

    assert Letter.objects.count() == 0


# When what it tells is no longer true


def test_a_letter_is_sent_until_its_end_and_never_at_it_or_after(db, sink, template):
    name = template("{{ subject }}\n\nBody")
    for subject, end in [("Late", NOON - MINUTE), ("At it", NOON), ("In time", NOON + timedelta(seconds=1))]:
        letters.write(template=name, to="a@b.example", now=NOON, not_after=end, context={"subject": subject})

    assert [letters.send_next(now=NOON), letters.send_next(now=NOON)] == [True, False]

    assert [message["Subject"] for message in sink.accepted] == ["In time"]
    assert set(Letter.objects.values_list("subject", "state", "next_attempt_at", "attempts")) == {
        ("Late", Letter.State.WITHDRAWN, None, 0),
        ("At it", Letter.State.WITHDRAWN, None, 0),
        ("In time", Letter.State.SENT, NOON, 1),
    }


def test_a_letter_whose_next_attempt_is_after_its_end_is_withdrawn_and_keeps_the_error(db, sink):
    letter = make_letter(not_after=NOON + timedelta(seconds=30))
    sink.answers += ["451 4.7.1 Greylisted"]

    letters.send_next(now=NOON)

    assert letters.send_next(now=NOON + MINUTE) is False
    letter.refresh_from_db()
    assert (letter.state, letter.error, sink.accepted) == (Letter.State.WITHDRAWN, "451 4.7.1 Greylisted", [])


def of_each_state():
    """One letter in each state, its state as the subject."""
    for state in Letter.State:
        waits = {"next_attempt_at": NOON if state in Letter.WAITING else None}
        lease = {"lease_until": NOON + MINUTE} if state == Letter.State.SENDING else {}
        make_letter(state=state, subject=state.value, **waits, **lease)


@pytest.mark.parametrize(
    "chosen",
    [
        lambda: Letter.objects.filter(to="ann@patient.example"),
        lambda: Letter.objects.filter(to="ann@patient.example").order_by("pk")[:50],
        lambda: list(Letter.objects.filter(to="ann@patient.example").values_list("pk", flat=True)),
        lambda: iter(list(Letter.objects.filter(to="ann@patient.example").values_list("pk", flat=True))),
    ],
    ids=["queryset", "slice", "list", "iterator"],
)
def test_what_has_not_left_is_withdrawn_and_what_left_stays(db, chosen, django_assert_num_queries):
    of_each_state()
    other = make_letter(to="ben@patient.example")
    letters_of_ann = chosen()

    with django_assert_num_queries(1):
        letters.withdraw(letters_of_ann, now=NOON)

    assert dict(Letter.objects.exclude(pk=other.pk).values_list("subject", "state")) == {
        "queued": "withdrawn",
        "retry": "withdrawn",
        "uncertain": "withdrawn",
        "kept": "withdrawn",
        "failed": "withdrawn",
        "withdrawn": "withdrawn",
        "sending": "sending",
        "sent": "sent",
    }
    other.refresh_from_db()
    assert (other.state, other.not_after, other.next_attempt_at) == (Letter.State.QUEUED, None, NOON)


def test_a_withdrawn_letter_is_not_sent(db, sink):
    letter = make_letter()

    letters.withdraw([letter.pk], now=NOON)

    assert (letters.send_next(now=NOON + timedelta(days=1)), sink.accepted) == (False, [])


def test_a_rollback_of_the_change_keeps_its_letters(db, sink):
    letter = make_letter()

    with transaction.atomic():
        letters.withdraw([letter.pk], now=NOON)
        transaction.set_rollback(True)

    assert (letters.send_next(now=NOON), sink.message_ids) == (True, [letters.message_id(letter)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("answer", "after"), [("250 OK", "sent"), ("451 later", "withdrawn"), (None, "withdrawn")])
def test_a_letter_that_is_withdrawn_while_it_is_being_sent_is_not_sent_a_second_time(sink, answer, after):
    letter = make_letter()

    def withdraw_meanwhile(message):
        try:
            letters.withdraw([letter.pk], now=NOON)
        finally:
            connection.close()
        return answer

    sink.answers += [withdraw_meanwhile]
    letters.send_next(now=NOON)

    assert letters.send_next(now=NOON + MINUTE) is False
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, len(sink.accepted)) == (after, 1, 1 if after == "sent" else 0)


def test_a_letter_that_was_cut_off_and_withdrawn_is_not_sent_again(db, sink):
    letter = make_letter(state=Letter.State.SENDING, lease_until=NOON, next_attempt_at=None, attempts=1)

    letters.withdraw([letter.pk], now=NOON)
    letters.take_up_cut_off(now=NOON + MINUTE)

    assert letters.send_next(now=NOON + 5 * MINUTE) is False
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (Letter.State.WITHDRAWN, "Cut off while it was being sent.")


@pytest.mark.django_db(transaction=True)
def test_a_sender_passes_over_a_letter_whose_withdrawal_is_not_committed_yet(sink):
    letter = make_letter()
    held, done = threading.Event(), threading.Event()

    def change_the_appointment():
        with transaction.atomic():
            letters.withdraw([letter.pk], now=NOON)
            held.set()
            done.wait(60)
        connection.close()

    other = threading.Thread(target=change_the_appointment)
    other.start()
    assert held.wait(60)
    try:
        assert letters.send_next(now=NOON) is False
    finally:
        done.set()
        other.join()

    letter.refresh_from_db()
    assert (letter.state, letters.send_next(now=NOON), sink.accepted) == (Letter.State.WITHDRAWN, False, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"state": Letter.State.WITHDRAWN, "next_attempt_at": None},
        {"state": Letter.State.SENT, "next_attempt_at": None, "not_after": NOON},
        {"state": Letter.State.FAILED, "next_attempt_at": None, "not_after": NOON - MINUTE},
    ],
)
def test_nobody_sends_again_what_is_no_longer_true(db, fields):
    letter = make_letter(**fields)

    with pytest.raises(letters.NoLongerTrue, match="no longer true"):
        letters.send_again(letter, now=NOON)

    assert Letter.objects.get().state == fields["state"]


# Links


def test_the_stored_body_holds_no_token_and_the_sent_one_a_link_that_works(db, sink, template):
    name = template("Subject\n\nConfirm: [[confirm]]\nAgain: [[confirm]]\n")

    letter = letters.write(template=name, to="a@b.example", now=NOON, links={"confirm": LINK})
    stored = "Confirm: [[confirm]]\nAgain: [[confirm]]\n"
    assert (letter.body, MailLink.objects.count()) == (stored, 0)
    letters.send_next(now=NOON)

    first, second = sink.accepted[0].get_content().splitlines()
    assert first.startswith(f"Confirm: {BEGIN}")
    token = first.removeprefix(f"Confirm: {BEGIN}").rstrip("/")
    assert second == f"Again: {BEGIN}{token}/"
    assert mail_links.find("test.confirm", token, now=NOON).object_id == 7
    letter.refresh_from_db()
    assert letter.body == stored
    assert token not in str(Letter.objects.values().get())
    assert token.encode() not in bytes(MailLink.objects.get().token_hash)


def test_each_attempt_mints_a_new_token_and_the_older_one_stays_valid(db, sink):
    make_letter(body="[[confirm]]", links={"confirm": LINK.as_json()})
    seen = []
    sink.answers += [lambda message: seen.append(message.get_content()) or "451 later"]

    letters.send_next(now=NOON)
    letters.send_next(now=NOON + MINUTE)

    tokens = [body.strip().removeprefix(BEGIN).rstrip("/") for body in (*seen, sink.accepted[0].get_content())]
    assert len(set(tokens)) == 2
    assert [mail_links.find("test.confirm", token, now=NOON).object_id for token in tokens] == [7, 7]


# When the mail server does not take it


def test_a_temporary_refusal_is_tried_again(db, sink):
    letter = make_letter()
    sink.answers += ["451 4.7.1 Greylisted"]

    letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.error, letter.attempts, letter.next_attempt_at) == (
        Letter.State.RETRY,
        "451 4.7.1 Greylisted",
        1,
        NOON + MINUTE,
    )
    assert letters.send_next(now=NOON + MINUTE - timedelta(seconds=1)) is False
    assert letters.send_next(now=NOON + MINUTE) is True
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error, len(sink.accepted)) == (Letter.State.SENT, 2, "", 1)


def test_a_final_refusal_keeps_the_servers_words_and_is_not_tried_again(db, sink):
    letter = make_letter()
    sink.answers += ["550 5.1.1 No such person"]

    letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.error, letter.next_attempt_at) == (
        Letter.State.FAILED,
        "550 5.1.1 No such person",
        None,
    )
    assert letters.send_next(now=NOON + timedelta(days=9)) is False
    assert sink.accepted == []


def test_a_refused_recipient_is_final_too(db, sink):
    async def refuse(server, session, envelope, address, options):
        return "553 5.1.3 Not here"

    sink.handle_RCPT = refuse
    letter = make_letter()

    letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.error) == (Letter.State.FAILED, "553 5.1.3 Not here")


def test_a_line_that_breaks_after_the_text_is_uncertain_and_the_letter_goes_again_as_the_same(db, sink):
    """The server may have it already: the reader's mailbox knows a repetition by its Message-ID."""
    letter = make_letter()
    delivered = []
    sink.answers += [lambda message: delivered.append(message["Message-ID"])]

    letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.next_attempt_at) == (Letter.State.UNCERTAIN, NOON + MINUTE)
    letters.send_next(now=NOON + MINUTE)
    letter.refresh_from_db()
    assert letter.state == Letter.State.SENT
    assert delivered == sink.message_ids == [letters.message_id(letter)]


def test_a_mail_server_that_is_down_for_an_hour_loses_no_letter(db, sink):
    letter = make_letter()
    sink.stop()
    tried_at = []

    for minute in range(61):
        if letters.send_next(now=NOON + minute * MINUTE):
            tried_at.append(minute)
            letter.refresh_from_db()
            assert letter.state == Letter.State.RETRY
    sink.start()
    while not letters.send_next(now=NOON + minute * MINUTE):
        minute += 1

    letter.refresh_from_db()
    assert (tried_at, minute) == ([0, 1, 6, 26], 86)
    assert (letter.state, letter.attempts, sink.message_ids) == (
        Letter.State.SENT,
        5,
        [letters.message_id(letter)],
    )


def test_a_letter_fails_after_five_attempts(db, sink):
    letter = make_letter()
    sink.answers += [f"421 busy {number}" for number in range(1, 10)]
    attempts = sum(letters.send_next(now=NOON + hour * 60 * MINUTE) for hour in range(48))

    letter.refresh_from_db()
    assert (attempts, letter.attempts, letter.state, letter.error) == (5, 5, Letter.State.FAILED, "421 busy 5")


def test_a_server_that_cannot_be_reached_leaves_no_doubt_about_the_letter(db, sink, settings):
    """Only a letter whose text was on its way is called uncertain."""
    letter = make_letter()
    with mail_sink.silent() as port:
        settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = port, 0.2
        letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.error) == (Letter.State.RETRY, "Connection unexpectedly closed: timed out")


def test_a_letter_that_cannot_be_made_does_not_hold_up_the_next(db, sink):
    """Such as one that waited through an upgrade in which its link's page got another name."""
    links = {"confirm": {**LINK.as_json(), "view": "clinic:was-renamed"}}
    broken = make_letter(body="[[confirm]]", links=links, next_attempt_at=NOON - MINUTE)
    make_letter(subject="After it")

    while letters.send_next(now=NOON):
        pass

    broken.refresh_from_db()
    assert [message["Subject"] for message in sink.accepted] == ["After it"]
    assert (broken.state, broken.error.partition(":")[0]) == (Letter.State.RETRY, "NoReverseMatch")


def test_a_letter_to_nobody_does_not_pass_for_sent(db, sink):
    letter = make_letter(to="")

    letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.error, sink.accepted) == (Letter.State.RETRY, "It has no address to go to.", [])


# When the worker does not come back


@pytest.mark.django_db(transaction=True)
def test_a_letter_is_known_as_being_sent_before_the_server_hears_of_it(sink):
    letter = make_letter()
    seen = []

    def look(message):
        try:
            seen.append(Letter.objects.values_list("state", "attempts", "lease_until").get())
        finally:
            connection.close()
        return "250 OK"

    sink.answers += [look]
    letters.send_next(now=NOON)

    assert seen == [(Letter.State.SENDING, 1, NOON + letters.LEASE)]
    letter.refresh_from_db()
    assert letter.state == Letter.State.SENT


def test_a_letter_that_was_cut_off_becomes_uncertain_when_its_lease_ends_and_goes_again(db, sink):
    letter = make_letter(state=Letter.State.SENDING, lease_until=NOON, next_attempt_at=None, attempts=1)

    letters.take_up_cut_off(now=NOON)
    letter.refresh_from_db()
    assert letter.state == Letter.State.SENDING

    later = NOON + timedelta(seconds=1)
    letters.take_up_cut_off(now=later)
    letter.refresh_from_db()
    assert (letter.state, letter.error, letter.next_attempt_at) == (
        Letter.State.UNCERTAIN,
        "Cut off while it was being sent.",
        later + MINUTE,
    )
    assert letters.send_next(now=later + MINUTE) is True
    assert sink.message_ids == [letters.message_id(letter)]


def test_a_letter_that_is_cut_off_five_times_fails_and_waits_for_a_person(db, sink):
    letter = make_letter(state=Letter.State.SENDING, lease_until=NOON, next_attempt_at=None, attempts=5)

    letters.take_up_cut_off(now=NOON + MINUTE)

    letter.refresh_from_db()
    assert (letter.state, letter.error) == (Letter.State.FAILED, "Cut off while it was being sent.")


def test_a_person_may_send_a_failed_letter_again(db, sink):
    letter = make_letter(state=Letter.State.FAILED, next_attempt_at=None, attempts=5, error="421 busy")

    letters.send_again(letter, now=NOON)
    letters.send_next(now=NOON)

    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error) == (Letter.State.SENT, 1, "")
    assert sink.message_ids == [letters.message_id(letter)]


# Several senders


@pytest.mark.django_db(transaction=True)
def test_a_letter_that_another_sender_holds_is_passed_over(sink):
    make_letter(subject="Held", next_attempt_at=NOON - MINUTE)
    make_letter(subject="Free")
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Letter.objects.select_for_update().get(subject="Held")
            held.set()
            done.wait(60)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(60)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '30s'")
        assert letters.send_next(now=NOON) is True
    finally:
        done.set()
        other.join()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")

    assert [message["Subject"] for message in sink.accepted] == ["Free"]


@pytest.mark.django_db(transaction=True)
def test_senders_at_once_send_each_letter_once(sink):
    for number in range(40):
        make_letter(subject=str(number))

    def send():
        while letters.send_next(now=NOON):
            pass
        connection.close()

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)

    assert sorted(int(message["Subject"]) for message in sink.accepted) == list(range(40))
    assert set(Letter.objects.values_list("state", "attempts")) == {(Letter.State.SENT, 1)}
