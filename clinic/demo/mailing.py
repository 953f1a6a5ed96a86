"""The demo's mailing list: topics, readers with the proof that they asked, a campaign that was sent, and a draft."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import models
from django.utils.text import slugify

from articles.models import Article
from clinic.demo import rows
from clinic.demo.content import Entry
from clinic.models import Offer
from newsletter import wording
from newsletter.emails.content import content_of
from newsletter.models import (
    Block,
    Campaign,
    CampaignStep,
    Consent,
    Delivery,
    MailingRules,
    Pace,
    Subscriber,
    Topic,
)
from newsletter.services import tokens

Row = TypeVar("Row", bound=models.Model)
TEN = timedelta(hours=10)
State = Delivery.State


class MailingLoader:
    """Makes its rows in the order of their references; `keep` saves and records each."""

    def __init__(self, *, keep: Callable[[models.Model], object], made: list[models.Model], midnight: datetime) -> None:
        self._keep, self._made, self._midnight = keep, made, midnight
        self._topics: dict[str, Topic] = {}
        self._readers: dict[str, Subscriber] = {}

    def load(self, words: Entry) -> None:
        self.keep(MailingRules(**words["rules"]))
        for position, topic in enumerate(words["topics"]):
            self._topics[topic["slug"]] = self.keep(Topic(position=position, **topic))
        for reader in words["readers"]:
            self.reader(**reader)
        for campaign in reversed(words["campaigns"]):
            self.campaign(**campaign)

    def keep(self, row: Row) -> Row:
        self._keep(row)
        return row

    def keep_all(self, made: Sequence[models.Model]) -> None:
        """Rows that were saved together."""
        self._made += made
        rows.record(*made)

    def ago(self, days: int) -> datetime:
        """Ten in the morning, so many days ago."""
        return self._midnight - timedelta(days=days) + TEN

    def reader(
        self,
        name: str,
        email: str,
        joined: int | None = None,
        off: int | None = None,
        state: str = Subscriber.State.CONFIRMED,
        topics: Sequence[str] = (),
    ) -> None:
        asked_at = self.ago(2 if joined is None else joined)
        reader = self.keep(
            Subscriber(
                name=name,
                email=f"{email}@readers.example",
                state=Subscriber.State.PENDING if joined is None else state,
                created_at=asked_at,
                confirmed_at=None if joined is None else asked_at + timedelta(minutes=9),
                left_at=None if off is None else self.ago(off) + timedelta(hours=3),
            )
        )
        chosen = [self._topics[slug] for slug in topics]
        reader.topics.set(chosen)
        self._readers[email] = reader
        self.evidence(reader, [topic.name for topic in chosen])

    def evidence(self, reader: Subscriber, topics: list[str]) -> None:
        said = [(Consent.Kind.ASKED, wording.SIGN_UP.newest, reader.created_at)]
        if reader.confirmed_at:
            said.append((Consent.Kind.CONFIRMED, wording.CONFIRMATION.newest, reader.confirmed_at))
        if reader.left_at and reader.state == Subscriber.State.UNSUBSCRIBED:
            said.append((Consent.Kind.LEFT, wording.LEAVING.newest, reader.left_at))
        lines = [
            Consent(
                subscriber=reader,
                kind=kind,
                words=words.text,
                version=words.version,
                at=at,
                page="/newsletter/",
                network_address="192.0.2.1",  # of a network that is kept for examples, RFC 5737
                topics=topics,
            )
            for kind, words, at in said
        ]
        self.keep_all(Consent.objects.bulk_create(lines))

    def campaign(
        self,
        subject: str,
        topics: Sequence[str],
        blocks: Sequence[Entry],
        sent: int | None = None,
        fate: Mapping[str, Entry] | None = None,
        **words: str,
    ) -> None:
        campaign = self.keep(Campaign(subject=subject, slug=slugify(subject), **words))
        campaign.topics.set([self._topics[slug] for slug in topics])
        for position, block in enumerate(blocks, start=1):
            self.block(campaign, position, **block)
        if sent is not None:
            self.send(campaign, at=self.ago(sent), fate=fate or {})

    def block(self, campaign: Campaign, position: int, article: str = "", offer: str = "", **words: str) -> None:
        block = Block(campaign=campaign, position=position, **words)
        block.article = Article.objects.get(slug=article) if article else None
        block.offer = Offer.objects.get(slug=offer) if offer else None
        self.keep(block)

    def send(self, campaign: Campaign, *, at: datetime, fate: Mapping[str, Entry]) -> None:
        """Writes down what the worker would have: nothing was ever sent to these addresses."""
        fitting = set(Subscriber.objects.choosing(list(campaign.topics.all())))
        readers = {
            name: reader
            for name, reader in self._readers.items()
            if reader.confirmed_at and reader.confirmed_at < at and (reader.left_at is None or reader.left_at > at)
            if reader in fitting
        }
        campaign.content, campaign.recipients = content_of(campaign, now=at), len(readers)
        campaign.state, campaign.rate_per_minute = Campaign.State.SENT, 120
        campaign.started_at, campaign.ended_at = at, at + timedelta(minutes=1)
        campaign.save()
        self.keep(Pace(campaign=campaign, filled_at=at))
        for kind, instant in ((CampaignStep.Kind.STARTED, at), (CampaignStep.Kind.FINISHED, campaign.ended_at)):
            self.keep(CampaignStep(campaign=campaign, kind=kind, at=instant))
        lines = [self.delivery(campaign, reader, at=at, **fate.get(name, {})) for name, reader in readers.items()]
        self.keep_all(Delivery.objects.bulk_create(lines))

    def delivery(
        self,
        campaign: Campaign,
        reader: Subscriber,
        *,
        at: datetime,
        state: str = State.ACCEPTED,
        answer: str = "250 2.0.0 OK",
        left: bool = False,
        complained: bool = False,
    ) -> Delivery:
        return Delivery(
            campaign=campaign,
            subscriber=reader,
            state=state,
            answer=answer,
            attempts=1,
            attempted_at=at,
            token_hash=tokens.hashed(tokens.token_for(campaign.code, reader.email)),
            bounced_at=at if state == State.FAILED else None,
            left_at=reader.left_at if left else None,
            complained_at=reader.left_at if complained else None,
        )
