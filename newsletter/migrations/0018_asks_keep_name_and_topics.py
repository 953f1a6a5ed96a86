from django.db import migrations, models


class Migration(migrations.Migration):
    """Neither column rewrites the table or touches a line of it."""

    dependencies = [("newsletter", "0017_words_for_uncertain")]

    operations = [
        migrations.AddField(
            model_name="consent",
            name="name",
            field=models.CharField(blank=True, db_default="", default="", max_length=80, verbose_name="name"),
        ),
        migrations.AddField(
            model_name="consent",
            name="topic_keys",
            field=models.JSONField(editable=False, null=True),
        ),
    ]
