from datetime import datetime

from clinic.models import User
from newsletter.models import Campaign, MailingRules
from newsletter.services import campaigns

State = Campaign.State


def set_rate(campaign: Campaign, *, per_minute: int | None, by: User, now: datetime) -> None:
    """How many letters a minute go out, also of a mailing that is under way; None: as the rules of the mailings say.

    Raises NotNow when it has ended.
    """
    with campaigns.locked(campaign, *Campaign.OPEN, State.SENDING, State.PAUSED) as found:
        # While it is open the rules may still change; one that was started has a rate of its own.
        found.rate_per_minute = per_minute if per_minute or found.is_open else MailingRules.current().rate_per_minute
        found.save(update_fields=["rate_per_minute"])
