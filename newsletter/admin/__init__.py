from newsletter.admin import (
    campaign,
    delivery,
    list_import,
    panels,
    panels_sending,
    rules,
    subscriber,
    suppression,
    topic,
)

__all__ = [
    "campaign",
    "delivery",
    "list_import",
    "panels",
    "panels_sending",
    "rules",
    "subscriber",
    "suppression",
    "topic",
]
