"""The letters to one person. None holds a word that a visitor typed: the address may not be proven yet."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from clinic import letters
from clinic.mail_links import Link
from newsletter.models import Consent, MailingRules, Subscriber

CONFIRM = "newsletter.confirm"
LEAVE = "newsletter.leave"
PREFERENCES = "newsletter.preferences"
TIME_TO_CONFIRM = timedelta(days=14)
# Whoever has the letter sees name and address and can change what is sent. To leave, its other link, has no end.
TIME_OF_OWN_LINK = timedelta(days=30)


def please_confirm(subscriber: Subscriber, ask: Consent, *, now: datetime) -> None:
    """The link confirms this one ask, so that an old letter brings back nobody who has left since."""
    confirm = Link(purpose=CONFIRM, object_id=ask.pk, view="newsletter:confirm", lifetime=TIME_TO_CONFIRM)
    context = {"days": TIME_TO_CONFIRM.days}
    _write("newsletter/letters/confirm.txt", subscriber, {"confirm": confirm}, now=now, context=context)


def already_on_the_list(subscriber: Subscriber, *, now: datetime) -> None:
    _write("newsletter/letters/already.txt", subscriber, {"preferences": _preferences(subscriber)}, now=now)


def own_link(subscriber: Subscriber, *, now: datetime) -> None:
    """Asked for on the site, perhaps by somebody else."""
    links = {"preferences": _preferences(subscriber, lifetime=TIME_OF_OWN_LINK)}
    context = {"days": TIME_OF_OWN_LINK.days}
    _write("newsletter/letters/own_link.txt", subscriber, links, now=now, context=context)


def welcome(subscriber: Subscriber, rules: MailingRules, *, now: datetime) -> None:
    """In the practice's own words, with our links below them."""
    # Its first line is the subject, so that one must be a line.
    context = {"subject": " ".join(rules.welcome_subject.split()), "text": rules.welcome_text.strip()}
    links = {"preferences": _preferences(subscriber)}
    _write("newsletter/letters/welcome.txt", subscriber, links, now=now, context=context)


def _preferences(subscriber: Subscriber, *, lifetime: timedelta | None = None) -> Link:
    return Link(purpose=PREFERENCES, object_id=subscriber.pk, view="newsletter:preferences", lifetime=lifetime)


def _write(
    template: str,
    subscriber: Subscriber,
    links: dict[str, Link],
    *,
    now: datetime,
    context: Mapping[str, object] | None = None,
) -> None:
    leave = Link(purpose=LEAVE, object_id=subscriber.pk, view="newsletter:unsubscribe", lifetime=None)
    letters.write(
        template=template,
        # The stored address, which was proven or asked first; never a look-alike typed later.
        to=subscriber.email,
        context=context,
        links={**links, "leave": leave},
        language=subscriber.language,
        now=now,
    )
