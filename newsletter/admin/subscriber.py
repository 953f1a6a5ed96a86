from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from clinic.dashboard import Panel, Row, panel
from clinic.models import User
from newsletter.models import Consent, Subscriber
from newsletter.services import signing_up

WEEK = timedelta(days=7)


class ConsentInline(admin.TabularInline):
    """The evidence, to be read only."""

    model = Consent
    fields = readonly_fields = ("at", "kind", "words", "version", "page", "network_address", "by")
    extra = 0
    can_delete = False

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
    list_filter = ["state", "created_at", "confirmed_at"]
    search_fields = ["email", "name"]
    search_help_text = _("Part of an address or a name.")
    list_per_page = 50
    show_full_result_count = False
    fields = ["email", "name", "state", "language", "created_at", "confirmed_at", "left_at"]
    inlines = [ConsentInline]
    actions = ["take_off"]

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
        """Asks once more, naming them, then does it."""
        if "take-off" not in request.POST:
            return TemplateResponse(request, "newsletter/take_off.html", self._question(request, chosen))
        count = signing_up.take_off(chosen, by=cast(User, request.user), now=timezone.now())
        words = ngettext(
            "%(count)d address was taken off the list.", "%(count)d addresses were taken off the list.", count
        )
        self.message_user(request, words % {"count": count}, messages.SUCCESS)
        return None

    def _question(self, request: HttpRequest, chosen: QuerySet[Subscriber]) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": _("Take off the list?"),
            "opts": self.opts,
            "chosen": chosen[:100],
            "count": chosen.count(),
            "select_across": request.POST.get("select_across", "0"),
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
