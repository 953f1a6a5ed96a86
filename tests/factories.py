"""A small practice and its people, one plain function for each; every argument is a field."""

import io
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image as Pillow

from appointments.models import AppointmentRequest, Need, Patient, Phase, Resource, ResourceHours, VisitType
from articles.models import Article
from clinic import images
from clinic.models import (
    Image,
    Letter,
    Location,
    Offer,
    OpeningHours,
    Policy,
    Practice,
    Provider,
    Testimonial,
    Treatment,
    TreatmentCategory,
    User,
)
from newsletter.models import Block, Campaign, Subscriber, Topic

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "elm-street-417-lamp"

_number = count(1)


def picture_file(*, size=(640, 480), mode="RGB", color=None, kind="JPEG", name="picture.jpg", **options):
    """An upload that Pillow made. `options` go to Pillow's save: exif, icc_profile, ..."""
    buffer = io.BytesIO()
    picture = Pillow.new(mode, size, color) if color is not None else Pillow.new(mode, size)
    picture.save(buffer, kind, **options)
    return SimpleUploadedFile(name, buffer.getvalue())


def make_image(*, rendered=True, file=None, title="Lamp", alt="A lamp on a desk.", is_decorative=False):
    image = images.add(file=file or picture_file(), title=title, alt=alt, is_decorative=is_decorative)
    if rendered:
        images.render(image, now=NOON)
    return Image.objects.get(pk=image.pk)


def make_practice(**fields):
    return Practice.objects.create(
        **{
            "name": "Elm Street Aesthetics",
            "tagline": "Facial plastic surgery in Elmford",
            "opening_line": "A face at rest, yours",
            "lead": "We listen first.",
            "phone": "+1 212 555 0142",
            "email": "desk@elmstreet.example",
            "street": "1 Elm Street",
            "city": "Elmford",
            "region": "NY",
            "postal_code": "10001",
            "time_zone": "America/New_York",
            **fields,
        }
    )


def make_location(*, hours=((0, time(9), time(17)),), **fields):
    """`hours` are (weekday, opens, closes), Monday is 0."""
    number = next(_number)
    location = Location.objects.create(
        **{
            "name": f"House {number}",
            "slug": f"house-{number}",
            "street": f"{number} Elm Street",
            "city": "Elmford",
            "directions": "Two minutes from the station.",
            "parking": "Behind the house.",
            **fields,
        }
    )
    for weekday, opens, closes in hours:
        OpeningHours.objects.create(location=location, weekday=weekday, opens=opens, closes=closes)
    return location


def make_provider(**fields):
    number = next(_number)
    return Provider.objects.create(
        **{
            "name": f"Helen Ash {number}",
            "slug": f"helen-ash-{number}",
            "credentials": "MD",
            "role": "Facial plastic surgeon",
            "boards": "Board of Elmford\nBoard of Oakham",
            "languages": "English, Spanish",
            "biography": "<p>She has practised since 2009.</p>",
            **fields,
        }
    )


def make_category(**fields):
    number = next(_number)
    return TreatmentCategory.objects.create(
        **{"name": f"Category {number}", "slug": f"category-{number}", "summary": "What it is.", **fields}
    )


def make_treatment(**fields):
    number = next(_number)
    return Treatment.objects.create(
        **{
            "category": fields.get("category") or make_category(),
            "name": f"Treatment {number}",
            "slug": f"treatment-{number}",
            "summary": "What it does.",
            "body": "<p>How it goes.</p>",
            "price_from": 450,
            "price_as_of": date(2026, 1, 1),
            "duration_minutes": 30,
            **fields,
        }
    )


def make_offer(**fields):
    number = next(_number)
    return Offer.objects.create(
        **{
            "title": f"Offer {number}",
            "slug": f"offer-{number}",
            "summary": "Less than usual.",
            "terms": "Until it ends.",
            "price": 99,
            "starts_at": timezone.now() - timedelta(days=1),
            "ends_at": timezone.now() + timedelta(days=1),
            **fields,
        }
    )


def make_testimonial(**fields):
    return Testimonial.objects.create(**{"attribution": "M., 52", "quote": "They listened.", **fields})


def make_policy(**fields):
    number = next(_number)
    return Policy.objects.create(
        **{
            "kind": Policy.Kind.PRIVACY,
            "title": f"Policy {number}",
            "slug": f"policy-{number}",
            "body": "<p>What we keep.</p>",
            "updated_on": date(2026, 1, 1),
            **fields,
        }
    )


def make_article(**fields):
    """A published one; `status=Article.Status.DRAFT` makes it a draft."""
    number = next(_number)
    return Article.objects.create(
        **{
            "title": f"Article {number}",
            "slug": f"article-{number}",
            "standfirst": "What the evidence says.",
            "body": "<p>Twenty people were asked.</p>",
            "category": fields.get("category") or make_category(),
            "status": Article.Status.PUBLISHED,
            "published_at": timezone.now() - timedelta(days=1),
            **fields,
        }
    )


def make_letter(**fields):
    """A letter that is due; its links, if any, stand in the body as `[[name]]`."""
    return Letter.objects.create(
        **{
            "to": "ann@patient.example",
            "kind": "test/letter",
            "subject": "Your request",
            "body": "We have it.\n",
            "created_at": NOON,
            "next_attempt_at": NOON,
            **fields,
        }
    )


def _staff(name, group):
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def front_desk():
    return _staff("fred", "Front desk")


def editor():
    return _staff("edith", "Editor")


def marketing():
    return _staff("mary", "Marketing")


def manager():
    return User.objects.create_superuser("max", password=PASSWORD)


def stranger():
    """Has an account and no right to anything."""
    return User.objects.create_user("stan", password=PASSWORD)


def make_request(**fields):
    """A request for an appointment that came in at NOON, a Monday, and is due on the Tuesday."""
    number = next(_number)
    return AppointmentRequest.objects.create(
        **{
            "reference": f"R-{number:04}-XX",
            "name": "Ann Patient",
            "email": "ann@patient.example",
            "phone": "(212) 555-0199",
            "phone_e164": "+12125550199",
            "due_on": date(2026, 3, 3),
            "created_at": NOON,
            "changed_at": NOON,
            **fields,
        }
    )


def make_person(*, location=None, hours=(), **fields):
    """A provider who can be booked at `location`; `hours` are (weekday, opens, closes), none follows the house."""
    provider = fields.pop("provider", None) or make_provider()
    if location:
        provider.locations.add(location)
    person = Resource.objects.create(
        **{"kind": Resource.Kind.PROVIDER, "provider": provider, "name": provider.name, **fields}
    )
    _add_hours(person, location, hours)
    return person


def make_room(location, *, hours=(), **fields):
    room = Resource.objects.create(
        **{"kind": Resource.Kind.ROOM, "location": location, "name": f"Room {next(_number)}", **fields}
    )
    _add_hours(room, location, hours)
    return room


def make_device(location, **fields):
    return make_room(location, **{"kind": Resource.Kind.DEVICE, "name": f"Laser {next(_number)}", **fields})


def _add_hours(resource, location, hours):
    for weekday, opens, closes in hours:
        ResourceHours.objects.create(resource=resource, location=location, weekday=weekday, opens=opens, closes=closes)


def make_visit_type(*, people=(), locations=(), rooms=(), devices=(), minutes=30, phases=None, **fields):
    """One phase of `minutes` that occupies one of the people, of the rooms and of the devices.

    `phases` are (minutes, whether the patient is there, needs by "person", "room" or "device") instead.
    """
    number = next(_number)
    visit_type = VisitType.objects.create(
        **{
            "name": f"Visit {number}",
            "slug": f"visit-{number}",
            "notice_hours": 0,
            "horizon_days": 60,
            **fields,
        }
    )
    visit_type.locations.set(locations)
    needs = {}
    for position, (name, pool) in enumerate({"person": people, "room": rooms, "device": devices}.items()):
        if pool:
            needs[name] = Need.objects.create(visit_type=visit_type, name=name, position=position)
            needs[name].resources.set(pool)
    for position, (length, is_with_patient, names) in enumerate(phases or [(minutes, True, list(needs))]):
        phase = Phase.objects.create(
            visit_type=visit_type,
            name=f"Part {position}",
            minutes=length,
            position=position,
            is_with_patient=is_with_patient,
        )
        phase.needs.set([needs[name] for name in names])
    return visit_type


def make_patient(**fields):
    return Patient.objects.create(
        **{
            "name": "Ann Patient",
            "email": "ann@patient.example",
            "phone": "(212) 555-0199",
            "phone_e164": "+12125550199",
            "created_at": NOON,
            **fields,
        }
    )


def make_topic(**fields):
    number = next(_number)
    return Topic.objects.create(**{"name": f"Topic {number}", "slug": f"topic-{number}", **fields})


def make_subscriber(*, topics=(), **fields):
    """One that is on the list since NOON; `state` makes it another."""
    state = fields.get("state", Subscriber.State.CONFIRMED)
    times = {} if state == Subscriber.State.PENDING else {"confirmed_at": NOON}
    if state in Subscriber.OFF:
        times["left_at"] = NOON
    email = f"reader{next(_number)}@example.com"
    subscriber = Subscriber.objects.create(
        **{"email": email, "name": "Ada", "state": state, "created_at": NOON, **times, **fields}
    )
    subscriber.topics.set(topics)
    return subscriber


def make_campaign(*, topics=(), blocks=(), **fields):
    """A draft; `blocks` are the fields of its blocks, in order."""
    number = next(_number)
    campaign = Campaign.objects.create(
        **{
            "subject": f"News {number}",
            "preheader": "What is new.",
            "introduction": "<p>Hello {{ name|there }},</p>",
            "slug": f"news-{number}",
            **fields,
        }
    )
    campaign.topics.set(topics)
    for position, block in enumerate(blocks):
        Block.objects.create(campaign=campaign, position=position, **block)
    return campaign
