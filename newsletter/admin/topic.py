from datetime import datetime

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clinic.dashboard import Panel, Row, panel
from newsletter.emails.letters import TIME_TO_CONFIRM
from newsletter.models import Campaign, Consent, Subscriber, Topic


@admin.register(Topic)
class TopicAdmin(admin.ModelAdmin):
    """What people may choose. One that somebody has chosen is taken out of the offer, never deleted."""

    list_display = ["name", "description", "position", "is_offered", "chosen_by"]
    list_display_links = ["name"]
    fields = ["name", "slug", "description", "position", "is_offered"]
    prepopulated_fields = {"slug": ["name"]}
    show_full_result_count = False
    empty_words = _("No topic yet. Without topics there is nothing to choose: everybody gets every newsletter.")
    # Deleted one by one, so that each is asked about.
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        reading = Q(subscribers__state=Subscriber.State.CONFIRMED)
        return super().get_queryset(request).annotate(chosen_by=Count("subscribers", filter=reading))

    @admin.display(description=_("chosen by so many on the list"))
    def chosen_by(self, topic: Topic) -> int:
        return int(topic.chosen_by)  # type: ignore[attr-defined] # counted above

    def has_delete_permission(self, request: HttpRequest, obj: Topic | None = None) -> bool:
        """Not while it is anybody's choice, confirmed or not: with their last topic gone they would get everything,
        and a campaign that was for this topic would go to none of those who want it."""
        if not super().has_delete_permission(request, obj):
            return False
        if obj is None:
            return True
        # The letter that asks may be sent some days late, and its link counts from then.
        since = timezone.now() - 2 * TIME_TO_CONFIRM
        is_chosen = obj.subscribers.exists() or Consent.objects.waiting_for(obj, since=since).exists()
        return not (is_chosen or Campaign.objects.filter(topics=obj).exists())


@panel(order=6, permission="newsletter.add_topic")
def to_set_up(now: datetime) -> Panel | None:
    """Until there is a topic, or somebody has begun to write without."""
    if Topic.objects.exists() or Campaign.objects.exists():
        return None
    row = Row(gettext("Choose the topics that people can sign up for"), reverse("admin:newsletter_topic_add"))
    return Panel(_("The newsletter, still to be set up"), [row], total=1)
