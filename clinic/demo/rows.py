"""Which rows are the demo's, and which are real."""

from collections import defaultdict

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models

from clinic.models import ContentVersion, DemoRow, RateLimit, User, WorkerHeartbeat
from newsletter.models import MailEvent, SeenAddress, Suppression

APPS = ("clinic", "articles", "appointments", "newsletter")
# Who runs the site and what the machine notes for itself: there before the first content.
BOOKKEEPING = (ContentVersion, DemoRow, MailEvent, RateLimit, SeenAddress, Suppression, User, WorkerHeartbeat)

Rows = dict[type[models.Model], set[int]]


def demo_rows() -> Rows:
    """The primary keys that `load_demo` recorded, by model; rows that are gone by now included."""
    found: Rows = defaultdict(set)
    for content_type, object_id in DemoRow.objects.values_list("content_type", "object_id"):
        model = ContentType.objects.get_for_id(content_type).model_class()
        if model is not None:
            found[model].add(object_id)
    return found


def record(*made: models.Model) -> None:
    DemoRow.objects.bulk_create(
        DemoRow(content_type=ContentType.objects.get_for_model(row), object_id=row.pk) for row in made
    )


def real_rows() -> dict[str, int]:
    """How many rows of practice, content and patients are not the demo's, by their name in the admin."""
    demo = demo_rows()
    counts = {}
    for model in content_models():
        if count := model._base_manager.exclude(pk__in=demo.get(model, set())).count():
            counts[str(model._meta.verbose_name_plural)] = count
    return counts


def content_models() -> list[type[models.Model]]:
    ours = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    return [model for model in ours if model not in BOOKKEEPING]


def lock() -> None:
    """Lets one command at a time load or remove the demo, until its transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('clinic.demo'))")


def delete_files(row: models.Model) -> None:
    for field in row._meta.concrete_fields:
        if isinstance(field, models.FileField) and (file := getattr(row, field.name)):
            file.storage.delete(file.name)
