"""Whether it reaches anybody."""

from django.utils.translation import gettext as _

from newsletter.models import Campaign
from newsletter.services.checklist.verdicts import Check, Verdict


def checks(campaign: Campaign) -> list[Check]:
    name = _("Audience")
    if campaign.audience(list(campaign.topics.all())).exists():
        return [Check(name, Verdict.OK, _("It reaches people who are on the list."))]
    return [
        Check(
            name,
            Verdict.STOP,
            _("The mailing would reach nobody: no one on the list fits its topics, language and dates."),
        )
    ]
