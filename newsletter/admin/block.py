import json
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import AutocompleteSelect, RelatedFieldWidgetWrapper
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from articles.models import Article
from clinic.models import Offer, User
from clinic.templatetags.clinic import last_moment
from newsletter.forms.campaign import SHOWN, BlockForm, BlockFormSet
from newsletter.models import Block, Campaign

# More than a practice runs at a time; the one that ends first stands on top.
MOST_OFFERS = 200
MOST_BLOCKS = 50


class PublishedArticles(AutocompleteJsonView):
    """What the choice of an article finds: those that a reader can open."""

    def get_queryset(self) -> QuerySet[Any]:
        readable = Article.objects.published(timezone.now()).values("pk")
        return super().get_queryset().filter(pk__in=readable)


class ChooseArticle(AutocompleteSelect):
    def get_url(self) -> str:
        return reverse("admin:newsletter_campaign_articles")


class BlockInline(admin.StackedInline):
    """The pieces of a campaign. Whoever may write the campaign may write them."""

    model = Block
    form = BlockForm
    formset = BlockFormSet
    extra = 1
    max_num = MOST_BLOCKS
    autocomplete_fields = ["picture"]
    fields = [("position", "kind"), "heading", "text", "picture", "article", "offer", "link"]
    verbose_name_plural = gettext_lazy("Blocks, below the introduction")

    def has_view_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return cast(User, request.user).has_perm("newsletter.view_campaign")

    def has_add_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        verb = "change" if obj else "add"
        return cast(User, request.user).has_perm(f"newsletter.{verb}_campaign")

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Block]:
        return super().get_queryset(request).order_by("position", "pk")

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "article":
            kwargs["widget"] = ChooseArticle(db_field, self.admin_site)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name == "kind":
            field.widget.attrs["data-shows"] = json.dumps(SHOWN)
        return field

    def get_formset(self, request: HttpRequest, obj: Campaign | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, validate_max=True, **kwargs)
        fields = formset.form.base_fields
        for name in ("article", "offer"):
            # Adding and changing them have pages of their own.
            if isinstance(fields[name].widget, RelatedFieldWidgetWrapper):
                fields[name].widget = fields[name].widget.widget
        for power in ("can_change_related", "can_delete_related", "can_view_related"):
            # A new picture is added from here; what is done to others concerns other pages too.
            setattr(fields["picture"].widget, power, False)
        _choose_offers(cast(forms.ModelChoiceField, fields["offer"]), obj)
        _choose_articles(cast(forms.ModelChoiceField, fields["article"]), obj)
        return formset


def _choose_offers(field: forms.ModelChoiceField, campaign: Campaign | None) -> None:
    """Offers that run or are to come, and those that stand in the campaign; asked for once, not for each block."""
    now = timezone.now()
    chosen = Block.objects.filter(campaign=campaign).exclude(offer=None).values("offer") if campaign else []
    offered = Offer.objects.filter(Q(ends_at__gt=now) | Q(pk__in=chosen)).order_by("ends_at", "pk")
    field.queryset = offered
    field.choices = [("", "---------"), *((offer.pk, _told(offer)) for offer in _shortened(offered))]


def _shortened(offers: QuerySet[Offer]) -> QuerySet[Offer]:
    return offers.only("title", "starts_at", "ends_at")[:MOST_OFFERS]


def _told(offer: Offer) -> str:
    now = timezone.now()
    day = last_moment(offer.ends_at)
    if offer.ends_at <= now:
        return _("%(offer)s (ended on %(day)s)") % {"offer": offer.title, "day": day}
    if offer.starts_at > now:
        begins = date_format(timezone.localtime(offer.starts_at), "DATE_FORMAT")
        return _("%(offer)s (from %(begins)s to %(day)s)") % {"offer": offer.title, "begins": begins, "day": day}
    return _("%(offer)s (until %(day)s)") % {"offer": offer.title, "day": day}


def _choose_articles(field: forms.ModelChoiceField, campaign: Campaign | None) -> None:
    readable = Q(pk__in=Article.objects.published(timezone.now()).values("pk"))
    if campaign:
        readable |= Q(pk__in=Block.objects.filter(campaign=campaign).exclude(article=None).values("article"))
    field.queryset = Article.objects.filter(readable)
