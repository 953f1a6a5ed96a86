from django.db import models
from django.utils.translation import gettext_lazy as _


class TopicQuerySet(models.QuerySet["Topic"]):
    def offered(self) -> "TopicQuerySet":
        """What a person can choose today."""
        return self.filter(is_offered=True)


class Topic(models.Model):
    """What people may choose to hear about. It is their choice alone, and never follows from an appointment."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    slug = models.SlugField(_("short name"), max_length=60, unique=True, help_text=_("For files and forms."))
    description = models.CharField(_("description"), max_length=160, blank=True, help_text=_("What comes, how often."))
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_offered = models.BooleanField(
        _("offered"), default=True, help_text=_("Off: nobody can choose it any more; those who have keep it.")
    )

    objects = TopicQuerySet.as_manager()

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name
