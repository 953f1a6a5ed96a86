"""Loads the demo practice into an empty database."""

import io
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.core.files.base import ContentFile
from django.db import models, transaction
from django.utils.translation import gettext as _

from articles.models import Article
from clinic import images
from clinic.demo import content, drawing, removal, rows, visits
from clinic.demo.content import Entry
from clinic.demo.diary import DiaryLoader
from clinic.demo.mailing import MailingLoader
from clinic.models import (
    Closure,
    DemoRow,
    Image,
    Location,
    Offer,
    OpeningHours,
    Policy,
    Practice,
    Provider,
    Testimonial,
    Treatment,
    TreatmentCategory,
)

# Width and height in pixels, by what the plate is for: no larger than a page shows it.
LANDSCAPE, SMALL, UPRIGHT = (1440, 960), (1200, 800), (960, 1200)
Row = TypeVar("Row", bound=models.Model)
PLATES = {"stem": drawing.stem, "portrait": drawing.portrait, "place": drawing.place}


class DemoRefused(Exception):
    """The demo cannot be loaded here; the message says why, and what to do."""


def load(*, now: datetime) -> dict[str, int]:
    """Makes the demo practice as of `now`; returns the number of rows by their name, empty when it is there already.

    All or nothing, files included, as long as the process lives to take back what it made. Raises DemoRefused in a
    database that holds real rows, or remains of a demo.
    """
    loader = _Loader(now)
    try:
        with transaction.atomic():
            rows.lock()
            if DemoRow.objects.filter(content_type__model="practice", content_type__app_label="clinic").exists():
                return {}
            _refuse_unless_empty()
            loader.load()
    except BaseException:
        # The database forgets by itself; the files do not.
        for row in loader.made:
            rows.delete_files(row)
        raise
    try:
        loader.visits()
    except BaseException:
        removal.remove()
        raise
    counts: dict[str, int] = {}
    for row in loader.made:
        name = str(row._meta.verbose_name_plural)
        counts[name] = counts.get(name, 0) + 1
    return counts


def _refuse_unless_empty() -> None:
    if real := rows.real_rows():
        listed = ", ".join(f"{name}: {count}" for name, count in real.items())
        raise DemoRefused(
            _("This database holds real rows (%(rows)s). The demo is only loaded into an empty one.") % {"rows": listed}
        )
    if DemoRow.objects.exists():
        raise DemoRefused(_("Remains of an earlier demo are here. Remove them first: manage.py remove_demo"))


class _Loader:
    """Makes the rows in the order of their references, and records each."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.made: list[models.Model] = []
        self.locations: dict[str, Location] = {}
        self.providers: dict[str, Provider] = {}
        self.categories: dict[str, TreatmentCategory] = {}
        self.treatments: dict[str, Treatment] = {}

    def load(self) -> None:
        words = content.practice()
        self.zone = ZoneInfo(words["practice"]["time_zone"])
        self.today = self.now.astimezone(self.zone).date()
        self.practice(**words["practice"])
        self.places_and_people(words)
        self.catalogue(words)
        for position, testimonial in enumerate(words["testimonials"]):
            self.testimonial(position, **testimonial)
        for position, policy in enumerate(words["policies"]):
            self.policy(position, **policy)
        for article in content.articles():
            self.article(**article)
        self.diary_words = content.diary()
        self.diary = DiaryLoader(
            keep=self.keep,
            now=self.now,
            today=self.today,
            locations=self.locations,
            providers=self.providers,
            treatments=self.treatments,
        )
        self.diary.load(self.diary_words)
        MailingLoader(keep=self.keep, made=self.made, midnight=self.midnight(0)).load(content.mailing())

    def places_and_people(self, words: Entry) -> None:
        for position, location in enumerate(words["locations"]):
            self.location(position, **location)
        for closure in words["closures"]:
            self.closure(**closure)
        for position, provider in enumerate(words["providers"]):
            self.provider(position, **provider)

    def catalogue(self, words: Entry) -> None:
        for position, category in enumerate(words["categories"]):
            self.categories[category["slug"]] = self.keep(TreatmentCategory(position=position, **category))
        for position, treatment in enumerate(content.treatments()):
            self.treatment(position, **treatment)
        for offer in words["offers"]:
            self.offer(**offer)

    def visits(self) -> None:
        """After the transaction: each booking is one of its own, tried again when the database asks for it."""
        words, diary = self.diary_words, self.diary
        made = visits.fill(words=words, patients=diary.patients, desk=diary.desk, today=self.today, now=self.now)
        self.made += made

    def keep(self, row: Row) -> Row:
        self.made.append(row)
        row.full_clean()
        row.save()
        rows.record(row)
        return row

    def picture(self, title: str, plate: Entry, size: tuple[int, int]) -> Image:
        """Draws a plate and sends it the way of every upload; without words for it, it is decorative."""
        width, height = plate.get("size", size)
        file = io.BytesIO()
        PLATES[plate["kind"]](plate["seed"], width, height).save(file, "JPEG", quality=92)
        upload = ContentFile(file.getvalue(), name=f"demo-{plate['kind']}-{plate['seed']}.jpg")
        image = images.add(file=upload, title=title[:120], alt=plate["alt"], is_decorative=not plate["alt"])
        self.made.append(image)
        rows.record(image)
        images.render(image, now=self.now)
        for rendition in image.renditions.all():
            self.made.append(rendition)
            rows.record(rendition)
        return image

    def day(self, days: int) -> date:
        return self.today + timedelta(days=days)

    def midnight(self, days: int) -> datetime:
        return datetime.combine(self.day(days), time(), self.zone)

    def file(self, name: str) -> ContentFile:
        return ContentFile(content.clip(name).read_bytes(), name=f"demo-{name}")

    def practice(self, banner_video: str, banner_poster: Entry, **words: str) -> None:
        practice = Practice(**words, banner_poster=self.picture(_("Banner"), banner_poster, LANDSCAPE))
        practice.banner_video = self.file(banner_video)
        self.keep(practice)

    def location(self, position: int, picture: Entry, hours: Sequence[Entry], **words: str) -> None:
        image = self.picture(words["name"], picture, LANDSCAPE)
        location = self.keep(Location(position=position, picture=image, **words))
        self.locations[location.slug] = location
        for span in hours:
            for day in span["days"]:
                opening = OpeningHours(location=location, weekday=day, opens=span["opens"], closes=span["closes"])
                self.keep(opening)

    def closure(self, starts_days: int, ends_days: int, reason: str, location: str = "") -> None:
        closed = Closure(starts_on=self.day(starts_days), ends_on=self.day(ends_days), reason=reason)
        closed.location = self.locations[location] if location else None
        self.keep(closed)

    def provider(self, position: int, photo: Entry, locations: Sequence[str], **words: str) -> None:
        image = self.picture(words["name"], photo, UPRIGHT)
        provider = self.keep(Provider(position=position, photo=image, **words))
        provider.locations.set([self.locations[slug] for slug in locations])
        self.providers[provider.slug] = provider

    def treatment(
        self,
        position: int,
        category: str,
        picture: Entry,
        performed_by: Sequence[str],
        price_as_of_days_ago: int,
        price_from: int | None = None,
        **words: str,
    ) -> None:
        treatment = Treatment(position=position, category=self.categories[category], price_from=price_from, **words)
        treatment.price_as_of = self.day(-price_as_of_days_ago) if price_from else None
        treatment.picture = self.picture(treatment.name, picture, SMALL)
        self.keep(treatment).performed_by.set([self.providers[slug] for slug in performed_by])
        self.treatments[treatment.slug] = treatment

    def offer(self, treatments: Sequence[str], picture: Entry, starts_days: int, ends_days: int, **words: str) -> None:
        offer = Offer(**words, starts_at=self.midnight(starts_days), ends_at=self.midnight(ends_days + 1))
        offer.picture = self.picture(offer.title, picture, SMALL)
        self.keep(offer).treatments.set([self.treatments[slug] for slug in treatments])

    def testimonial(
        self,
        position: int,
        treatment: str,
        video: str = "",
        captions: str = "",
        poster: Entry | None = None,
        **words: str,
    ) -> None:
        said = Testimonial(position=position, treatment=self.treatments[treatment], **words)
        if poster:
            said.poster = self.picture(said.attribution, poster, LANDSCAPE)
            said.video, said.captions = self.file(video), self.file(captions)
        self.keep(said)

    def policy(self, position: int, updated_days_ago: int, **words: str) -> None:
        self.keep(Policy(position=position, slug=words["kind"], updated_on=self.day(-updated_days_ago), **words))

    def article(
        self,
        category: str,
        treatments: Sequence[str],
        author: str,
        key_points: Sequence[str],
        picture: Entry,
        published_days_ago: int,
        reviewed_days_ago: int,
        **words: str,
    ) -> None:
        article = Article(**words, category=self.categories[category], author=self.providers[author])
        article.key_points = "\n".join(key_points)
        article.picture = self.picture(article.title, picture, LANDSCAPE)
        article.status = Article.Status.PUBLISHED
        article.published_at = self.midnight(-published_days_ago) + timedelta(hours=9)
        article.reviewed_on = self.day(-reviewed_days_ago)
        self.keep(article).treatments.set([self.treatments[slug] for slug in treatments])
