"""What the list of campaigns says of each."""

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Case, Count, IntegerField, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.models import Campaign, Delivery

State = Campaign.State
WHEN = "M j, Y, g:i a"


def for_list(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """With their topics, and how many letters wait, failed or are uncertain.

    Without the frozen content, which only the letter itself needs.
    """
    cut_short = [State.SENDING, State.PAUSED, State.CANCELLED]
    return (
        campaigns.defer("content")
        .prefetch_related("topics")
        .annotate(
            waiting=Case(When(state__in=cut_short, then=_counted(Delivery.objects.waiting())), default=0),
            failed=_counted(Delivery.objects.filter(state=Delivery.State.FAILED)),
            uncertain=_counted(Delivery.objects.uncertain()),
        )
    )


def _counted(deliveries: QuerySet[Delivery]) -> Coalesce:
    """So many of them belong to each campaign; each of these states has an index of its own."""
    own = deliveries.filter(campaign=OuterRef("pk")).order_by().values("campaign")
    return Coalesce(Subquery(own.annotate(count=Count("pk")).values("count"), output_field=IntegerField()), 0)


@admin.display(description=gettext_lazy("state"), ordering="state")
def state(campaign: Campaign) -> SafeString:
    return format_html('<span class="state {}">{}</span>', campaign.state, capfirst(campaign.get_state_display()))


@admin.display(description=gettext_lazy("who gets it"))
def to_whom(campaign: Campaign) -> str:
    """“Offers, Skin care; joined from March 1, 2026”, or who chose no topics."""
    words = [", ".join(topic.name for topic in campaign.topics.all())]
    if campaign.audience_language:
        words.append(_("readers of “%(language)s”") % {"language": campaign.audience_language})
    if campaign.joined_from:
        words.append(_("joined from %(day)s") % {"day": date_format(campaign.joined_from)})
    if campaign.joined_until:
        words.append(_("joined until %(day)s") % {"day": date_format(campaign.joined_until)})
    return "; ".join(word for word in words if word) or _("all who chose no topics")


@admin.display(description=gettext_lazy("when"))
def when(campaign: Campaign) -> str:
    words, at = {
        State.DRAFT: (_("changed %(at)s"), campaign.changed_at),
        State.SCHEDULED: (_("to be sent %(at)s"), campaign.scheduled_at),
        State.SENDING: (_("started %(at)s"), campaign.started_at),
        State.PAUSED: (_("started %(at)s"), campaign.started_at),
        State.SENT: (_("sent %(at)s"), campaign.ended_at),
        State.CANCELLED: (_("cancelled %(at)s"), campaign.ended_at),
    }[State(campaign.state)]
    return words % {"at": date_format(timezone.localtime(at), WHEN) if at else "–"}


@admin.display(description=gettext_lazy("progress"))
def progress(campaign: Campaign) -> SafeString | str:
    if campaign.recipients is None:
        return "–"
    done = campaign.recipients - campaign.waiting  # type: ignore[attr-defined] # annotated by for_list
    said = {"done": intcomma(done), "all": intcomma(campaign.recipients)}
    words = ", ".join([_("%(done)s of %(all)s") % said, *_not_arrived(campaign)])
    if campaign.state not in {State.SENDING, State.PAUSED}:
        return words
    return format_html(
        '<progress value="{}" max="{}" aria-hidden="true"></progress> {}', done, campaign.recipients or 1, words
    )


def _not_arrived(campaign: Campaign) -> list[str]:
    """What is done and has perhaps reached nobody."""
    counts = {_("%(count)s failed"): campaign.failed, _("%(count)s uncertain"): campaign.uncertain}  # type: ignore[attr-defined] # annotated by for_list
    return [words % {"count": intcomma(count)} for words, count in counts.items() if count]
