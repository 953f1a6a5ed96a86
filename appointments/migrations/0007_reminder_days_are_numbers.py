import appointments.models.booking_rules
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("appointments", "0006_visit_types_are_content")]

    operations = [
        migrations.AlterField(
            model_name="bookingrules",
            name="reminder_days",
            field=models.CharField(
                blank=True,
                default="3, 1",
                help_text="Like “3, 1”. Empty: no reminders.",
                max_length=40,
                validators=[appointments.models.booking_rules.validate_reminder_days],
                verbose_name="reminders, days before the visit",
            ),
        )
    ]
