"""Whether it reaches anybody, and more than one, and whom it passes over."""

from collections.abc import Iterator

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.models import Campaign, Topic
from newsletter.services.checklist.verdicts import Check, Verdict

# The page of the sending is there at once, however long the list is.
MOST_COUNTED = 1000


def checks(campaign: Campaign) -> list[Check]:
    topics = list(campaign.topics.all())
    return [_reached(campaign, topics), *_left_out(campaign, topics)]


def _reached(campaign: Campaign, topics: list[Topic]) -> Check:
    name = _("Audience")
    found = len(campaign.audience(topics).order_by().values_list("pk")[:2])
    if found > 1:
        return Check(name, Verdict.OK, _("It reaches people who are on the list."))
    if found == 1:
        words = _("It reaches one person alone, so a request or booking by its links is seen to be that person's.")
        return Check(name, Verdict.WARNING, words)
    words = _("The mailing would reach nobody: no one on the list fits its topics, language and dates.")
    return Check(name, Verdict.STOP, words)


def _left_out(campaign: Campaign, topics: list[Topic]) -> Iterator[Check]:
    count = len(campaign.left_out(topics).order_by().values_list("pk")[: MOST_COUNTED + 1])
    if count:
        number = intcomma(min(count, MOST_COUNTED))
        said = _("More than %(number)s") % {"number": number} if count > MOST_COUNTED else number
        words = ngettext(
            "%(number)s person on the list is left out: this mailing has no topic, and who has chosen topics asked for "
            "no others. Tick the topics that it is about.",
            "%(number)s people on the list are left out: this mailing has no topic, and who has chosen topics asked "
            "for no others. Tick the topics that it is about.",
            count,
        )
        yield Check(_("Topics"), Verdict.WARNING, words % {"number": said})
