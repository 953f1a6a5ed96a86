"""Who gets a campaign, written down once when it starts."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.db import connection
from django.utils import timezone

from clinic.models import Practice
from newsletter.models import Campaign
from newsletter.services import tokens

AT_ONCE = 5000

ADD = """
    INSERT INTO newsletter_delivery (
        campaign_id, subscriber_id, token_hash, state, attempts, next_attempt_at, answer, provider_id
    )
    SELECT %(campaign)s, subscriber, decode(hash, 'hex'), 'queued', 0, %(now)s, '', ''
    FROM unnest(%(subscribers)s::bigint[], %(hashes)s::text[]) AS person (subscriber, hash)
"""


def freeze(campaign: Campaign, *, practice: Practice, now: datetime) -> int:
    """Adds a waiting delivery for everyone in the audience, the longest known first; returns how many.

    Call it in a transaction that holds the campaign's row. It takes some thousand at a time, however many there are.
    """
    with timezone.override(practice.zone):
        everyone = campaign.audience()
        people = everyone.order_by("pk").values_list("pk", "email").iterator(AT_ONCE)
        count = 0
        for some in _chunks(people):
            subscribers = [person for person, _email in some]
            hashes = [tokens.hashed(tokens.token_for(campaign.code, email)).hex() for _person, email in some]
            with connection.cursor() as cursor:
                cursor.execute(ADD, {"campaign": campaign.pk, "subscribers": subscribers, "hashes": hashes, "now": now})
            count += len(some)
    # The keys are looked up here and not at the commit, so that nothing the caller writes after this waits for it.
    connection.check_constraints()
    return count


def _chunks(people: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    while some := list(islice(people, AT_ONCE)):
        yield some
