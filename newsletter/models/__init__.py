from newsletter.models.block import Block
from newsletter.models.campaign import Campaign, CampaignStep
from newsletter.models.consent import Consent
from newsletter.models.delivery import Delivery, Pace
from newsletter.models.event import MailEvent
from newsletter.models.list_import import ListImport, SeenAddress
from newsletter.models.mailing_mark import MailingMark
from newsletter.models.rules import MailingRules
from newsletter.models.subscriber import Subscriber
from newsletter.models.suppression import Suppression
from newsletter.models.topic import Topic

__all__ = [
    "Block",
    "Campaign",
    "CampaignStep",
    "Consent",
    "Delivery",
    "ListImport",
    "MailEvent",
    "MailingMark",
    "MailingRules",
    "Pace",
    "SeenAddress",
    "Subscriber",
    "Suppression",
    "Topic",
]
