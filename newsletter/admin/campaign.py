from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from clinic.admin.rich_text import RichTextAdmin
from clinic.models import User
from newsletter.admin.audience import audience_urls
from newsletter.admin.block import BlockInline, PublishedArticles
from newsletter.admin.campaign_list import for_list, progress, state, to_whom, when
from newsletter.admin.preview import preview_urls
from newsletter.admin.report import report
from newsletter.admin.sending import sending_urls
from newsletter.admin.two_writers import overtaken
from newsletter.forms.campaign import AUDIENCE, LANGUAGES, CampaignForm
from newsletter.models import Campaign
from newsletter.services import writing
from newsletter.services.audience import reach

MOST_COPIED = 10


@admin.register(Campaign)
class CampaignAdmin(RichTextAdmin):
    """Writing a campaign. Once it has started nothing of it can be changed: its letters are on their way.

    One that is scheduled goes out by itself, so who may not send mailings does not change it.
    """

    form = CampaignForm
    inlines = [BlockInline]
    list_display = ["subject", state, to_whom, when, progress]
    list_filter = ["state", "topics"]
    search_fields = ["subject", "preheader", "slug"]
    list_per_page = 25
    list_max_show_all = 100
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ["copy"]
    prepopulated_fields = {"slug": ["subject"]}
    change_form_template = "admin/newsletter/campaign/change_form.html"
    empty_words = gettext_lazy("No campaign yet.")

    class Media:
        css = {"all": ["css/admin_mailings.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return for_list(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> list[Any]:
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": ["subject", "preheader", state, to_whom, when, progress]})]
        many = len(settings.LANGUAGES) > 1
        return [
            (None, {"fields": ["subject", "preheader", "introduction"]}),
            (gettext_lazy("Who gets it"), {"fields": [name for name in AUDIENCE if many or name not in LANGUAGES]}),
            (gettext_lazy("On the site"), {"fields": ["is_public", "slug", *(["language"] if many else [])]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> list[Any]:
        return [] if obj is None or self.has_change_permission(request, obj) else [state, to_whom, when, progress]

    def get_inlines(self, request: HttpRequest, obj: Campaign | None) -> list[Any]:
        """Where nothing can be changed the letter itself is shown, not its pieces."""
        return [] if obj and not self.has_change_permission(request, obj) else self.inlines

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Drafts are deleted one by one, from their own page, which looks whether they have started."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_form(self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        topics = form.base_fields.get("topics")
        if topics and isinstance(topics.widget, RelatedFieldWidgetWrapper):
            # Topics have a page of their own.
            topics.widget = topics.widget.widget
        return form

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        is_scheduled = obj is not None and obj.state == Campaign.State.SCHEDULED
        if is_scheduled and not request.user.has_perm("newsletter.send_campaign"):
            return False
        return obj is None or obj.is_open

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        is_draft = obj is None or obj.state == Campaign.State.DRAFT
        return super().has_delete_permission(request, obj) and is_draft

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Campaign | None:
        """Locked while it is being changed or deleted, so that it cannot start under its writer's hands."""
        if request.method == "POST" and connection.in_atomic_block and object_id.isdecimal():
            Campaign.objects.select_for_update(no_key=True).only("pk").filter(pk=object_id).first()
        return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: Campaign, form: forms.ModelForm, change: bool) -> None:
        if not change:
            obj.created_by = cast(User, request.user)
        wanted = obj.slug
        writing.save(obj)
        if obj.slug != wanted:
            words = _("Another campaign has got the address %(wanted)s at this moment. This one has %(slug)s.")
            messages.warning(request, words % {"wanted": wanted, "slug": obj.slug})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        writing.number_blocks(form.instance)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        campaign = Campaign.objects.filter(pk=object_id).first() if object_id and object_id.isdecimal() else None
        is_refused = self.has_change_permission(request) and not self.has_change_permission(request, campaign)
        if campaign and request.method == "POST" and is_refused:
            words = _("Nothing was changed: the campaign is %(state)s. Copy it to write another.")
            messages.error(request, words % {"state": campaign.get_state_display()})
            return HttpResponseRedirect(reverse("admin:newsletter_campaign_change", args=[campaign.pk]))
        # Counting a long list takes its time: the page has it fetched, and without a script there is a link.
        is_counted = campaign is not None and campaign.is_open and "count" in request.GET
        shown = {"campaign": campaign, "reached": reach(campaign) if campaign and is_counted else None}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if was_overtaken := overtaken(context):
            # Said by itself: no field below has to be corrected for it.
            context |= {"overtaken": was_overtaken, "errors": []}
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Campaign, post_url_continue: str | None = None) -> HttpResponse:
        answer = super().response_add(request, obj, post_url_continue)
        return self._on_to_the_preview(obj) if "_preview" in request.POST else answer

    def response_change(self, request: HttpRequest, obj: Campaign) -> HttpResponse:
        answer = super().response_change(request, obj)
        return self._on_to_the_preview(obj) if "_preview" in request.POST else answer

    def _on_to_the_preview(self, campaign: Campaign) -> HttpResponse:
        return redirect("admin:newsletter_campaign_preview", campaign.pk)

    @admin.action(description=gettext_lazy("Copy as new drafts"), permissions=["add"])
    def copy(self, request: HttpRequest, chosen: QuerySet[Campaign]) -> None:
        if chosen.count() > MOST_COPIED:
            self.message_user(request, _("Copy at most 10 at a time."), messages.ERROR)
            return
        copies = [self._copied(request, campaign) for campaign in chosen.order_by("pk")]
        words = ngettext("%(count)d new draft.", "%(count)d new drafts.", len(copies)) % {"count": len(copies)}
        self.message_user(request, words, messages.SUCCESS)

    def copy_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not (self.has_add_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        made = self._copied(request, get_object_or_404(Campaign, pk=pk))
        self.message_user(request, _("This is the copy: a new draft."), messages.SUCCESS)
        return redirect("admin:newsletter_campaign_change", made.pk)

    def _copied(self, request: HttpRequest, campaign: Campaign) -> Campaign:
        made = writing.copied(campaign, by=cast(User, request.user))
        self.log_addition(request, made, _("Copied from another campaign."))
        return made

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        articles = PublishedArticles.as_view(admin_site=self.admin_site)
        copy = require_POST(self.copy_one)
        return [
            path("articles/", guarded(articles), name="newsletter_campaign_articles"),
            path("<int:pk>/copy/", guarded(copy), name="newsletter_campaign_copy"),
            path("<int:pk>/report/", guarded(report), name="newsletter_campaign_report"),
            *audience_urls(self.admin_site),
            *preview_urls(self.admin_site),
            *sending_urls(self.admin_site),
            *super().get_urls(),
        ]
