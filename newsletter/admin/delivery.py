"""The ledger of the mailings, to be read: who got which, and what the mail server said."""

from collections.abc import Sequence
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from clinic.admin.read_only import ReadOnlyAdmin
from clinic.models import User
from newsletter.admin.letter_alone import letter_alone
from newsletter.admin.uncertain import left_out, sent_again, uncertain_urls
from newsletter.emails import rendering
from newsletter.emails.person import Person
from newsletter.models import Campaign, Delivery, Subscriber
from newsletter.services import reconciling, tokens
from newsletter.services.campaigns import NotNow
from newsletter.services.offers_shown import frozen, offers_in

# As many rows as are ever counted or paged through: a ledger may have millions, and nobody reads them one by one.
MOST_LISTED = 10_000
CAMPAIGNS_OFFERED = 15
# People whose addresses begin alike; more typing finds the one.
MOST_FOUND = 200


class BoundedPaginator(Paginator[Any]):
    """Counts no further than `MOST_LISTED`."""

    @cached_property
    def count(self) -> int:
        return cast(QuerySet[Any], self.object_list).order_by()[:MOST_LISTED].count()

    @property
    def is_cut_off(self) -> bool:
        return self.count == MOST_LISTED


class CampaignFilter(admin.SimpleListFilter):
    """The newest ones, and whichever the address names."""

    title = _("campaign")
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        started = Campaign.objects.filter(started_at__isnull=False).order_by("-started_at", "-pk")
        offered = [(str(pk), subject) for pk, subject in started.values_list("pk", "subject")[:CAMPAIGNS_OFFERED]]
        named = request.GET.get(self.parameter_name, "")
        if named not in dict(offered) and named.isdecimal() and len(named) < 19:
            offered += [(named, subject) for subject in started.filter(pk=named).values_list("subject", flat=True)]
        return offered

    def has_output(self) -> bool:
        # One campaign is a choice already: with its name the list is short.
        return bool(self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        chosen = self.value()
        if chosen is None:
            return queryset
        return queryset.filter(campaign=int(chosen)) if chosen in dict(self.lookup_choices) else queryset.none()


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Nobody writes it by hand: the sending does, and what staff settle goes through the services."""

    list_display = ["to", "campaign_subject", "state", "attempted_at", "attempts", "words"]
    list_filter = [CampaignFilter, "state"]
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    # The way of the unique index, so that the first page of a million rows is read from its end.
    ordering = ["-campaign_id", "-subscriber_id"]
    sortable_by = ()
    search_fields = ["subscriber__email"]
    search_help_text = _("A whole address, or how it begins.")
    actions = ["send_again"]
    empty_words = _("No letter yet. When a campaign starts, each of its letters gets a line here.")
    change_list_template = "admin/newsletter/delivery/change_list.html"
    change_form_template = "admin/newsletter/delivery/change_form.html"
    fieldsets = [
        (None, {"fields": ["to", "campaign", "state", "answer", "attempts", "attempted_at", "next_attempt_at"]}),
        (_("Afterwards"), {"fields": ["delivered_at", "bounced_at", "complained_at", "left_at", "settled_by"]}),
        (_("For the log of the mail provider"), {"fields": ["message_id", "provider_id"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Delivery | None = None) -> Any:
        """A letter that the server refused for good has failed, and nothing came back; its words say what is wrong."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or obj.state != Delivery.State.FAILED:
            return fieldsets
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field != "bounced_at"]})
            for name, options in fieldsets
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        # What was written is long, and the same in each row.
        found = super().get_queryset(request).select_related("campaign", "subscriber", "settled_by")
        return found.defer("campaign__content", "campaign__introduction")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        typed = search_term.strip()
        if not typed:
            return queryset, False
        exact = list(Subscriber.objects.of(typed).values_list("pk", flat=True))
        return queryset.filter(subscriber__in=exact or _beginning_with(typed)), False

    @admin.display(description=_("to"))
    def to(self, delivery: Delivery) -> str:
        return delivery.subscriber.email

    @admin.display(description=_("campaign"))
    def campaign_subject(self, delivery: Delivery) -> str:
        return Truncator(delivery.campaign.subject).chars(50)

    @admin.display(description=_("the server's words"))
    def words(self, delivery: Delivery) -> str:
        return Truncator(delivery.answer).chars(120)

    @admin.display(description=_("Message-ID"))
    def message_id(self, delivery: Delivery) -> str:
        return tokens.message_id(delivery.campaign_id, delivery.subscriber_id)

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("newsletter.settle_delivery")

    @admin.action(description=_("Send the failed ones among the chosen again"), permissions=["settle"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """An uncertain one is settled on its own page, which says what may come of it."""
        failed = Delivery.objects.filter(pk__in=chosen.order_by().values("pk"), state=Delivery.State.FAILED)
        try:
            done = reconciling.send_again(failed, by=cast(User, request.user), now=timezone.now())
        except NotNow as reason:
            self.message_user(request, str(reason), messages.ERROR)
            return
        if done.sent or not done.left_out:
            self.message_user(request, sent_again(done.sent), messages.SUCCESS if done.sent else messages.INFO)
        if done.left_out:
            self.message_user(request, left_out(done.left_out), messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            *uncertain_urls(self.admin_site),
            path("<int:pk>/repetition/", guard(require_POST(self.repetition)), name="newsletter_delivery_repetition"),
            path("<int:pk>/letter/", guard(require_GET(letter_alone(self.letter))), name="newsletter_delivery_letter"),
        ]
        return [*own, *super().get_urls()]

    def repetition(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_settle_permission(request):
            raise PermissionDenied
        self.send_again(request, Delivery.objects.filter(pk=get_object_or_404(Delivery, pk=pk).pk))
        response = redirect("admin:newsletter_delivery_change", pk)
        response.status_code = 303
        return response

    def letter(self, request: HttpRequest, pk: int) -> HttpResponse:
        """As this person got it, or gets it; `?as=text` its other form. Only in the trial with links that work."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = get_object_or_404(Delivery.objects.select_related("campaign", "subscriber"), pk=pk)
        if found.campaign.content is None:
            raise Http404
        token = tokens.token_for(found.campaign.code, found.subscriber.email) if _is_read_here() else ""
        person = Person(email=found.subscriber.email, name=found.subscriber.name, token=token)
        at = found.attempted_at or timezone.now()
        try:
            letter = rendering.filled(rendering.render(frozen(found.campaign, now=at), now=at), person)
        except rendering.TooLarge as reason:
            return HttpResponse(str(reason), content_type="text/plain; charset=utf-8")
        if request.GET.get("as") == "text":
            return HttpResponse(letter.text, content_type="text/plain; charset=utf-8")
        return HttpResponse(letter.html)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        delivery = cast(Delivery | None, self.get_object(request, object_id))
        has_failed = delivery is not None and delivery.state == Delivery.State.FAILED
        may_be_written_to = has_failed and Subscriber.objects.mailable().filter(deliveries=delivery).exists()
        offers = {
            "title": gettext("One letter"),
            "may_send_again": may_be_written_to and self.has_settle_permission(request),
            "is_for_nobody": has_failed and not may_be_written_to,
            "is_uncertain": delivery is not None and delivery.state == Delivery.State.UNCERTAIN,
            "is_read_here": _is_read_here(),
            "may_differ": delivery is not None and _may_differ(delivery),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **offers})


def _beginning_with(typed: str) -> Sequence[int]:
    folded = Subscriber.objects.alias(folded=Lower("email"))
    return list(
        folded.filter(folded__startswith=typed.lower()).order_by("pk").values_list("pk", flat=True)[:MOST_FOUND]
    )


def _may_differ(delivery: Delivery) -> bool:
    """Whether the letter may have held an offer that nobody can show any more."""
    content = delivery.campaign.content
    return delivery.attempted_at is not None and content is not None and bool(offers_in(content))


def _is_read_here() -> bool:
    """In the trial letters reach nobody else; anywhere else staff must not act by somebody's links."""
    return settings.TRIAL and not settings.SENDS_MAIL
