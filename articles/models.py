import math
from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector, SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Left
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic import rich_text
from clinic.models import Image, Provider, Treatment, TreatmentCategory
from clinic.rich_text import RichTextField

WORDS_A_MINUTE = 220
# PostgreSQL refuses a vector of a megabyte; no article of this length is written by hand.
SEARCHED_CHARACTERS = 100_000
# Tags in the text are nothing to PostgreSQL's parser: neither their names nor what stands in them is found.
SEARCH_VECTOR = (
    SearchVector("title", weight="A", config="english")
    + SearchVector("standfirst", weight="B", config="english")
    + SearchVector(Left("body", SEARCHED_CHARACTERS), weight="C", config="english")
)


class WordCount(models.PositiveIntegerField):
    """How many words the text has, counted whenever it is saved, `bulk_create()` included.

    `update()` and `bulk_update()` of a text do not count again; nothing here uses them.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        words = len(rich_text.plain(rich_text.sanitise(model_instance.body)).split())  # type: ignore[attr-defined] # an article
        setattr(model_instance, self.attname, words)
        return words


class ArticleQuerySet(models.QuerySet["Article"]):
    def published(self, now: datetime) -> "ArticleQuerySet":
        """What the public sees at `now`, the newest first. Nothing has to run for an article to appear."""
        return self.filter(status=Article.Status.PUBLISHED, published_at__lte=now).order_by("-published_at", "-pk")

    def drafts(self) -> "ArticleQuerySet":
        return self.filter(status=Article.Status.DRAFT).order_by("-changed_at", "-pk")

    def scheduled(self, now: datetime) -> "ArticleQuerySet":
        return self.filter(status=Article.Status.PUBLISHED, published_at__gt=now).order_by("published_at", "pk")

    def about(self, treatment: Treatment) -> "ArticleQuerySet":
        return self.filter(treatments=treatment)

    def holding(self, query: str) -> "ArticleQuerySet":
        """Those that hold all the words of a search as a reader would type it, the best match on top."""
        search = SearchQuery(query, search_type="websearch", config="english")
        # As F(): a mere name would be taken for a text, and made into a vector again.
        ranked = self.filter(search_vector=search).annotate(rank=SearchRank(models.F("search_vector"), search))
        return ranked.order_by("-rank", "-published_at", "-pk")

    def for_list(self) -> "ArticleQuerySet":
        """With what a line of a list shows, and without the long text."""
        lines = self.select_related("category", "picture").prefetch_related("picture__renditions")
        return lines.defer("body", "key_points")

    def with_surroundings(self) -> "ArticleQuerySet":
        """With what a page of its own shows."""
        return self.select_related("author", "category", "picture").prefetch_related("picture__renditions")


class ArticleManager(models.Manager.from_queryset(ArticleQuerySet)):  # type: ignore[misc] # made by a function
    def get_queryset(self) -> ArticleQuerySet:
        """Leaves the search vector in the database: it is as long as the text, and nothing in Python reads it."""
        return super().get_queryset().defer("search_vector")


class Article(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    title = models.CharField(_("title"), max_length=160)
    slug = models.SlugField(_("address on the site"), max_length=120, unique=True)
    standfirst = models.TextField(
        _("standfirst"), max_length=400, blank=True, help_text=_("One or two sentences below the title, and in lists.")
    )
    key_points = models.TextField(_("in short"), blank=True, help_text=_("One point on each line, at best three."))
    body = RichTextField(_("text"))
    words = WordCount(default=0, editable=False)
    author = models.ForeignKey(
        Provider, models.SET_NULL, null=True, blank=True, related_name="articles", verbose_name=_("author")
    )
    category = models.ForeignKey(
        TreatmentCategory, models.PROTECT, null=True, blank=True, related_name="articles", verbose_name=_("category")
    )
    treatments = models.ManyToManyField(
        Treatment, blank=True, related_name="articles", verbose_name=_("related treatments")
    )
    picture = models.ForeignKey(
        Image, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("picture")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    published_at = models.DateTimeField(
        _("published"), null=True, blank=True, help_text=_("Empty: now. A later time publishes it then, by itself.")
    )
    reviewed_on = models.DateField(_("medically reviewed"), null=True, blank=True)
    created_at = models.DateTimeField(_("written"), auto_now_add=True)
    changed_at = models.DateTimeField(_("last changed"), auto_now=True)

    search_vector = models.GeneratedField(
        expression=SEARCH_VECTOR, output_field=SearchVectorField(), db_persist=True, verbose_name=_("search vector")
    )

    objects = ArticleManager()

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")
        ordering = ["-created_at", "-pk"]
        permissions = [("publish_article", _("Can publish articles"))]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status="draft") | models.Q(published_at__isnull=False, category__isnull=False),
                name="article_published_has_time_and_category",
                violation_error_message=_("To publish it, choose a category and the time of publication."),
            )
        ]
        indexes = [
            models.Index(
                fields=["-published_at", "-id"], condition=models.Q(status="published"), name="article_published"
            ),
            GinIndex(fields=["search_vector"], name="article_search"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: object, **kwargs: object) -> None:
        """Keeps the count of words with the text it counts, also where the text alone is named."""
        fields = kwargs.get("update_fields")
        if isinstance(fields, list | tuple | set | frozenset) and "body" in fields:
            kwargs["update_fields"] = {*fields, "words"}
        super().save(*args, **kwargs)  # type: ignore[arg-type] # passed on as they came

    def clean(self) -> None:
        if self.status == self.Status.PUBLISHED and not rich_text.plain(self.body):
            raise ValidationError({"body": _("An article without text cannot be published.")})

    def get_absolute_url(self) -> str:
        return reverse("articles:article", args=[self.slug])

    def is_public(self, now: datetime) -> bool:
        return self.status == self.Status.PUBLISHED and self.published_at is not None and self.published_at <= now

    @property
    def reading_minutes(self) -> int:
        return max(1, math.ceil(self.words / WORDS_A_MINUTE))

    @property
    def key_points_list(self) -> list[str]:
        return [line.strip() for line in self.key_points.splitlines() if line.strip()]
