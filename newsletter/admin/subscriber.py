from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from clinic.dashboard import Panel, Row, panel
from clinic.models import User
from newsletter.admin.delivery import BoundedPaginator
from newsletter.models import Consent, Subscriber, Suppression, Topic
from newsletter.services import signing_up

WEEK = timedelta(days=7)


# What a person reads is at the desk a question of who may bring somebody back.
FORBIDDEN = {
    Suppression.Reason.COMPLAINED: _("None: has reported a letter as unwanted. Nobody can lift this."),
    Suppression.Reason.BOUNCED: _("None: letters to this address came back for good. Nobody can lift this."),
    Suppression.Reason.UNSUBSCRIBED: _("None: has left. Only the person can come back, by signing up again."),
    "": _("Nothing forbids them."),
}
MOST_SENT = 25
# Each is a field of the question that is asked before; of these a page may send 2000.
MOST_TAKEN_OFF = 500
MOST_NAMED = 100


class TopicFilter(admin.SimpleListFilter):
    title = _("topic")
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Topic.objects.values_list("slug", "name"), ("-", _("None chosen: everything"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
        if self.value() is None:
            return queryset
        choices = Subscriber.topics.through.objects.filter(subscriber=OuterRef("pk"))
        if self.value() == "-":
            return queryset.filter(~Exists(choices))
        return queryset.filter(Exists(choices.filter(topic__slug=self.value())))


class ConsentInline(admin.TabularInline):
    """The evidence, to be read only."""

    model = Consent
    fields = readonly_fields = (
        "at",
        "kind",
        "name",
        "words",
        "version",
        "topics_named",
        "page",
        "network_address",
        "by",
    )
    extra = 0
    can_delete = False

    @admin.display(description=_("topics"))
    def topics_named(self, line: Consent) -> str:
        return ", ".join(line.topics)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consent]:
        return super().get_queryset(request).select_related("by")

    def has_view_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        return cast(User, request.user).has_perm("newsletter.view_subscriber")

    def has_add_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        return False


@admin.register(Subscriber)
class SubscriberAdmin(admin.ModelAdmin):
    """Who is on the list, and the proof. Nobody is put on it by hand, and no address is changed."""

    list_display = ["email", "name", "state", "created_at", "confirmed_at", "left_at"]
    list_filter = ["state", TopicFilter, "created_at", "confirmed_at"]
    search_fields = ["email", "name"]
    search_help_text = _("Part of an address or a name.")
    list_per_page = 50
    list_max_show_all = 100
    show_full_result_count = False
    paginator = BoundedPaginator
    change_list_template = "admin/newsletter/bounded_list.html"
    empty_words = _("Nobody is on the list yet. People sign up on the site themselves, or come with an imported list.")
    fieldsets = [
        (None, {"fields": ["email", "name", "state", "what_forbids_it", "chosen_topics", "language"]}),
        (_("When"), {"fields": ["created_at", "confirmed_at", "left_at"]}),
        (_("What was sent to this person"), {"fields": ["what_was_sent"]}),
    ]
    inlines = [ConsentInline]
    actions = ["take_off"]

    @admin.display(description=_("newsletters"))
    def what_forbids_it(self, subscriber: Subscriber) -> str:
        """In words, because the state alone does not say who may change it."""
        said = set(Suppression.objects.of(subscriber.email).in_force().values_list("reason", flat=True))
        return str(next(words for reason, words in FORBIDDEN.items() if reason in said or not reason))

    @admin.display(description=_("topics"))
    def chosen_topics(self, subscriber: Subscriber) -> str:
        names = ", ".join(topic.name for topic in subscriber.topics.all())
        return names or str(_("None chosen: everything."))

    @admin.display(description=_("the newest"))
    def what_was_sent(self, subscriber: Subscriber) -> SafeString:
        found = subscriber.deliveries.select_related("campaign").defer("campaign__content", "campaign__introduction")
        deliveries = list(found.order_by("-pk")[: MOST_SENT + 1])
        context = {"deliveries": deliveries[:MOST_SENT], "is_cut_off": len(deliveries) > MOST_SENT}
        return render_to_string("admin/newsletter/subscriber/sent.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        # The evidence is kept after somebody has left.
        return False

    def has_take_off_permission(self, request: HttpRequest) -> bool:
        return cast(User, request.user).has_perm("newsletter.take_off_subscriber")

    @admin.action(description=_("Take off the list, as they asked us to"), permissions=["take_off"])
    def take_off(self, request: HttpRequest, chosen: QuerySet[Subscriber]) -> TemplateResponse | None:
        """Asks once more, naming them, then does it: for exactly those of whom was asked, or it asks again."""
        keys = list(chosen.values_list("pk", flat=True)[: MOST_TAKEN_OFF + 1])
        if len(keys) > MOST_TAKEN_OFF:
            too_many = _("Nobody was taken off: choose at most %(most)d at a time.")
            self.message_user(request, too_many % {"most": MOST_TAKEN_OFF}, messages.ERROR)
            return None
        if request.POST.get("sure") != str(len(keys)):
            if "sure" in request.POST:
                changed = _("Nobody was taken off: the list has changed since you were asked. Look again.")
                self.message_user(request, changed, messages.WARNING)
            return (
                TemplateResponse(request, "newsletter/take_off.html", self._question(request, keys)) if keys else None
            )
        asked_about = Subscriber.objects.filter(pk__in=keys)
        count = signing_up.take_off(asked_about, by=cast(User, request.user), now=timezone.now())
        done = ngettext(
            "%(count)d address was taken off the list.", "%(count)d addresses were taken off the list.", count
        )
        self.message_user(request, done % {"count": count}, messages.SUCCESS)
        return None

    def _question(self, request: HttpRequest, keys: list[int]) -> dict[str, Any]:
        named = Subscriber.objects.filter(pk__in=keys).order_by("email")[:MOST_NAMED]
        return {
            **self.admin_site.each_context(request),
            "title": _("Take off the list?"),
            "opts": self.opts,
            "keys": keys,
            "named": named,
            "others": max(0, len(keys) - MOST_NAMED),
        }


@panel(order=20, permission="newsletter.view_subscriber")
def signups_this_week(now: datetime) -> Panel:
    since = now - WEEK
    confirmed = Subscriber.objects.confirmed_since(since).count()
    waiting = Subscriber.objects.waiting_since(since).count()
    everyone = reverse("admin:newsletter_subscriber_changelist")
    rows = [
        Row(str(_("%(count)d confirmed") % {"count": confirmed}), f"{everyone}?state__exact=confirmed"),
        Row(
            str(_("%(count)d not yet confirmed") % {"count": waiting}),
            f"{everyone}?state__exact=pending",
            remark=str(_("They have been sent the letter with the button.")),
        ),
    ]
    total = confirmed + waiting
    return Panel(
        title=_("Sign-ups this week"),
        rows=rows if total else [],
        total=total,
        url=everyone,
        empty=_("Nobody has signed up in the last seven days."),
    )
