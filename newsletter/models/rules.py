from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class MailingRules(models.Model):
    """What the practice has decided about its mailings: one row, or these defaults while there is none."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    sender_name = models.CharField(
        _("sender's name"), max_length=80, blank=True, help_text=_("Empty: the name of the practice.")
    )
    reply_to = models.EmailField(
        _("replies go to"), max_length=254, blank=True, help_text=_("Empty: the address of the practice.")
    )
    rate_per_minute = models.PositiveIntegerField(
        _("letters a minute"),
        default=300,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_("For a new campaign, over all workers. Ask the mail provider what is allowed."),
    )
    breaker_percent = models.PositiveSmallIntegerField(
        _("pause at so many per cent"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("A mailing pauses by itself when so many of its letters fail, come back or are uncertain."),
    )
    breaker_least = models.PositiveIntegerField(
        _("but not before"),
        default=50,
        validators=[MinValueValidator(1)],
        help_text=_("So many letters have been tried before the percentage counts."),
    )
    dkim_selector = models.CharField(
        _("DKIM selector"),
        max_length=63,
        blank=True,
        help_text=_("The mail provider tells it. Without it the signature's key cannot be looked up."),
    )
    welcome_is_sent = models.BooleanField(_("send a welcome letter"), default=False)
    welcome_subject = models.CharField(_("its subject"), max_length=150, blank=True)
    welcome_text = models.TextField(
        _("its text"),
        max_length=4000,
        blank=True,
        help_text=_("Plain text, sent once to everybody who joins. Your address and the link to leave follow it."),
    )

    class Meta:
        verbose_name = _("rules of the mailings")
        verbose_name_plural = _("rules of the mailings")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="mailing_rules_one_row"),
            models.CheckConstraint(
                condition=models.Q(welcome_is_sent=False) | ~(models.Q(welcome_subject="") | models.Q(welcome_text="")),
                name="mailing_rules_welcome_says_something",
                violation_error_message=_("Write the subject and the text of the welcome letter, or do not send it."),
            ),
        ]

    def __str__(self) -> str:
        return str(_("Rules of the mailings"))

    @classmethod
    def current(cls) -> "MailingRules":
        return cls.objects.first() or cls()
