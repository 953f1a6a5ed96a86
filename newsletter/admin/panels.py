"""What the dashboard shows of the mailings: how the last ones went, and how the list grows.

Both take the whole width, so they come after the panels that stand side by side.
"""

from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.dashboard import Panel, panel
from newsletter.admin import growth_chart
from newsletter.models import Subscriber
from newsletter.services import reports

LENGTH = 5


@panel(order=90, permission="newsletter.view_campaign")
def mailings(now: datetime) -> Panel:
    campaigns = reports.latest(LENGTH)
    figures = reports.figures_lately(campaigns)
    return Panel(
        _("Mailings"),
        url=reverse("admin:newsletter_campaign_changelist"),
        empty=_("No mailing has gone out yet."),
        template="admin/newsletter/mailings_panel.html" if campaigns else "",
        context={"lines": [(campaign, figures[campaign.pk]) for campaign in campaigns]},
    )


@panel(order=92, permission="newsletter.view_subscriber")
def the_list(now: datetime) -> Panel:
    """How many are on it, and what each of the last twelve months did. The admin has set the practice's zone."""
    months = reports.growth(now=now, zone=timezone.get_current_timezone())
    has_moved = any(month.joined or month.lost for month in months)
    return Panel(
        _("The list"),
        total=Subscriber.objects.on_the_list().count(),
        url=reverse("admin:newsletter_subscriber_changelist"),
        empty=_("Nobody has joined or left in the last twelve months."),
        template="admin/newsletter/growth_panel.html" if has_moved else "",
        context={"months": months, "chart": growth_chart.chart(months) if has_moved else None},
    )
