"""The two things that need the network, side by side and never longer than a person waits."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from newsletter.emails.content import content_of
from newsletter.models import Campaign, MailingRules
from newsletter.services.checklist import following, links, mail_domain, sender
from newsletter.services.checklist.network import Network
from newsletter.services.checklist.verdicts import Check


def checks(campaign: Campaign, *, now: datetime, network: Network) -> list[Check]:
    content = content_of(campaign, now=now)
    urls = links.addresses(content)
    later = following.not_yet_on_the_site(campaign, now=now)
    selector = MailingRules.current().dkim_selector
    return _run(_both(urls, later, sender.domain(), selector, network))


async def _both(urls: list[str], later: set[str], domain: str, selector: str, network: Network) -> list[Check]:
    found = await asyncio.gather(
        following.checks(urls, later=later, network=network),
        mail_domain.checks(domain, selector=selector, network=network),
    )
    return [check for checks in found for check in checks]


def _run(both: Coroutine[Any, Any, list[Check]]) -> list[Check]:
    """As asyncio.run(), which would wait at its end for a look-up of the system that hangs in a thread."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(both)
    finally:
        loop.close()
