"""Who it comes from: the address that the law wants in every letter, and the mailbox behind it."""

from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from clinic.models import Practice
from newsletter.services.checklist.verdicts import Check, Verdict


def checks(practice: Practice | None) -> Iterator[Check]:
    yield _postal_address(practice)
    if not settings.SENDS_MAIL:
        yield Check(
            _("Mail server"),
            Verdict.WARNING,
            _(
                "There is none (EMAIL_URL is not set): letters are kept here, where staff can read them, and reach "
                "nobody."
            ),
        )
        return
    if not settings.BASE_URL.startswith("https://"):
        yield _no_way_out()
    if practice:
        yield _domain(practice)


def domain() -> str:
    """The part after the @ of the address that letters come from."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2].lower()


def _postal_address(practice: Practice | None) -> Check:
    name = _("Postal address")
    if practice and practice.has_postal_address:
        return Check(name, Verdict.OK, practice.address_line)
    return Check(name, Verdict.STOP, _("The practice has no street and city. The law wants them in every newsletter."))


def _no_way_out() -> Check:
    # With http this machine alone opens it, and RFC 8058 section 3.1 wants https for leaving with one click.
    words = _(
        "The links of the letters would begin with %(url)s, which readers cannot open: nobody could leave the list. "
        "Whoever runs the site has to set BASE_URL to the address that patients know, which begins with https://."
    )
    return Check(_("Address of the site"), Verdict.STOP, words % {"url": settings.BASE_URL})


def _domain(practice: Practice) -> Check:
    ours = {practice.email.rpartition("@")[2].lower(), urlsplit(settings.BASE_URL).hostname or ""}
    said = {"domain": domain()}
    if any(_belong_together(domain(), other) for other in ours):
        return Check(_("Sender"), Verdict.OK, _("Letters come from %(domain)s, like your other letters.") % said)
    return Check(
        _("Sender"),
        Verdict.WARNING,
        _(
            "Letters come from %(domain)s, which is neither the domain of your site nor that of your mail address. "
            "Readers and spam filters know you by those."
        )
        % said,
    )


def _belong_together(one: str, other: str) -> bool:
    """The same, or one below the other: news.clinic.example and clinic.example."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
