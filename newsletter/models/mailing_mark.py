from django.db import connection, models
from django.utils.translation import gettext_lazy as _

RAISE = """
    INSERT INTO newsletter_mailingmark AS known (id, number) VALUES (1, %(least)s)
    ON CONFLICT (id) DO UPDATE SET number = GREATEST(known.number + %(by)s, %(least)s)
    RETURNING number
"""


class MailingMark(models.Model):
    """How far the mailings have come, as a number that only rises: in an old copy it is lower than in the file."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    number = models.BigIntegerField()

    class Meta:
        verbose_name = _("mark of the mailings")
        verbose_name_plural = _("marks of the mailings")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="mailing_mark_one_row")]

    def __str__(self) -> str:
        return f"{_('Mark')} {self.number}"

    @classmethod
    def current(cls) -> int:
        """0 before the first worker has begun."""
        return cls.objects.values_list("number", flat=True).first() or 0

    @classmethod
    def raised(cls, *, by: int = 0, least: int = 1) -> int:
        """Raises the number and returns it."""
        with connection.cursor() as cursor:
            cursor.execute(RAISE, {"by": by, "least": least})
            (number,) = cursor.fetchone()
            return int(number)
