"""The offer that somebody asks for: found by the slug in a link, shown with its terms, and kept as they read it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.core.validators import slug_re
from django.utils.translation import gettext as _

from clinic.models import Offer, Practice, Treatment
from clinic.templatetags.clinic import last_moment, money


@dataclass(frozen=True)
class WantedOffer:
    """An offer of the site at one moment; before it begins nobody learns of it."""

    offer: Offer
    has_ended: bool

    @classmethod
    def find(cls, slug: str, *, now: datetime) -> "WantedOffer | None":
        """None for what is no slug of an offer, or of one that has not begun."""
        if not slug_re.match(slug):
            return None
        offer = Offer.objects.begun(now).filter(slug=slug).first()
        return cls(offer, offer.has_ended(now)) if offer else None

    @property
    def price(self) -> str:
        return "" if self.offer.price is None else money(self.offer.price, self.offer.currency)

    @cached_property
    def until(self) -> str:
        """Its last day, or moment, on the practice's own clock."""
        practice = Practice.objects.only("time_zone").first()
        return _("Until %(day)s") % {"day": last_moment(self.offer.ends_at, practice.zone if practice else None)}

    @cached_property
    def words(self) -> str:
        """What is promised: the title on the first line, then price, last day, summary and terms."""
        lines = [" ".join(self.offer.title.split()), self.price, self.until, self.offer.summary, self.offer.terms]
        return "\n".join(line.strip() for line in lines if line.strip())

    @property
    def wording(self) -> str:
        """Another one as soon as a word of it is changed."""
        return hashlib.sha256(self.words.encode()).hexdigest()[:16]

    def only_treatment(self) -> Treatment | None:
        """What it is for, when that is one treatment of the site."""
        treatments = list(self.offer.treatments.shown()[:2])
        return treatments[0] if len(treatments) == 1 else None
