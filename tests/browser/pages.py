"""Every kind of public page, by what the demo practice holds."""

import urllib.request
import xml.etree.ElementTree as ElementTree

LOCATION = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"
KINDS = [
    "/",
    "/treatments/",
    "/treatments/botulinum-toxin/",
    "/team/",
    "/team/miriam-alder/",
    "/locations/",
    "/locations/southpark/",
    "/offers/",
    "/policies/notice-of-privacy-practices/",
    "/policies/privacy/",
    "/policies/good-faith-estimate/",
    "/policies/accessibility/",
    "/articles/",
    "/articles/?q=nothing-holds-this",
    "/articles/category/injectables/",
    "/articles/can-botulinum-toxin-help-acne/",
    "/appointments/request/",
    "/appointments/book/",
    "/appointments/book/consultation-skin/",
    "/appointments/find/",
    "/newsletter/",
    "/newsletter/archive/",
    "/newsletter/archive/filler-and-how-it-is-undone/",
    "/newsletter/sent/",
    "/newsletter/link/",
    "/newsletter/link/sent/",
    "/no-such-page/",
]


def all_pages(address: str) -> list[str]:
    """The paths of every page in the sitemap of the site at `address`."""
    with urllib.request.urlopen(f"{address}/sitemap.xml") as answer:
        tree = ElementTree.fromstring(answer.read())
    return [place.text.removeprefix(address) for place in tree.iter(LOCATION)]
