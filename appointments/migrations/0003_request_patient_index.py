from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("appointments", "0002_diary")]

    operations = [
        AddIndexConcurrently(
            model_name="appointmentrequest", index=models.Index(fields=["patient"], name="request_patient")
        )
    ]
