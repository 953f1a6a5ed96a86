from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Only of the few rows that have an offer or came by a mailing."""

    atomic = False
    dependencies = [("appointments", "0009_offer_and_mailing")]

    operations = [
        AddIndexConcurrently(
            model_name="appointmentrequest",
            index=models.Index(
                fields=["offer"], condition=models.Q(offer__isnull=False), name="request_offer"
            ),
        ),
        AddIndexConcurrently(
            model_name="appointmentrequest",
            index=models.Index(
                fields=["came_from"], condition=~models.Q(came_from=""), name="request_came_from"
            ),
        ),
        AddIndexConcurrently(
            model_name="appointment",
            index=models.Index(
                fields=["came_from"], condition=~models.Q(came_from=""), name="appointment_came_from"
            ),
        ),
    ]
