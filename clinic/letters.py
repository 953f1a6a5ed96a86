"""Letters: written in the transaction of what they tell, sent by the worker at least once.

The row is the truth. A letter is claimed and committed as "being sent" before the network is touched, so that
one that was cut off is known as such; it is then sent again with the same Message-ID.
"""

import contextlib
import logging
import re
import smtplib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import DatabaseError, connection, transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.template import Context, Engine
from django.utils.translation import gettext as _
from django.utils.translation import override

from clinic import addresses, mail_links
from clinic.mail_links import Link
from clinic.models import Letter, Practice

MOST_ATTEMPTS = 5
# Together longer than an hour: a mail server that is down that long loses no letter.
BACK_OFF = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(minutes=60)]
# Longer than the connection, the greeting and the text can take under EMAIL_TIMEOUT together.
LEASE = timedelta(minutes=5)
CALENDAR_METHOD = re.compile(r"^METHOD:(\w+)\s*$", re.MULTILINE)

log = logging.getLogger("clinic.letters")


class NotReached(Exception):
    """The mail server did not answer, or did not let us in: nothing was handed over."""


class NoLongerTrue(Exception):
    """What the letter tells has changed since, or is past: sending it again would mislead its reader."""


def write(
    *,
    template: str,
    to: str,
    now: datetime,
    context: Mapping[str, Any] | None = None,
    links: Mapping[str, Link] | None = None,
    reply_to: str = "",
    language: str = "en",
    calendar: str = "",
    not_after: datetime | None = None,
    practice: Practice | None = None,
) -> Letter:
    """Stores a letter for the worker to send. Call it inside the transaction of what it tells.

    `template` is a text file under templates/ whose first line is the subject; a link stands in it as
    `[[name]]` for each name in `links`. `calendar` is an iCalendar text with a METHOD, sent along. At `not_after` and
    later the letter is withdrawn instead of sent. A caller who has the practice at hand saves its query.
    Raises RuntimeError outside of a transaction, ValueError for a calendar without a METHOD.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A letter is written in the transaction of what it tells.")
    if calendar and not CALENDAR_METHOD.search(calendar):
        raise ValueError("A calendar in a letter says its METHOD.")
    subject, body = words_of(template, language=language, context=context, practice=practice)
    return Letter.objects.create(
        to=to,
        kind=template.removesuffix(".txt"),
        language=language,
        subject=subject,
        body=body,
        links={name: link.as_json() for name, link in (links or {}).items()},
        calendar=calendar,
        reply_to=reply_to,
        not_after=not_after,
        state=Letter.State.QUEUED if settings.SENDS_MAIL else Letter.State.KEPT,
        created_at=now,
        next_attempt_at=now if settings.SENDS_MAIL else None,
    )


def words_of(
    template: str, *, language: str, context: Mapping[str, Any] | None = None, practice: Practice | None = None
) -> tuple[str, str]:
    """Subject and body as `write` stores them, links still as `[[name]]`."""
    with override(language):
        words = Context({"practice": practice or Practice.objects.first(), **(context or {})}, autoescape=False)
        subject, _newline, body = Engine.get_default().get_template(template).render(words).partition("\n")
    return " ".join(subject.split())[:200], body.strip() + "\n"


def with_links(letter: Letter, *, now: datetime) -> str:
    """The body with an address for each placeholder. Each call mints new tokens."""
    body = letter.body
    for name, link in letter.links.items():
        placeholder = f"[[{name}]]"
        if placeholder in body:
            body = body.replace(placeholder, mail_links.address(Link.from_json(link), now=now))
    return body


def message_id(letter: Letter) -> str:
    """The same at every attempt, so that a mailbox can tell a repetition."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{letter.message_key.hex}@{domain}>"


def send_next(*, now: datetime) -> bool:
    """Sends the letter that has waited longest; returns whether there was one."""
    letter = _claim(now)
    if letter is None:
        return False
    try:
        _hand_over(letter, now)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        _record_refusal(letter, code, _words(words), now)
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        _record_refusal(letter, error.smtp_code, _words(error.smtp_error), now)
    except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
        # The server may have accepted it before the line went dead.
        _try_again(letter, Letter.State.UNCERTAIN, str(error), now)
    except (NotReached, smtplib.SMTPException, OSError) as error:
        _try_again(letter, Letter.State.RETRY, str(error), now)
    except DatabaseError:
        raise
    except Exception as error:
        # One letter that cannot be made must not hold up the others.
        log.exception("Letter %s cannot be made.", letter.pk)
        _try_again(letter, Letter.State.RETRY, f"{type(error).__name__}: {error}", now)
    else:
        letter.state, letter.sent_at, letter.error, letter.lease_until = Letter.State.SENT, now, "", None
        letter.save(update_fields=["state", "sent_at", "error", "lease_until"])
    return True


def take_up_cut_off(*, now: datetime) -> None:
    """Marks letters whose sending never ended as uncertain and plans their repetition."""
    with transaction.atomic():
        for letter in Letter.objects.cut_off(now).select_for_update(skip_locked=True)[:100]:
            _try_again(letter, Letter.State.UNCERTAIN, _("Cut off while it was being sent."), now)


def withdraw(letters: QuerySet[Letter] | Iterable[int], *, now: datetime) -> None:
    """Takes back letters (or their keys) that are no longer true. Call it in the transaction of the change.

    Whatever has not left becomes withdrawn: those that wait, an uncertain one too (it may have arrived, and keeps
    its error that says so), those that failed, and in the trial those that are kept. One that is being sent cannot be
    called back, and what was sent stays sent, but from now on neither is ever sent again.
    """
    gone = When(state__in=[Letter.State.SENDING, Letter.State.SENT], then=F("state"))
    chosen = Letter.objects.filter(pk__in=letters)  # type: ignore[misc] # a queryset is a subquery of its keys
    chosen.update(state=Case(gone, default=Value(Letter.State.WITHDRAWN)), not_after=now, next_attempt_at=None)


def send_again(letter: Letter, *, now: datetime) -> None:
    """A person's decision: the letter goes to the head of a new series of attempts. Raises NoLongerTrue."""
    if not letter.is_true_at(now):
        raise NoLongerTrue(_("What this letter tells is no longer true. It is not sent again."))
    letter.state, letter.attempts, letter.error = Letter.State.QUEUED, 0, ""
    letter.next_attempt_at, letter.lease_until = now, None
    letter.save(update_fields=["state", "attempts", "error", "next_attempt_at", "lease_until"])


def _claim(now: datetime) -> Letter | None:
    with transaction.atomic():
        due = Letter.objects.due(now).select_for_update(skip_locked=True)
        while (letter := due.first()) is not None and not letter.is_true_at(now):
            letter.state, letter.next_attempt_at = Letter.State.WITHDRAWN, None
            letter.save(update_fields=["state", "next_attempt_at"])
        if letter is not None:
            letter.state, letter.lease_until = Letter.State.SENDING, now + LEASE
            letter.attempts += 1
            letter.save(update_fields=["state", "lease_until", "attempts"])
    return letter


def _message(letter: Letter, now: datetime) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=with_links(letter, now=now),
        from_email=settings.DEFAULT_FROM_EMAIL,
        # Django by itself would write to strasse.example for straße.example.
        to=[addresses.in_ascii(letter.to)],
        reply_to=[addresses.in_ascii(letter.reply_to)] if letter.reply_to else None,
        headers={"Message-ID": message_id(letter), "Auto-Submitted": "auto-generated"},
    )
    if method := CALENDAR_METHOD.search(letter.calendar):
        # The other form of the text, with its method (RFC 6047 section 2.4), is what Gmail, Outlook and Apple act on;
        # Outlook looks for it in the first part only. The file is for people whose mail program does not. Its type
        # is another, as in Google's own invitations, lest a program that reads every text/calendar sees two events.
        message.attach_alternative(letter.calendar, f"text/calendar; method={method[1]}")
        message.attach("appointment.ics", letter.calendar.encode(), "application/ics")
    return message


def _hand_over(letter: Letter, now: datetime) -> None:
    server = get_connection()
    message = _message(letter, now)
    message.connection = server
    try:
        server.open()
    except OSError as error:
        raise NotReached(str(error)) from error
    try:
        if not message.send():
            raise NotReached(_("It has no address to go to."))
    finally:
        # It has been accepted or refused by now; how the line ends changes nothing.
        with contextlib.suppress(OSError):
            server.close()


def _words(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def _record_refusal(letter: Letter, code: int, words: str, now: datetime) -> None:
    """A 5xx is final, RFC 5321 section 4.2.1; a 4xx is worth another try."""
    error = f"{code} {words}"
    if code >= 500:
        _give_up(letter, error)
    else:
        _try_again(letter, Letter.State.RETRY, error, now)


def _try_again(letter: Letter, state: Letter.State, error: str, now: datetime) -> None:
    if letter.attempts >= MOST_ATTEMPTS:
        _give_up(letter, error)
        return
    letter.state, letter.error, letter.lease_until = state, error, None
    letter.next_attempt_at = now + BACK_OFF[letter.attempts - 1]
    letter.save(update_fields=["state", "error", "lease_until", "next_attempt_at"])
    log.info("Letter %s: attempt %s did not end well; another follows.", letter.pk, letter.attempts)


def _give_up(letter: Letter, error: str) -> None:
    letter.state, letter.error, letter.lease_until, letter.next_attempt_at = Letter.State.FAILED, error, None, None
    letter.save(update_fields=["state", "error", "lease_until", "next_attempt_at"])
    log.warning("Letter %s failed after %s attempts.", letter.pk, letter.attempts)
