from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from newsletter.models.consent import Consent
from newsletter.models.suppression import Suppression
from newsletter.models.topic import Topic
from newsletter.wording import Words


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def of(self, email: str) -> "SubscriberQuerySet":
        """The one with this address, however its letters are cased; both sides are folded by the database."""
        return self.alias(normal_form=Lower("email")).filter(normal_form=Lower(Value(email)))

    def entered(self, *, email: str, language: str, now: datetime) -> "Subscriber":
        """The row of this address, locked until the transaction ends; a new one only where there was none.

        It has no name: what was typed with an ask may be a stranger's words, and waits for its confirmation.

        The same two statements whether it is new or known, so that their time tells nobody which. The lock leaves
        the key alone: a mailing that starts holds the keys of everyone who gets it, for as long as its list is long.
        """
        new = self.model(email=email, language=language, created_at=now)
        self.bulk_create([new], ignore_conflicts=True)
        return self.of(email).select_for_update(no_key=True).get()

    def on_the_list(self) -> "SubscriberQuerySet":
        return self.filter(state=Subscriber.State.CONFIRMED)

    def mailable(self) -> "SubscriberQuerySet":
        """Those who may be sent a newsletter: on the list, and whatever their row says, not suppressed."""
        suppressed = Suppression.objects.in_force().filter(email=Lower(OuterRef("email")))
        return self.on_the_list().filter(~Exists(suppressed))

    def choosing(self, topics: Sequence[Topic]) -> "SubscriberQuerySet":
        """Those who chose one of these topics, or chose none at all, which means everything.

        Without topics, only those who chose none: the others asked for their topics and for nothing else.
        """
        others = Subscriber.topics.through.objects.filter(subscriber=OuterRef("pk"))
        if topics:
            # All but those who chose others only. Said so, and not with an "or", PostgreSQL can join and need not look
            # up each person's choices: 200,000 people are counted in two thirds of the time.
            choices = Subscriber.topics.through.objects
            one_of_these = choices.filter(subscriber=OuterRef("subscriber"), topic__in=topics)
            others = others.filter(~Exists(one_of_these))
        return self.filter(~Exists(others))

    def having_chosen(self) -> "SubscriberQuerySet":
        """Those who chose some topics, and so get nothing that is about none of them."""
        return self.filter(Exists(Subscriber.topics.through.objects.filter(subscriber=OuterRef("pk"))))

    def confirmed_since(self, since: datetime) -> "SubscriberQuerySet":
        return self.on_the_list().filter(confirmed_at__gte=since)

    def waiting_since(self, since: datetime) -> "SubscriberQuerySet":
        """Signed up at or after `since`, and the letter is not answered yet."""
        return self.filter(state=Subscriber.State.PENDING, created_at__gte=since)


class Subscriber(models.Model):
    """One address. Only the person's own button behind a mailed link puts it on the list."""

    class State(models.TextChoices):
        PENDING = "pending", _("not yet confirmed")
        CONFIRMED = "confirmed", _("on the list")
        UNSUBSCRIBED = "unsubscribed", _("has left")
        BOUNCED = "bounced", _("address does not work")
        COMPLAINED = "complained", _("has complained")

    OFF = (State.UNSUBSCRIBED, State.BOUNCED, State.COMPLAINED)

    email = models.EmailField(_("email"), max_length=254)
    name = models.CharField(_("name"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING)
    language = models.CharField(_("language"), max_length=10, default="en")
    topics = models.ManyToManyField(
        Topic,
        blank=True,
        related_name="subscribers",
        verbose_name=_("topics"),
        help_text=_("Who has chosen none gets everything."),
    )
    created_at = models.DateTimeField(_("first asked"))
    confirmed_at = models.DateTimeField(_("joined"), null=True, blank=True)
    left_at = models.DateTimeField(_("off the list since"), null=True, blank=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        ordering = ["-created_at", "-pk"]
        permissions = [("take_off_subscriber", _("Can take a subscriber off the list"))]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="subscriber_email_once"),
            models.CheckConstraint(
                condition=Q(state="pending", confirmed_at__isnull=True, left_at__isnull=True)
                | Q(state="confirmed", confirmed_at__isnull=False, left_at__isnull=True)
                | Q(state__in=["unsubscribed", "bounced", "complained"], left_at__isnull=False),
                name="subscriber_state_fits_times",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="subscriber_newest"),
            models.Index(
                fields=["state", "left_at"],
                condition=Q(state__in=["bounced", "complained"]),
                name="subscriber_off_by_letters",
            ),
        ]

    def __str__(self) -> str:
        # Names nobody: Django's own log of admin actions keeps this text.
        return f"{_('Subscriber')} {self.pk}"

    @property
    def is_on_the_list(self) -> bool:
        return self.state == self.State.CONFIRMED

    @property
    def has_left(self) -> bool:
        """Off the list, by their own will or because letters do not reach them or are not wanted."""
        return self.state in self.OFF

    def has_left_since(self, ask: "Consent") -> bool:
        """Whether leaving has ended this ask: what was asked before does not bring anyone back."""
        return self.left_at is not None and ask.at <= self.left_at

    def confirm(self, *, name: str, now: datetime) -> None:
        """Who comes back without a name keeps the one they had; before the first time there is none."""
        self.name = name or (self.name if self.confirmed_at else "")
        self.state, self.confirmed_at, self.left_at = self.State.CONFIRMED, now, None
        self.save(update_fields=["name", "state", "confirmed_at", "left_at"])

    def take_off(self, state: State, *, now: datetime) -> None:
        """Off the list, as one of `OFF`."""
        self.state, self.left_at = state, now
        self.save(update_fields=["state", "left_at"])

    def record(
        self,
        kind: Consent.Kind,
        words: Words,
        *,
        now: datetime,
        name: str = "",
        topics: Sequence[Topic] = (),
        page: str = "",
        network_address: str | None = None,
    ) -> Consent:
        return self.consents.create(
            kind=kind,
            version=words.version,
            words=words.text,
            name=name,
            topics=[topic.name for topic in topics],
            topic_keys=[topic.pk for topic in topics],
            at=now,
            page=page,
            network_address=network_address,
        )
