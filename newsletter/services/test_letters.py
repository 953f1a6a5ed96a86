"""A test of a campaign's letter, sent at once to colleagues: to the address of their own account and to no other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import make_msgid

from django.db import transaction
from django.utils.translation import gettext as _

from clinic.models import User
from clinic.rate_limits import Limit
from newsletter.emails.message import AddressNotAscii, Envelope, Person, Prepared, ascii_address
from newsletter.emails.rendering import render
from newsletter.models import Campaign, Delivery
from newsletter.services.offers_shown import content_for
from newsletter.services.sending.post import NotReached, Post

# Stands in the links of a test letter; the pages behind them say that it was one. Real ones are 32 characters long.
TOKEN = "test"  # noqa: S105 -- it opens nothing
MOST_AT_ONCE = 5
LETTERS = Limit("newsletter.test_letters", 20, timedelta(hours=1))


class TooManyTests(Exception):
    """The hour's tests are used up. `wait` is how long until the next may go; the message is for staff."""

    def __init__(self, wait: timedelta) -> None:
        minutes = max(1, -(-int(wait.total_seconds()) // 60))
        super().__init__(
            _("20 test letters an hour are the limit. Try again in %(minutes)d minutes.") % {"minutes": minutes}
        )
        self.wait = wait


@dataclass(frozen=True)
class Tried:
    """What became of one test letter. `words` are the mail server's, or ours when it was never asked."""

    to: User
    is_accepted: bool
    words: str


def send(campaign: Campaign, *, to: Sequence[User], by: User, now: datetime) -> list[Tried]:
    """Sends it to each of `to`, in order, over one connection; answers when the server has. Call it outside atomic().

    Raises TooLarge (of rendering), NotReached when there is no server to talk to, AddressNotAscii for a sender that
    cannot be written, and TooManyTests; then nothing was sent to anybody.
    """
    content = content_for(campaign, now=now)
    rendered = render(content, now=now)
    envelope = Envelope.current()
    letter = Prepared(
        replace(rendered, subject=f"[Test] {rendered.subject}"),
        envelope=envelope,
        code=content["code"],
    )
    with Post() as post:
        post.open()
        # Rolled back when it is too many: what is refused uses nothing up.
        with transaction.atomic():
            for _letter in to:
                if wait := LETTERS.count(str(by.pk), now=now):
                    raise TooManyTests(wait)
        return [_send_one(letter, user, envelope=envelope, post=post, now=now) for user in to]


def _send_one(letter: Prepared, user: User, *, envelope: Envelope, post: Post, now: datetime) -> Tried:
    person = Person(email=user.email, name=user.first_name or user.get_username(), token=TOKEN)
    try:
        address = ascii_address(user.email)
    except AddressNotAscii as reason:
        return Tried(user, False, str(reason))
    own = envelope.address.rpartition("@")[2]
    message = letter.for_person(person, message_id=make_msgid("test", domain=own), now=now)
    try:
        answer = post.send(sender=envelope.address, to=address, message=message)
    except NotReached as error:
        return Tried(user, False, str(error))
    return Tried(user, answer.state == Delivery.State.ACCEPTED, answer.words)
