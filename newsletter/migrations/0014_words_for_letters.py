from django.db import migrations, models


class Migration(migrations.Migration):
    """Who is passed over need not have left, and what came back is called bounced. No column changes."""

    dependencies = [("newsletter", "0013_growth_indexes")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="bounced_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="bounced"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "waiting"),
                    ("sending", "being sent"),
                    ("accepted", "sent"),
                    ("retry", "will be tried again"),
                    ("failed", "failed"),
                    ("uncertain", "uncertain"),
                    ("skipped", "not sent: off the list"),
                    ("kept", "kept here, no mail server"),
                ],
                default="queued",
                max_length=10,
                verbose_name="state",
            ),
        ),
    ]
