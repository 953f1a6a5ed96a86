"""The letters. None holds a word that a visitor typed: the address is not proven yet."""

from datetime import datetime, timedelta

from clinic import letters
from clinic.mail_links import Link
from newsletter.models import Consent, Subscriber

CONFIRM = "newsletter.confirm"
LEAVE = "newsletter.leave"
TIME_TO_CONFIRM = timedelta(days=14)


def please_confirm(subscriber: Subscriber, ask: Consent, *, now: datetime) -> None:
    """The link confirms this one ask, so that an old letter brings back nobody who has left since."""
    confirm = Link(purpose=CONFIRM, object_id=ask.pk, view="newsletter:confirm", lifetime=TIME_TO_CONFIRM)
    _write("newsletter/letters/confirm.txt", subscriber, {"confirm": confirm}, now=now)


def already_on_the_list(subscriber: Subscriber, *, now: datetime) -> None:
    _write("newsletter/letters/already.txt", subscriber, {}, now=now)


def _write(template: str, subscriber: Subscriber, links: dict[str, Link], *, now: datetime) -> None:
    leave = Link(purpose=LEAVE, object_id=subscriber.pk, view="newsletter:unsubscribe", lifetime=None)
    letters.write(
        template=template,
        # The stored address, which was proven or asked first; never a look-alike typed later.
        to=subscriber.email,
        context={"days": TIME_TO_CONFIRM.days},
        links={**links, "leave": leave},
        language=subscriber.language,
        now=now,
    )
