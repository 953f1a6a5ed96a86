from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from articles.models import Article
from clinic.admin.rich_text import RichTextAdmin
from clinic.dashboard import Panel, Row, panel

LENGTH = 5


class ArticleForm(forms.ModelForm):
    class Meta:
        widgets = {
            "title": forms.TextInput({"class": "vLargeTextField"}),
            "standfirst": forms.Textarea({"rows": 3}),
            "key_points": forms.Textarea({"rows": 3}),
        }

    def clean(self) -> dict[str, Any]:
        """To publish without a time is to publish now; without a category it cannot be done."""
        super().clean()
        given = self.cleaned_data
        if given.get("status", self.instance.status) != Article.Status.PUBLISHED:
            return given
        if "published_at" in given and given["published_at"] is None:
            given["published_at"] = timezone.now()
        if "category" in given and given["category"] is None:
            self.add_error("category", _("Choose a category: the journal lists what is published under one."))
        return given


@admin.register(Article)
class ArticleAdmin(RichTextAdmin):
    form = ArticleForm
    fieldsets = [
        (None, {"fields": ["title", "slug", "standfirst", "key_points", "body", "picture"]}),
        (gettext_lazy("Where it belongs"), {"fields": ["category", "treatments", "author", "reviewed_on"]}),
        (gettext_lazy("Publishing"), {"fields": ["status", "published_at"]}),
    ]
    prepopulated_fields = {"slug": ["title"]}
    autocomplete_fields = ["category", "author", "picture", "treatments"]
    list_display = ["title", "category", "author", "status", "published_at", "is_on_the_site"]
    list_filter = ["status", "category", "author"]
    list_select_related = ["category", "author"]
    search_fields = ["title", "standfirst"]
    date_hierarchy = "published_at"

    def get_readonly_fields(self, request: HttpRequest, obj: Article | None = None) -> list[str]:
        """Without the permission to publish a draft stays one."""
        return [] if request.user.has_perm("articles.publish_article") else ["status", "published_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        return super().get_queryset(request).order_by("-changed_at", "-pk")

    @admin.display(description=gettext_lazy("on the site"), boolean=True)
    def is_on_the_site(self, article: Article) -> bool:
        return article.is_public(timezone.now())


@panel(order=30, permission="articles.change_article")
def drafts(now: datetime) -> Panel:
    waiting = Article.objects.drafts()
    rows = [
        Row(
            article.title,
            reverse("admin:articles_article_change", args=[article.pk]),
            _("changed %(age)s ago") % {"age": timesince(article.changed_at, now)},
        )
        for article in waiting.only("title", "changed_at")[:LENGTH]
    ]
    return Panel(
        _("Drafts of articles"),
        rows,
        total=waiting.count(),
        url=f"{reverse('admin:articles_article_changelist')}?status__exact=draft",
        empty=_("No draft of an article is waiting."),
    )
