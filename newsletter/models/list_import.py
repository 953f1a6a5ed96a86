from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.models.topic import Topic


def private_storage() -> Storage:
    return storages["private"]


class ListImport(models.Model):
    """A file of addresses from elsewhere: first checked, then, when a person says so, brought in."""

    class Format(models.TextChoices):
        MAILCHIMP = "mailchimp", _("Mailchimp's audience export")
        NEUTRAL = "neutral", _("our own format")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits to be checked")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked, nothing changed yet")
        APPROVED = "approved", _("waits to be brought in")
        IMPORTING = "importing", _("being brought in")
        DONE = "done", _("brought in")
        FAILED = "failed", _("could not be read")

    # What the worker has to go on with, whoever was killed in the middle.
    UNDER_WAY = (State.WAITING, State.CHECKING, State.APPROVED, State.IMPORTING)

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
    # How many rows ended as what, by the name of the outcome.
    counts = models.JSONField(_("outcome"), default=dict)
    report = models.FileField(
        _("report by row"), upload_to="newsletter/reports/%Y/%m", storage=private_storage, max_length=200, blank=True
    )
    error = models.TextField(_("error"), blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("uploaded"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )

    class Meta:
        verbose_name = _("import of a list")
        verbose_name_plural = _("imports of lists")
        ordering = ["-created_at", "-pk"]
        permissions = [("export_list", _("Can export the whole list"))]
        constraints = [models.CheckConstraint(condition=~Q(proof=""), name="list_import_has_proof")]

    def __str__(self) -> str:
        return f"{_('Import')} {self.pk}"
