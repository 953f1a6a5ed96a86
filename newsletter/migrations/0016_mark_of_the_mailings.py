from django.db import migrations, models


class Migration(migrations.Migration):
    """How far the mailings have come, by which a database that was brought back from a copy is recognised."""

    dependencies = [("newsletter", "0015_sent_now_by_whom")]

    operations = [
        migrations.CreateModel(
            name="MailingMark",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "mark of the mailings",
                "verbose_name_plural": "marks of the mailings",
                "constraints": [models.CheckConstraint(condition=models.Q(id=1), name="mailing_mark_one_row")],
            },
        )
    ]
