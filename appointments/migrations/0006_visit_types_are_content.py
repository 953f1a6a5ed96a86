from django.db import migrations

from clinic.triggers import tell_of_changes


class Migration(migrations.Migration):
    """Pages of treatments say which of them can be booked."""

    dependencies = [("appointments", "0005_hours_are_locked")]

    operations = [tell_of_changes("appointments_visittype"), tell_of_changes("appointments_visittype_locations")]
