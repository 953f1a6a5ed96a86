"""What the DNS says of the domain that letters come from.

The large mailbox providers want all three of whoever sends many letters: SPF (RFC 7208), DKIM (RFC 6376) and DMARC
(RFC 7489). What is missing is no reason to forbid a mailing, so nothing here is a STOP.
"""

import asyncio
import re

from django.utils.translation import gettext as _

from newsletter.services.checklist.network import Network, NoAnswer, NoRecord
from newsletter.services.checklist.verdicts import Check, Verdict


async def checks(domain: str, *, selector: str, network: Network) -> list[Check]:
    if "." not in domain:
        words = _("Letters come from “%(domain)s”, which is a name of this machine alone: there is nothing to look up.")
        return [Check(_("Sender's domain"), Verdict.UNKNOWN, words % {"domain": domain})]
    return list(await asyncio.gather(_spf(domain, network), _dkim(domain, selector, network), _dmarc(domain, network)))


async def _spf(domain: str, network: Network) -> Check:
    found = await _texts(domain, network)
    if found is None:
        return _could_not("SPF", domain)
    records = [text for text in found if re.match(r"v=spf1(?: |$)", text, re.IGNORECASE)]
    said = {"domain": domain}
    if not records:
        words = _(
            "%(domain)s has no SPF record. Your mail provider tells you its text (v=spf1 …), which you enter as a TXT "
            "record of the domain."
        )
    elif len(records) > 1:
        words = _("%(domain)s has several SPF records, which counts as none. Make them one.")
    elif re.search(r"(?:^| )\+?all(?: |$)", records[0], re.IGNORECASE):
        words = _(
            "The SPF record of %(domain)s allows everybody to send in its name (+all). Let it end with ~all or -all."
        )
    else:
        return Check("SPF", Verdict.OK, _("%(domain)s has an SPF record.") % said)
    return Check("SPF", Verdict.WARNING, words % said)


async def _dkim(domain: str, selector: str, network: Network) -> Check:
    if not selector:
        words = _(
            "could not be checked without its selector. Your mail provider tells it, and it stands behind s= in the "
            "DKIM-Signature of a letter you have received. Enter it in the rules of the mailings."
        )
        return Check("DKIM", Verdict.UNKNOWN, words)
    name = f"{selector}._domainkey.{domain}"
    found = await _texts(name, network)
    if found is None:
        return _could_not("DKIM", name)
    keys = [key[1] for text in found if (key := re.search(r"(?:^|;)\s*p\s*=([^;]*)", text))]
    if any(key.strip() for key in keys):
        return Check("DKIM", Verdict.OK, _("%(name)s holds a key.") % {"name": name})
    if keys:
        words = _("The key of %(name)s has been withdrawn. Ask your mail provider for the selector of today.")
    else:
        words = _("%(name)s holds no key. Your mail provider tells you what to enter there.")
    return Check("DKIM", Verdict.WARNING, words % {"name": name})


async def _dmarc(domain: str, network: Network) -> Check:
    """Of the domain, else of the nearest one above it that has a record."""
    labels = domain.split(".")
    names = [".".join(["_dmarc", *labels[start:]]) for start in range(len(labels) - 1)]
    for name, found in zip(names, await asyncio.gather(*(_texts(name, network) for name in names)), strict=True):
        if found is None:
            return _could_not("DMARC", name)
        records = [text for text in found if re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", text)]
        if records:
            return _dmarc_record(name, records)
    words = _("%(domain)s has no DMARC record. Enter one as a TXT record of %(name)s; v=DMARC1; p=none is a beginning.")
    return Check("DMARC", Verdict.WARNING, words % {"domain": domain, "name": names[0]})


def _dmarc_record(name: str, records: list[str]) -> Check:
    policy = re.search(r";\s*p\s*=\s*(none|quarantine|reject)\s*(?:;|$)", records[0], re.IGNORECASE)
    if len(records) > 1:
        words = _("%(name)s holds several DMARC records, which counts as none. Leave one.")
    elif policy is None:
        words = _("The DMARC record of %(name)s names no policy: p=none, p=quarantine or p=reject.")
    else:
        words = _("%(name)s holds a record with the policy “%(policy)s”.")
        return Check("DMARC", Verdict.OK, words % {"name": name, "policy": policy[1].lower()})
    return Check("DMARC", Verdict.WARNING, words % {"name": name})


async def _texts(name: str, network: Network) -> list[str] | None:
    """The TXT records: none when there are none, None when nobody could be asked."""
    try:
        return await network.records(name, "TXT")
    except NoRecord:
        return []
    except NoAnswer:
        return None


def _could_not(name: str, asked: str) -> Check:
    return Check(name, Verdict.UNKNOWN, _("could not be checked: nobody answered for %(name)s.") % {"name": asked})
