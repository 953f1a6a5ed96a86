"""Whether mailboxes show it whole: Gmail cuts off at 102 KB."""

from datetime import datetime

from django.utils.translation import gettext as _

from clinic.models import Practice
from newsletter.emails.content import content_of
from newsletter.emails.rendering import TooLarge, render
from newsletter.models import Campaign
from newsletter.services.checklist.verdicts import Check, Verdict


def checks(campaign: Campaign, practice: Practice | None, *, at: datetime) -> list[Check]:
    if practice is None:
        return []
    name = _("Size")
    try:
        html = render(content_of(campaign, now=at), now=at).html
    except TooLarge as error:
        return [Check(name, Verdict.STOP, str(error))]
    return [Check(name, Verdict.OK, _("%(size)d KB.") % {"size": -(-len(html.encode()) // 1000)})]
