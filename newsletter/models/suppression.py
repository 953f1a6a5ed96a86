from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from clinic.models import User
from newsletter import suppression_journal
from newsletter.suppression_journal import Line

# The database folds the case, so that no two programs have two opinions of it. The lines of one address are in the
# order of their times, whoever's clock was behind: the journal knows no other order.
ADD = """
    INSERT INTO newsletter_suppression (email, reason, words, at, by_id)
    SELECT lower(given.email), %(reason)s, %(words)s, greatest(%(now)s, (
        SELECT max(earlier.at) + interval '1 microsecond'
        FROM newsletter_suppression AS earlier WHERE earlier.email = lower(given.email)
    )), %(by)s
    FROM unnest(%(emails)s::text[]) AS given (email)
    RETURNING email, reason, at
"""


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def in_force(self) -> "SuppressionQuerySet":
        """Lines that forbid a mailing: a complaint and a dead address for ever, a leaving until it was lifted."""
        lifting = Suppression.objects.filter(reason=Suppression.Reason.LIFTED)
        lifted = lifting.filter(email=OuterRef("email"), pk__gt=OuterRef("pk"))
        left = Q(reason=Suppression.Reason.UNSUBSCRIBED) & ~Exists(lifted)
        return self.filter(Q(reason__in=Suppression.FOR_EVER) | left)

    def of(self, email: str) -> "SuppressionQuerySet":
        return self.filter(email=Lower(models.Value(email)))

    def for_ever(self) -> "SuppressionQuerySet":
        """Lines that nobody can lift, not even the person."""
        return self.filter(reason__in=Suppression.FOR_EVER)

    def add(
        self,
        emails: Iterable[str],
        reason: "Suppression.Reason",
        *,
        now: datetime,
        words: str = "",
        by: User | None = None,
    ) -> None:
        """Adds a line for each address, in one statement, and once that is committed to the journal too."""
        said: dict[str, Any] = {"emails": list(emails), "reason": reason, "words": words, "now": now}
        with connection.cursor() as cursor:
            cursor.execute(ADD, {**said, "by": by.pk if by else None})
            lines = [Line(*row) for row in cursor.fetchall()]
        # What stands in the database holds, even with a full disk; the next replay writes what is missing.
        transaction.on_commit(lambda: suppression_journal.append(lines), robust=True)


class Suppression(models.Model):
    """One line of the log of addresses that get no newsletter, whatever stands in the list of subscribers.

    The database refuses to change or remove a line. It concerns newsletters only: the letters of an appointment go
    to every address.
    """

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", _("has left")
        BOUNCED = "bounced", _("address does not work")
        COMPLAINED = "complained", _("has complained")
        LIFTED = "lifted", _("has joined again in person")

    FOR_EVER = (Reason.BOUNCED, Reason.COMPLAINED)

    email = models.CharField(_("email"), max_length=254)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    words = models.TextField(_("the server's words"), blank=True)
    at = models.DateTimeField(_("when"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("recorded by")
    )

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressed addresses")
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="suppression_in_small_letters")]
        indexes = [models.Index(fields=["email", "-id"], name="suppression_of_address")]

    def __str__(self) -> str:
        # Names nobody: Django's own log of admin actions keeps this text.
        return f"{_('Suppression')} {self.pk}"
