"""How many people a campaign would reach, for its writers."""

from dataclasses import dataclass

from django.db import connection

from newsletter.models import Campaign, Subscriber, Topic


@dataclass(frozen=True)
class Reach:
    """`people` would get it now; `of` are all who may be sent anything."""

    people: int
    of: int


def reach(campaign: Campaign, topics: list[Topic]) -> Reach:
    """One statement, however long the list is. The days of joining are those of the zone that is active.

    Counted side by side: as one pass with a condition, PostgreSQL would look up each of the list among those reached.
    """
    people, asked_people = campaign.audience(topics).order_by().values("pk").query.sql_with_params()
    everyone, asked_everyone = Subscriber.objects.mailable().order_by().values("pk").query.sql_with_params()
    if (people, asked_people) == (everyone, asked_everyone):
        count = Subscriber.objects.mailable().count()
        return Reach(count, count)
    both = f"SELECT (SELECT count(*) FROM ({people}) AS reached), (SELECT count(*) FROM ({everyone}) AS list)"  # noqa: S608 -- both are of the ORM, their values apart
    with connection.cursor() as cursor:
        cursor.execute(both, [*asked_people, *asked_everyone])
        return Reach(*cursor.fetchone())
