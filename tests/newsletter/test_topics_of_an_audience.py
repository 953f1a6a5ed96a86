"""Who gets a campaign by its topics: whoever chose one of them, and whoever chose none at all."""

from itertools import chain, combinations

import pytest

from newsletter.models import Campaign, Subscriber
from newsletter.services.audience import Reach, reach
from tests.factories import make_subscriber, make_topic

pytestmark = pytest.mark.django_db


def subsets(topics):
    return [set(some) for some in chain.from_iterable(combinations(topics, size) for size in range(len(topics) + 1))]


def test_every_choice_of_a_person_against_every_choice_of_a_campaign():
    everything = subsets([make_topic(), make_topic(), make_topic()])
    people = {make_subscriber(topics=chosen): chosen for chosen in everything}
    make_subscriber(topics=everything[-1], state="unsubscribed")
    make_subscriber(state="pending")

    for wanted in everything:
        gets_it = {person for person, chosen in people.items() if not wanted or not chosen or chosen & wanted}
        found = list(Campaign().audience([*wanted]))
        assert (set(found), len(found)) == (gets_it, len(gets_it))
        assert reach(Campaign(), [*wanted]) == Reach(people=len(gets_it), of=len(people))


def test_the_choices_of_somebody_else_do_not_count():
    topics = [make_topic() for _number in range(4)]
    only_last = make_subscriber(topics=topics[-1:])
    only_first = make_subscriber(topics=topics[:1])
    assert list(Subscriber.objects.choosing(topics[:1])) == [only_first]
    assert list(Subscriber.objects.choosing(topics[1:])) == [only_last]
    assert list(Subscriber.objects.choosing(topics[1:3])) == []
