from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clinic", "0004_content_version")]

    operations = [
        migrations.AddField(
            model_name="letter",
            name="calendar",
            field=models.TextField(blank=True, default="", verbose_name="calendar file"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="letter",
            name="not_after",
            field=models.DateTimeField(blank=True, null=True, verbose_name="not to be sent after"),
        ),
        migrations.AlterField(
            model_name="letter",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "waiting"),
                    ("sending", "being sent"),
                    ("sent", "sent"),
                    ("retry", "will be tried again"),
                    ("uncertain", "cut off, will be sent again"),
                    ("failed", "failed"),
                    ("kept", "kept here, no mail server"),
                    ("withdrawn", "withdrawn, no longer true"),
                ],
                default="queued",
                max_length=10,
                verbose_name="state",
            ),
        ),
    ]
