from datetime import datetime

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.models.topic import Topic


def private_storage() -> Storage:
    return storages["private"]


class ListImportQuerySet(models.QuerySet["ListImport"]):
    def to_go_on_with(self, now: datetime) -> "ListImportQuerySet":
        """What nobody is at, the oldest first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.filter(free, state__in=ListImport.UNDER_WAY).order_by("pk")

    def ended_before(self, moment: datetime) -> "ListImportQuerySet":
        """Whose files have served their purpose; a check that nobody answered counts from its end."""
        return self.filter(state__in=(*ListImport.ENDED, ListImport.State.CHECKED), ended_at__lt=moment)


class ListImport(models.Model):
    """A file of addresses from elsewhere: first checked, then, when a person says so, brought in."""

    class Format(models.TextChoices):
        MAILCHIMP = "mailchimp", _("Mailchimp's audience export")
        NEUTRAL = "neutral", _("our own format")

    class Whose(models.TextChoices):
        """What may be said of a file's addresses that does not say it itself: states of subscribers."""

        CONFIRMED = "confirmed", _("People who asked for the newsletter")
        UNSUBSCRIBED = "unsubscribed", _("People who have left")
        BOUNCED = "bounced", _("Addresses that do not work")
        COMPLAINED = "complained", _("People who have complained")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits to be checked")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked, nothing changed yet")
        APPROVED = "approved", _("waits to be brought in")
        IMPORTING = "importing", _("being brought in")
        DONE = "done", _("brought in")
        FAILED = "failed", _("could not be read")
        CANCELLED = "cancelled", _("cancelled")

    # What the worker has to go on with, whoever was killed in the middle.
    UNDER_WAY = (State.WAITING, State.CHECKING, State.APPROVED, State.IMPORTING)
    ENDED = (State.DONE, State.FAILED, State.CANCELLED)

    file = models.FileField(_("file"), upload_to="newsletter/imports/%Y/%m", storage=private_storage, max_length=200)
    name = models.CharField(_("name of the file"), max_length=200)
    format = models.CharField(_("format"), max_length=10, choices=Format)
    status = models.CharField(
        _("whose addresses"),
        max_length=12,
        blank=True,
        help_text=_("For a file without a column that says it: confirmed, unsubscribed or bounced."),
    )
    proof = models.TextField(
        _("proof of consent"),
        max_length=2000,
        help_text=_("How and when these people asked for your newsletter, and where the evidence is kept."),
    )
    topics = models.ManyToManyField(
        Topic, blank=True, verbose_name=_("topics"), help_text=_("For rows that name none.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0)
    # Where the reader goes on in which file, and how long the report is: services.importing.running has its form.
    place = models.JSONField(default=dict, editable=False)
    # How many rows ended as what, by the name of the outcome.
    counts = models.JSONField(_("outcome"), default=dict)
    report = models.FileField(
        _("report by row"), upload_to="newsletter/reports/%Y/%m", storage=private_storage, max_length=200, blank=True
    )
    error = models.TextField(_("error"), blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    # How many turns of a worker have begun since `place` moved last: one that ends its worker must not end them all.
    turns_in_vain = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("uploaded"))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )

    objects = ListImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import of a list")
        verbose_name_plural = _("imports of lists")
        ordering = ["-created_at", "-pk"]
        permissions = [("export_list", _("Can export the whole list"))]
        constraints = [models.CheckConstraint(condition=~Q(proof=""), name="list_import_has_proof")]

    def __str__(self) -> str:
        return f"{_('Import')} {self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def is_check(self) -> bool:
        """Whether its numbers say what would become of the rows: so until the bringing in has begun."""
        return self.approved_at is None or self.state == self.State.APPROVED


class SeenAddress(models.Model):
    """An address that an import under way has met, so that its second row is known without a million in memory.

    Only the fingerprint of the address, and gone when the import has ended.
    """

    list_import = models.ForeignKey(ListImport, models.CASCADE, related_name="seen", db_index=False)
    address = models.UUIDField()
    # Joining and leaving are met apart: somebody may stand in the file once with each.
    leaves = models.BooleanField()
    row = models.PositiveIntegerField()
    # Whether the row changed something, or would have; and since when the person is on the list, or off it.
    counts = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("address met by an import")
        verbose_name_plural = _("addresses met by an import")
        constraints = [models.UniqueConstraint(fields=["list_import", "address", "leaves"], name="seen_address_once")]

    def __str__(self) -> str:
        return f"{_('Address')} {self.pk}"
