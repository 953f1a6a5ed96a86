import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic.models import User
from clinic.rich_text import RichTextField
from newsletter.models.subscriber import Subscriber, SubscriberQuerySet
from newsletter.models.topic import Topic

# Without letters and figures that are taken for one another.
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
CODE_LENGTH = 8


def new_code() -> str:
    return "".join(secrets.choice(CODE_LETTERS) for _letter in range(CODE_LENGTH))


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def being_sent(self) -> "CampaignQuerySet":
        return self.filter(state=Campaign.State.SENDING).order_by("started_at", "pk")

    def with_nothing_left(self) -> "CampaignQuerySet":
        """Of which no letter waits and none is in flight; uncertain ones may be left.

        In one statement, or a letter that is put back between two of them would be missed; each part has its index,
        of which one entry is enough. Excluded one by one they would become joins, which read all that waits.
        """
        # It imports this file.
        from newsletter.models.delivery import Delivery

        letters = Delivery.objects.filter(campaign=OuterRef("pk"))
        return self.exclude(Exists(letters.waiting()) | Exists(letters.filter(state=Delivery.State.SENDING)))

    def due(self, now: datetime) -> "CampaignQuerySet":
        """Scheduled, and the time has come."""
        return self.filter(state=Campaign.State.SCHEDULED, scheduled_at__lte=now).order_by("scheduled_at", "pk")

    def in_the_archive(self) -> "CampaignQuerySet":
        """What the site shows, the newest first. One that was cancelled under way has reached people as well."""
        shown = self.filter(is_public=True, started_at__isnull=False).exclude(content=None)
        return shown.order_by("-started_at", "-pk")


class Campaign(models.Model):
    """One mailing: what is written, to whom, and how far it is. What each person got stands in its deliveries."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", _("scheduled")
        SENDING = "sending", _("being sent")
        PAUSED = "paused", _("paused")
        SENT = "sent", _("sent")
        CANCELLED = "cancelled", _("cancelled")

    # Until it starts; what has gone to one person is not changed for the next.
    OPEN = (State.DRAFT, State.SCHEDULED)

    subject = models.CharField(_("subject"), max_length=150)
    preheader = models.CharField(
        _("preheader"), max_length=150, blank=True, help_text=_("The line that mailboxes show beside the subject.")
    )
    introduction = RichTextField(
        _("introduction"), blank=True, help_text=_("{{ name|there }} becomes the person's name, or “there”.")
    )
    language = models.CharField(_("language"), max_length=10, default="en")
    slug = models.SlugField(_("address in the archive"), max_length=120, unique=True)
    is_public = models.BooleanField(_("show it in the archive on the site"), default=True)

    topics = models.ManyToManyField(
        Topic,
        blank=True,
        related_name="campaigns",
        verbose_name=_("topics"),
        help_text=_(
            "It goes to who chose one of them, and to who has chosen none. Tick none, and it goes to the latter alone."
        ),
    )
    audience_language = models.CharField(
        _("language of the readers"), max_length=10, blank=True, help_text=_("Empty: any.")
    )
    joined_from = models.DateField(_("joined on or after"), null=True, blank=True)
    joined_until = models.DateField(_("joined on or before"), null=True, blank=True)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT, editable=False)
    scheduled_at = models.DateTimeField(_("to be sent"), null=True, blank=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    pause_reason = models.TextField(_("why it is paused"), blank=True, editable=False)
    rate_per_minute = models.PositiveIntegerField(
        _("letters a minute"), null=True, blank=True, help_text=_("Empty: as the rules of the mailings say.")
    )
    code = models.CharField(_("code in its links"), max_length=12, default=new_code, unique=True, editable=False)
    # What was written, its articles and offers as they were at the start: emails.content has its form.
    content = models.JSONField(null=True, editable=False)
    recipients = models.PositiveIntegerField(_("recipients"), null=True, editable=False)
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    changed_at = models.DateTimeField(_("last changed"), auto_now=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("begun by"),
    )

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("send_campaign", _("Can send, pause and cancel campaigns")),
            ("settle_delivery", _("Can settle letters that are uncertain")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(scheduled_at__isnull=False), name="campaign_scheduled_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "paused", "sent"])
                | Q(content__isnull=False, started_at__isnull=False, recipients__isnull=False),
                name="campaign_started_is_frozen",
            ),
            models.CheckConstraint(
                condition=Q(joined_from__isnull=True)
                | Q(joined_until__isnull=True)
                | Q(joined_until__gte=models.F("joined_from")),
                name="campaign_dates_in_order",
                violation_error_message=_("The last day of joining comes before the first."),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="campaign_newest"),
            models.Index(fields=["-started_at", "-id"], name="campaign_last_started"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def version(self) -> str:
        """Which version a page has shown: whatever its writers save and every step that is taken make another."""
        return self.changed_at.isoformat()

    def get_absolute_url(self) -> str:
        return reverse("newsletter:edition", args=[self.slug])

    def audience(self, topics: Sequence[Topic] | None = None) -> SubscriberQuerySet:
        """Whom it would reach now; days are the practice's. `topics` are those of an unsaved form, or else its own."""
        return self._fitting().choosing(list(self.topics.all()) if topics is None else topics)

    def left_out(self, topics: Sequence[Topic] | None = None) -> SubscriberQuerySet:
        """Who would get it, had they not chosen topics: it has none, so it is about none of theirs."""
        own = list(self.topics.all()) if topics is None else topics
        return Subscriber.objects.none() if own else self._fitting().having_chosen()

    def record(self, kind: "CampaignStep.Kind", *, now: datetime, by: User | None = None, words: str = "") -> None:
        self.steps.create(kind=kind, at=now, by=by, words=words)

    def _fitting(self) -> SubscriberQuerySet:
        """Who may be sent it by language and day of joining, whatever they chose."""
        found = Subscriber.objects.mailable()
        if self.audience_language:
            found = found.filter(language=self.audience_language)
        if self.joined_from:
            found = found.filter(confirmed_at__date__gte=self.joined_from)
        if self.joined_until:
            found = found.filter(confirmed_at__date__lte=self.joined_until)
        return found


class CampaignStep(models.Model):
    """What was done with a campaign, when and by whom; nobody means that the site did it by itself."""

    class Kind(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        # By a person, and the worker starts it within seconds.
        RELEASED = "released", _("sent now")
        UNSCHEDULED = "unscheduled", _("taken off the schedule")
        STARTED = "started", _("started")
        PAUSED = "paused", _("paused")
        RESUMED = "resumed", _("resumed")
        CANCELLED = "cancelled", _("cancelled")
        FINISHED = "finished", _("finished")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="steps")
    kind = models.CharField(_("what"), max_length=12, choices=Kind)
    at = models.DateTimeField(_("when"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    words = models.TextField(_("why"), blank=True)

    class Meta:
        verbose_name = _("step of a campaign")
        verbose_name_plural = _("steps of a campaign")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
