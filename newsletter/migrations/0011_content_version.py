from django.db import migrations

from clinic.triggers import tell_of_changes


class Migration(migrations.Migration):
    """The archive is made of campaigns; what changes with each letter, their pace and deliveries, stands apart."""

    dependencies = [("newsletter", "0010_suppression_is_append_only"), ("clinic", "0006_provider_user")]

    operations = [tell_of_changes("newsletter_campaign")]
