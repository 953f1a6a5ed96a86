"""What one person on the list is sent, by their own choice."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from newsletter.models import Consent, Subscriber, Topic
from newsletter.wording import Words


class NotOnTheList(Exception):
    """The person has left, or never confirmed, so there is nothing to choose from."""


def choose(
    *,
    subscriber: Subscriber,
    name: str | None,
    topics: Sequence[Topic],
    language: str | None,
    words: Words,
    network_address: str,
    now: datetime,
) -> Subscriber:
    """Stores the choice; other topics than before leave a line of evidence. No topics: everything.

    Without a `language` or a `name` (None) these stay as they are. Raises NotOnTheList.
    """
    with transaction.atomic():
        locked = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
        if not locked.is_on_the_list:
            raise NotOnTheList
        locked.name = locked.name if name is None else name
        locked.language = language or locked.language
        locked.save(update_fields=["name", "language"])
        if set(locked.topics.all()) != set(topics):
            locked.topics.set(topics)
            locked.record(Consent.Kind.CHOSE, words, now=now, topics=topics, network_address=network_address)
    return locked
