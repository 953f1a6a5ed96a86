from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.deletion import Collector
from django.utils.translation import gettext_lazy as _

from articles.models import Article
from clinic.models import Image, Offer
from clinic.rich_text import RichTextField
from newsletter.models.campaign import Campaign

# A page of our own by its path, or any other by its whole address.
validate_link = RegexValidator(
    r"\A(?:https?://[^\s/]+\S*|/(?!/)\S*|mailto:\S+@\S+|tel:\+?[0-9-]+)\Z",
    _("Enter a whole address, like https://example.com/page, or the path of a page of this site, like /offers/."),
)


def stays_while_open(collector: Collector, field: Any, blocks: "models.QuerySet[Block]", using: str) -> None:
    """What a campaign shows cannot be deleted before that has started: it would go out without it, and nobody said so.

    After that the block goes along, for what was written is frozen. Raises ProtectedError with the campaigns.
    """
    is_open = Campaign.objects.using(using).filter(state__in=Campaign.OPEN, blocks__in=blocks.values("pk")).distinct()
    showing: set[models.Model] = set(is_open.only("subject", "state"))
    if showing:
        raise models.ProtectedError("A campaign that has not started shows it.", showing)
    models.CASCADE(collector, field, blocks, using)


class Block(models.Model):
    """One piece of a campaign, below its introduction."""

    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        PICTURE = "picture", _("picture")
        ARTICLE = "article", _("article")
        OFFER = "offer", _("offer")
        BUTTON = "button", _("button")

    # What each kind cannot be without, and what to say then.
    NEEDS = {
        Kind.TEXT: ("text", _("Write the text of this block.")),
        Kind.PICTURE: ("picture", _("Choose a picture.")),
        Kind.ARTICLE: ("article", _("Choose an article.")),
        Kind.OFFER: ("offer", _("Choose an offer.")),
        Kind.BUTTON: ("link", _("Write where the button leads.")),
    }

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="blocks")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.TEXT)
    heading = models.CharField(
        _("heading"), max_length=120, blank=True, help_text=_("Above a text; on a button, its words.")
    )
    text = RichTextField(_("text"), blank=True)
    picture = models.ForeignKey(
        Image, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("picture")
    )
    article = models.ForeignKey(
        Article, stays_while_open, null=True, blank=True, related_name="+", verbose_name=_("article")
    )
    offer = models.ForeignKey(Offer, stays_while_open, null=True, blank=True, related_name="+", verbose_name=_("offer"))
    link = models.CharField(
        _("leads to"), max_length=500, blank=True, validators=[validate_link], help_text=_("Of a button or a picture.")
    )

    class Meta:
        verbose_name = _("block")
        verbose_name_plural = _("blocks")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="text") & ~Q(text=""))
                | Q(kind="picture", picture__isnull=False)
                | Q(kind="article", article__isnull=False)
                | Q(kind="offer", offer__isnull=False)
                | (Q(kind="button") & ~Q(link="") & ~Q(heading="")),
                name="block_has_what_its_kind_shows",
                violation_error_message=_("This block lacks what its kind shows."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.position}"

    @property
    def shown_picture(self) -> Image | None:
        """What it shows: a picture, or that of its article or offer."""
        if self.kind == self.Kind.ARTICLE and self.article:
            return self.article.picture
        if self.kind == self.Kind.OFFER and self.offer:
            return self.offer.picture
        return self.picture if self.kind == self.Kind.PICTURE else None

    def clean(self) -> None:
        needed, words = self.NEEDS[self.Kind(self.kind)]
        if not getattr(self, needed):
            raise ValidationError({needed: words})
        if self.kind == self.Kind.BUTTON and not self.heading:
            raise ValidationError({"heading": _("Write the words on the button.")})
