from django.db import migrations, models


class Migration(migrations.Migration):
    """To send now is a step of its own, and not a schedule. No column changes."""

    dependencies = [("newsletter", "0014_words_for_letters")]

    operations = [
        migrations.AlterField(
            model_name="campaignstep",
            name="kind",
            field=models.CharField(
                choices=[
                    ("scheduled", "scheduled"),
                    ("released", "sent now"),
                    ("unscheduled", "taken off the schedule"),
                    ("started", "started"),
                    ("paused", "paused"),
                    ("resumed", "resumed"),
                    ("cancelled", "cancelled"),
                    ("finished", "finished"),
                ],
                max_length=12,
                verbose_name="what",
            ),
        )
    ]
