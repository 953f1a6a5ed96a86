"""Takes the demo practice out again, and leaves alone whatever a real row uses."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models, transaction

from appointments.links import MANAGE
from appointments.models import Allocation, Appointment, Change, Reminder
from clinic.demo import rows
from clinic.models import DemoRow, Image, Letter, MailLink, Rendition
from newsletter.models import Block, Campaign, CampaignStep, Consent, Delivery, Pace, Subscriber

Reference = models.ForeignKey | models.ManyToManyField
# What belongs to a row and goes with it, whoever made it since: the worker, or staff who tried the desk.
PARTS: dict[type[models.Model], tuple[str, type[models.Model]]] = {
    Rendition: ("image", Image),
    Allocation: ("appointment", Appointment),
    Change: ("appointment", Appointment),
    Reminder: ("appointment", Appointment),
    Consent: ("subscriber", Subscriber),
    Delivery: ("subscriber", Subscriber),
    Block: ("campaign", Campaign),
    CampaignStep: ("campaign", Campaign),
    Pace: ("campaign", Campaign),
}


@dataclass
class Removal:
    """What was removed, as numbers by the name of the rows; what was kept, with the reason, a line each."""

    removed: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)


def remove() -> Removal:
    """Deletes the rows that `load` recorded and their files, also those that staff have changed since.

    A demo row that a real row refers to stays, with the rows it cannot be without; it can be removed later.
    """
    result, files = Removal(), []
    with transaction.atomic():
        rows.lock()
        demo = _locked(rows.demo_rows())
        _add_parts(demo)
        kept = _kept(demo)
        if letters := _remove_letters_about(demo.get(Appointment, set())):
            result.removed[str(Letter._meta.verbose_name_plural)] += letters
        # The newest first: what refers to another row was made after it.
        for record in DemoRow.objects.select_related("content_type").order_by("-pk"):
            model = record.content_type.model_class()
            row = model._base_manager.filter(pk=record.object_id).first() if model else None
            reason = kept.get((model, record.object_id)) if model else None
            if row is not None and reason:
                result.kept.append(f"{row._meta.verbose_name} “{row}”: {reason}")
                continue
            if row is not None:
                result.removed[str(row._meta.verbose_name_plural)] += 1
                files += _with_parts(row)
                row.delete()
            record.delete()
    for row in files:
        rows.delete_files(row)
    return result


Key = tuple[type[models.Model], int]


def _locked(demo: rows.Rows) -> rows.Rows:
    """The rows that still exist; nobody can begin to refer to one of them until the transaction ends."""
    return {
        model: set(model._base_manager.select_for_update().filter(pk__in=keys).values_list("pk", flat=True))
        for model, keys in demo.items()
    }


def _add_parts(demo: rows.Rows) -> None:
    for model, (reference, whole) in PARTS.items():
        mine = model._base_manager.filter(**{f"{reference}__in": demo.get(whole, set())})
        demo[model] = demo.get(model, set()) | set(mine.values_list("pk", flat=True))


def _remove_letters_about(appointments: set[int]) -> int:
    """Removes the reminders and news that the worker wrote since, and their links: they lead nowhere any more."""
    MailLink.objects.filter(purpose=MANAGE, object_id__in=appointments).delete()
    written = Letter.objects.filter(links__link__purpose=MANAGE, links__link__object__in=list(appointments))
    return written.delete()[0]


def _with_parts(row: models.Model) -> list[models.Model]:
    # The worker may have made the renditions anew since the demo was loaded.
    return [row, *Rendition.objects.filter(image_id=row.pk)] if row._meta.label == "clinic.Image" else [row]


def _kept(demo: rows.Rows) -> dict[Key, str]:
    """The demo rows that stay, with the reason."""
    used: dict[Key, dict[type[models.Model], set[int]]] = defaultdict(lambda: defaultdict(set))
    for model, reference in _references():
        target = reference.related_model
        if model is DemoRow or not demo.get(target):
            continue
        users = model._base_manager.exclude(pk__in=demo.get(model, set()))
        for key, user in users.filter(**{f"{reference.name}__in": demo[target]}).values_list(reference.name, "pk"):
            if key in demo[target]:
                used[target, key][model].add(user)
    kept = {
        key: ", ".join(f"used by {len(users)} real {model._meta.verbose_name_plural}" for model, users in by.items())
        for key, by in used.items()
    }
    _add_needed(kept, demo)
    return kept


def _add_needed(kept: dict[Key, str], demo: rows.Rows) -> None:
    """Adds what a kept row cannot be without; what it can spare, a picture say, it loses."""
    waiting = list(kept)
    while waiting:
        model, key = waiting.pop()
        row = model._base_manager.get(pk=key)
        for reference in model._meta.concrete_fields:
            if not isinstance(reference, models.ForeignKey) or reference.remote_field.on_delete is models.SET_NULL:
                continue
            needed = (reference.related_model, getattr(row, reference.attname))
            if needed[1] in demo.get(needed[0], set()) and needed not in kept:
                kept[needed] = f"needed by {model._meta.verbose_name} “{row}”"
                waiting.append(needed)


def _references() -> Iterator[tuple[type[models.Model], Reference]]:
    for model in apps.get_models():
        for reference in (*model._meta.concrete_fields, *model._meta.many_to_many):
            if isinstance(reference, Reference):
                yield model, reference
