from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from appointments import phones, references
from appointments.emails import requests as emails
from appointments.models import AppointmentRequest, PreferredTime
from appointments.open_days import OpenDays
from appointments.services.patients import Details, find_or_add
from clinic import addresses, mail_links
from clinic.models import User
from clinic.rate_limits import Limit

# Phone carriers put many people behind one address: generous.
NETWORK_LIMITS = (
    Limit("appointments.request.network.hour", 20, timedelta(hours=1)),
    Limit("appointments.request.network.day", 60, timedelta(days=1)),
)
# A limit of their own, so that nobody who types a stranger's address into other forms keeps this letter from them. The
# key is addresses.mailbox.
REQUESTS_OF_ONE_MAILBOX = Limit("appointments.request.mailbox", 3, timedelta(days=1))
REFERENCE_TRIES = 5


class TooManyRequests(Exception):
    """From one network address; `wait` is how long until the next is taken."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


def take_request(
    *, request: AppointmentRequest, preferred_times: Iterable[PreferredTime], network: str, now: datetime
) -> str:
    """Stores a visitor's request with its letters; returns the token of its confirmation page.

    A request whose `submission` has been stored before is not stored again: the token then opens the first one.
    Raises TooManyRequests for a `network` (rate_limits.network) that has sent too many.
    """
    for limit in NETWORK_LIMITS:
        if wait := limit.count(network, now=now):
            raise TooManyRequests(wait)
    try:
        with transaction.atomic():
            _store(request, preferred_times, now)
            _write_letters(request, now)
            return mail_links.mint(emails.confirmation_link(request), now=now)
    except IntegrityError as error:
        if _broken_constraint(error) != "request_submission_once":
            raise
        first = AppointmentRequest.objects.get(submission=request.submission)
        return mail_links.mint(emails.confirmation_link(first), now=now)


def take_call(*, request: AppointmentRequest, by: User, now: datetime) -> None:
    """Stores what a caller would like, written down by staff. No letter: they have just spoken."""
    request.taken_by = by
    with transaction.atomic():
        _store(request, (), now)


def _store(request: AppointmentRequest, preferred_times: Iterable[PreferredTime], now: datetime) -> None:
    request.created_at = request.changed_at = now
    request.due_on = OpenDays.at(now).next
    request.phone_e164 = phones.e164(request.phone) if request.phone else ""
    request.patient = find_or_add(Details(request.name, request.email, request.phone), now=now)
    _save_under_new_reference(request)
    for preferred in preferred_times:
        preferred.request = request
        preferred.save()


def _save_under_new_reference(request: AppointmentRequest) -> None:
    """Chance may give the same reference twice; the database refuses that, and another one is drawn."""
    for tries_left in reversed(range(REFERENCE_TRIES)):
        request.reference = references.new_reference()
        try:
            with transaction.atomic():
                request.save(force_insert=True)
                return
        except IntegrityError as error:
            if _broken_constraint(error) != "request_reference_once" or not tries_left:
                raise


def _write_letters(request: AppointmentRequest, now: datetime) -> None:
    # Counted inside the transaction on purpose: what is rolled back has written no letter either, and the row
    # stays locked until the commit, so that the count is exact.
    if REQUESTS_OF_ONE_MAILBOX.count(addresses.mailbox(request.email), now=now) is None:
        emails.tell_patient(request, now=now)
    emails.tell_front_desk(request, now=now)


def _broken_constraint(error: IntegrityError) -> str | None:
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
