"""What became of one mailing: the page behind `admin:newsletter_campaign_report`."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from newsletter.models import Campaign
from newsletter.services import reports
from newsletter.services.reports import Figures

# Of a hundred letters. Gmail and Yahoo want the first kept, and refuse the sender's letters above the second.
COMPLAINTS_WANTED, COMPLAINTS_REFUSED = 0.1, 0.3


@dataclass(frozen=True)
class Line:
    label: str
    number: int
    words: str = ""
    is_urgent: bool = False
    url: str = ""


@require_GET
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """For `admin_site.admin_view`, which asks who they are; what they may see is asked here."""
    if not request.user.has_perm("newsletter.view_campaign"):
        raise PermissionDenied
    campaign = get_object_or_404(Campaign.objects.defer("content", "introduction"), pk=pk)
    figures = reports.figures([campaign])[campaign.pk]
    shown = {
        **admin.site.each_context(request),
        "title": _("Report"),
        "subtitle": campaign.subject,
        "opts": Campaign._meta,
        "campaign": campaign,
        "here": "report",
        "letters": list(_letters(campaign, figures, may_settle=request.user.has_perm("newsletter.settle_delivery"))),
        "after": list(_after(figures)),
    }
    return render(request, "admin/newsletter/campaign/report.html", shown)


def _letters(campaign: Campaign, figures: Figures, *, may_settle: bool) -> Iterator[Line]:
    """What became of each letter; together they are the recipients. What is none, and mostly is, is left out."""
    everybody = figures.recipients
    yield Line(_("Recipients"), everybody, _("written down when it started"))
    yield Line(_("Sent"), figures.sent, _share(figures.sent, everybody, _("of the recipients")))
    if figures.waiting:
        is_cancelled = campaign.state == Campaign.State.CANCELLED
        label = _("Not sent: cancelled") if is_cancelled else _("Waiting")
        yield Line(label, figures.waiting, _share(figures.waiting, everybody, _("of the recipients")))
    if figures.kept:
        yield Line(_("Kept here"), figures.kept, _("There is no mail server: staff can read them, nobody got them."))
    yield Line(
        _("Failed"), figures.failed, _share(figures.failed, everybody, _("of the recipients")), figures.failed > 0
    )
    if figures.uncertain:
        words = (
            _("Nobody knows whether they arrived. Settle them.")
            if may_settle
            else _("Nobody knows whether they arrived.")
        )
        where = f"{reverse('admin:newsletter_delivery_uncertain')}?campaign={campaign.pk}" if may_settle else ""
        yield Line(_("Uncertain"), figures.uncertain, words, True, where)
    off_the_list = _("Not sent: off the list")
    yield Line(off_the_list, figures.skipped, _("They had left, or could not be written to, before their turn came."))


def _after(figures: Figures) -> Iterator[Line]:
    of_sent = _("of those sent")
    words = (
        _share(figures.delivered, figures.sent, of_sent)
        if figures.delivered
        else _("The mail provider tells it, if asked to.")
    )
    yield Line(_("Delivered"), figures.delivered, words)
    yield Line(_("Bounced"), figures.bounced, _share(figures.bounced, figures.sent, of_sent))
    yield _complaints(figures, of_sent)
    yield Line(_("Left by its link"), figures.left, _share(figures.left, figures.sent, of_sent))
    yield Line(_("Appointment requests"), figures.requests, _("came by its links"))
    yield Line(_("Bookings"), figures.bookings, _("came by its links"))


def _complaints(figures: Figures, of_sent: str) -> Line:
    share = figures.complained * 100 / figures.sent if figures.sent else 0.0
    words = _share(figures.complained, figures.sent, of_sent)
    if share >= COMPLAINTS_REFUSED:
        words = _("%(share)s. That is too many: above 0.3 %% large mailbox providers refuse your letters.") % {
            "share": words
        }
    elif share > COMPLAINTS_WANTED:
        words = _("%(share)s. Large mailbox providers want it below 0.1 %%.") % {"share": words}
    return Line(_("Complained"), figures.complained, words, share > COMPLAINTS_WANTED)


def _share(part: int, whole: int, of_what: str) -> str:
    """“12.5 % of those sent”; nothing where there is nothing to compare with."""
    if not whole:
        return ""
    return _("%(percent)s %% %(of_what)s") % {
        "percent": number_format(round(part * 100 / whole, 1), 1),
        "of_what": of_what,
    }
