from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Holds that were let go are asked for by the browser as well: what was typed for one comes along to the next."""

    atomic = False
    dependencies = [("appointments", "0007_reminder_days_are_numbers")]

    operations = [
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                fields=["holder"], condition=models.Q(patient__isnull=True), name="appointment_of_holder"
            ),
        ),
        RemoveIndexConcurrently(model_name="appointment", name="appointment_holder"),
    ]
