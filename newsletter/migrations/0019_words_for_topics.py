from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0018_asks_keep_name_and_topics")]

    operations = [
        migrations.AlterField(
            model_name="campaign",
            name="topics",
            field=models.ManyToManyField(
                blank=True,
                help_text="It goes to who chose one of them, and to who has chosen none. Tick none, and it goes to the latter alone.",
                related_name="campaigns",
                to="newsletter.topic",
                verbose_name="topics",
            ),
        ),
    ]
