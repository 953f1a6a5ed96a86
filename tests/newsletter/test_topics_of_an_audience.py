"""Who gets a campaign by its topics: whoever chose one of them, and whoever chose none at all.

The others agreed to their topics “and no others”, so one without topics is not for them.
"""

from itertools import chain, combinations

import pytest

from newsletter.models import Campaign, Subscriber, Suppression
from newsletter.services.audience import Reach, reach
from tests.factories import NOON, make_campaign, make_subscriber, make_topic

pytestmark = pytest.mark.django_db


def subsets(topics):
    return [set(some) for some in chain.from_iterable(combinations(topics, size) for size in range(len(topics) + 1))]


def test_every_choice_of_a_person_against_every_choice_of_a_campaign():
    everything = subsets([make_topic(), make_topic(), make_topic()])
    people = {make_subscriber(topics=chosen): chosen for chosen in everything}
    make_subscriber(topics=everything[-1], state="unsubscribed")
    make_subscriber(state="pending")

    for wanted in everything:
        gets_it = {person for person, chosen in people.items() if not chosen or chosen & wanted}
        found = list(Campaign().audience([*wanted]))
        assert (set(found), len(found)) == (gets_it, len(gets_it))
        left_out = 0 if wanted else len(people) - len(gets_it)
        assert reach(Campaign(), [*wanted]) == Reach(people=len(gets_it), of=len(people), left_out=left_out)
        saved = make_campaign(topics=wanted)
        assert set(saved.audience()) == gets_it
        assert saved.left_out().count() == left_out


def test_the_choices_of_somebody_else_do_not_count():
    topics = [make_topic() for _number in range(4)]
    only_last = make_subscriber(topics=topics[-1:])
    only_first = make_subscriber(topics=topics[:1])
    assert list(Subscriber.objects.choosing(topics[:1])) == [only_first]
    assert list(Subscriber.objects.choosing(topics[1:])) == [only_last]
    assert list(Subscriber.objects.choosing(topics[1:3])) == []


def test_where_there_are_no_topics_everybody_gets_it():
    people = {make_subscriber(), make_subscriber()}
    campaign = make_campaign()
    assert set(campaign.audience()) == people
    assert reach(campaign) == Reach(people=2, of=2, left_out=0)


def test_left_out_is_who_would_get_it_otherwise():
    skin = make_topic()
    make_subscriber(topics=[skin], language="es")
    make_subscriber(topics=[skin], state="unsubscribed")
    gone = make_subscriber(topics=[skin])
    Suppression.objects.add([gone.email], Suppression.Reason.COMPLAINED, now=NOON)
    here = make_subscriber(topics=[skin])
    assert list(make_campaign(audience_language="en").left_out()) == [here]
