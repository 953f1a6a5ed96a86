"""The letters to one person. None holds a word that a visitor typed: the address may not be proven yet.

Each is true for as long as its link works, and is withdrawn when the person leaves: nobody who has left is written to
by a letter that waited, or that somebody at the desk sends again.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from clinic import letters, mail_links
from clinic.mail_links import Link
from clinic.models import Letter, Practice
from newsletter.models import Consent, MailingRules, Subscriber

CONFIRM = "newsletter.confirm"
LEAVE = "newsletter.leave"
PREFERENCES = "newsletter.preferences"
FOLDER = "newsletter/letters"
TIME_TO_CONFIRM = timedelta(days=14)
# Whoever has the letter sees name and address and can change what is sent. To leave, its other link, has no end.
TIME_OF_OWN_LINK = timedelta(days=30)
LONGEST_TRUE = max(TIME_TO_CONFIRM, TIME_OF_OWN_LINK)


def please_confirm(subscriber: Subscriber, ask: Consent, *, now: datetime) -> None:
    """The link confirms this one ask, so that an old letter brings back nobody who has left since."""
    confirm = Link(purpose=CONFIRM, object_id=ask.pk, view="newsletter:confirm", lifetime=TIME_TO_CONFIRM)
    _write("confirm", subscriber, {"confirm": confirm}, true_for=TIME_TO_CONFIRM, now=now)


def already_on_the_list(subscriber: Subscriber, *, now: datetime) -> None:
    _write("already", subscriber, {"preferences": _preferences(subscriber)}, true_for=TIME_OF_OWN_LINK, now=now)


def own_link(subscriber: Subscriber, *, now: datetime) -> None:
    """Asked for on the site, perhaps by somebody else."""
    _write("own_link", subscriber, {"preferences": _preferences(subscriber)}, true_for=TIME_OF_OWN_LINK, now=now)


def welcome(subscriber: Subscriber, rules: MailingRules, *, now: datetime) -> None:
    """In the practice's own words, with our links below them.

    It advertises, so without the practice's postal address it is not written; the desk's page of the rules says so.
    """
    practice = Practice.objects.first()
    if practice and practice.has_postal_address:
        links = {"preferences": _preferences(subscriber)}
        said = _welcome_words(rules)
        _write("welcome", subscriber, links, true_for=TIME_OF_OWN_LINK, now=now, context=said, practice=practice)


def welcome_shown(rules: MailingRules, practice: Practice, *, language: str) -> tuple[str, str]:
    """Subject and text as everybody gets them, for staff: where the links stand, it says so."""
    context = {"days": TIME_OF_OWN_LINK.days, **_welcome_words(rules)}
    subject, text = letters.words_of(f"{FOLDER}/welcome.txt", language=language, context=context, practice=practice)
    return subject, re.sub(r"\[\[(preferences|leave)]]", str(_("(a link of the reader's own)")), text)


def end_all(people: Mapping[int, str], *, now: datetime) -> None:
    """Takes back what has not reached these people, addresses by primary key, who are on the list no more.

    Their links to choose end as well, those to leave do not. Call it in the transaction that takes them off.
    """
    # By the day it was written, since there is no index of addresses: what is older is no longer true anyway.
    written = Letter.objects.filter(created_at__gt=now - LONGEST_TRUE, kind__startswith=f"{FOLDER}/")
    letters.withdraw(written.filter(to__in=people.values()), now=now)
    mail_links.end(PREFERENCES, people, now=now)


def _welcome_words(rules: MailingRules) -> dict[str, str]:
    # The first line of the letter is the subject, so that one must be a line.
    return {"subject": " ".join(rules.welcome_subject.split()), "text": rules.welcome_text.strip()}


def _preferences(subscriber: Subscriber) -> Link:
    lifetime = TIME_OF_OWN_LINK
    return Link(purpose=PREFERENCES, object_id=subscriber.pk, view="newsletter:preferences", lifetime=lifetime)


def _write(
    name: str,
    subscriber: Subscriber,
    links: dict[str, Link],
    *,
    true_for: timedelta,
    now: datetime,
    context: Mapping[str, object] | None = None,
    practice: Practice | None = None,
) -> None:
    leave = Link(purpose=LEAVE, object_id=subscriber.pk, view="newsletter:unsubscribe", lifetime=None)
    letters.write(
        template=f"{FOLDER}/{name}.txt",
        # The stored address, which was proven or asked first; never a look-alike typed later.
        to=subscriber.email,
        context={"days": true_for.days, **(context or {})},
        links={**links, "leave": leave},
        language=subscriber.language,
        not_after=now + true_for,
        practice=practice,
        now=now,
    )
