from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """For the report of how the list grows and shrinks, month by month."""

    atomic = False
    dependencies = [("newsletter", "0012_imports_go_on_and_stop")]

    operations = [
        AddIndexConcurrently(
            model_name="consent",
            index=models.Index(
                fields=["at"], condition=Q(kind__in=["confirmed", "imported"]), name="consent_joined"
            ),
        ),
        AddIndexConcurrently(
            model_name="consent",
            index=models.Index(fields=["at"], condition=Q(kind="left"), name="consent_left"),
        ),
        AddIndexConcurrently(
            model_name="subscriber",
            index=models.Index(
                fields=["state", "left_at"],
                condition=Q(state__in=["bounced", "complained"]),
                name="subscriber_off_by_letters",
            ),
        ),
    ]
