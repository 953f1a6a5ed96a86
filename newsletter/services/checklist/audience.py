"""Whether it reaches anybody, and more than one."""

from django.utils.translation import gettext as _

from newsletter.models import Campaign
from newsletter.services.checklist.verdicts import Check, Verdict


def checks(campaign: Campaign) -> list[Check]:
    name = _("Audience")
    found = len(campaign.audience(list(campaign.topics.all())).order_by().values_list("pk")[:2])
    if found > 1:
        return [Check(name, Verdict.OK, _("It reaches people who are on the list."))]
    if found == 1:
        words = _("It reaches one person alone, so a request or booking by its links is seen to be that person's.")
        return [Check(name, Verdict.WARNING, words)]
    return [
        Check(
            name,
            Verdict.STOP,
            _("The mailing would reach nobody: no one on the list fits its topics, language and dates."),
        )
    ]
