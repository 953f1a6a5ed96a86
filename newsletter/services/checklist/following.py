"""Whether every link of a mailing answers, in words for staff."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.models import Block, Campaign
from newsletter.services.checklist.asking import GoesRound, LostOnTheWay, NoAddress, NotHttp, NotTried, Private, follow
from newsletter.services.checklist.network import Network, NoAnswer, NoRecord
from newsletter.services.checklist.verdicts import Check, Verdict

MOST_LINKS = 20
AT_ONCE = 5
PATIENCE = 5.0  # seconds for one link, its redirects included
ALL_PATIENCE = 12.0  # seconds for all of them
# OpenSSL's number for "unable to get local issuer certificate": perhaps it is this machine that lacks it.
UNKNOWN_ISSUER = 20

TOO_SLOW = gettext_lazy("could not be checked: it did not answer in time.")
# What can come of asking, the special before the general.
TROUBLES: dict[type[Exception], tuple[Verdict, Promise]] = {
    Private: (Verdict.STOP, gettext_lazy("leads into a private network, where no reader gets.")),
    NoAddress: (Verdict.STOP, gettext_lazy("is not an address of the web.")),
    NoRecord: (Verdict.STOP, gettext_lazy("leads nowhere: there is no site of that name.")),
    LostOnTheWay: (Verdict.STOP, gettext_lazy("is redirected to what is no address of the web.")),
    GoesRound: (Verdict.WARNING, gettext_lazy("is redirected again and again. Link to where it ends.")),
    NotTried: (
        Verdict.UNKNOWN,
        gettext_lazy("could not be checked: only http and https on their own ports are tried."),
    ),
    NoAnswer: (Verdict.UNKNOWN, gettext_lazy("could not be checked: its name could not be looked up.")),
    TimeoutError: (Verdict.UNKNOWN, TOO_SLOW),
    OSError: (Verdict.UNKNOWN, gettext_lazy("could not be checked: it cannot be reached from here.")),
    NotHttp: (Verdict.UNKNOWN, gettext_lazy("could not be checked: what answers there is no website.")),
}


def not_yet_on_the_site(campaign: Campaign, *, now: datetime) -> set[str]:
    """Addresses of those of its articles that appear later. Whether that is soon enough, `cards` says."""
    blocks = campaign.blocks.filter(kind=Block.Kind.ARTICLE).select_related("article")
    articles = [block.article for block in blocks if block.article]
    return {settings.BASE_URL + article.get_absolute_url() for article in articles if not article.is_public(now)}


async def checks(urls: list[str], *, later: set[str], network: Network) -> list[Check]:
    """A line for each link that is not well, and one for those that are. Takes at most `ALL_PATIENCE` seconds.

    A link to one of the addresses `later` is not asked.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(url: str) -> Check:
        async with turns:
            return await _check(url, network)

    waiting = [url for url in urls if url.partition("?")[0] in later]
    asked = [url for url in urls if url not in waiting]
    tasks = [asyncio.ensure_future(in_turn(url)) for url in asked[:MOST_LINKS]]
    if tasks:
        await asyncio.wait(tasks, timeout=ALL_PATIENCE)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = [
        _line(url, Verdict.UNKNOWN, str(TOO_SLOW)) if task.cancelled() else task.result()
        for url, task in zip(asked, tasks, strict=False)
    ]
    return [*_summed_up(found), *map(_later, waiting), *_left_out(len(asked) - len(tasks))]


async def _check(url: str, network: Network) -> Check:
    try:
        async with asyncio.timeout(PATIENCE):
            return _of_status(url, await follow(url, network))
    except ssl.SSLCertVerificationError as error:
        return _of_certificate(url, error)
    except tuple(TROUBLES) as error:
        verdict, words = next(TROUBLES[kind] for kind in TROUBLES if isinstance(error, kind))
        return _line(url, verdict, str(words))


def _of_certificate(url: str, error: ssl.SSLCertVerificationError) -> Check:
    if error.verify_code == UNKNOWN_ISSUER:
        return _line(url, Verdict.UNKNOWN, _("could not be checked: nobody known here vouches for its certificate."))
    return _line(url, Verdict.WARNING, _("has a certificate that is not in order: browsers warn of it."))


def _of_status(url: str, status: int) -> Check:
    said = {"status": status}
    if status < 400:
        return _line(url, Verdict.OK, _("answers."))
    if status in {404, 410}:
        return _line(url, Verdict.STOP, _("leads nowhere: the page is not there (%(status)d).") % said)
    if status >= 500:
        return _line(url, Verdict.WARNING, _("does not work at the moment (%(status)d).") % said)
    # 401, 403, 429: many sites refuse programs, and show readers the page.
    return _line(url, Verdict.UNKNOWN, _("does not let programs look (%(status)d). Open it yourself.") % said)


def _line(url: str, verdict: Verdict, words: str) -> Check:
    return Check(_("Links"), verdict, f"{url} {words}")


def _later(url: str) -> Check:
    return _line(url, Verdict.UNKNOWN, _("could not be checked: its article is not on the site yet."))


def _summed_up(found: list[Check]) -> Iterator[Check]:
    yield from (check for check in found if check.verdict != Verdict.OK)
    if well := sum(check.verdict == Verdict.OK for check in found):
        words = ngettext("%(number)d link answers.", "%(number)d links answer.", well) % {"number": well}
        yield Check(_("Links"), Verdict.OK, words)


def _left_out(number: int) -> Iterator[Check]:
    if number > 0:
        words = ngettext("%(number)d more link was not tried.", "%(number)d more links were not tried.", number)
        yield Check(_("Links"), Verdict.UNKNOWN, words % {"number": number})
