from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """Apart from the adding, so that nobody waits while the rows are read."""

    dependencies = [("newsletter", "0008_mail_events")]

    operations = [
        ValidateConstraint("consent", "consent_is_given_in_person"),
        ValidateConstraint("subscriber", "subscriber_state_fits_times"),
    ]
