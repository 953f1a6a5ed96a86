from django.db import migrations, models

import newsletter.models.block


class Migration(migrations.Migration):
    """Nothing changes in the database: Django asks before it deletes."""

    dependencies = [("newsletter", "0019_words_for_topics")]

    operations = [
        migrations.AlterField(
            model_name="block",
            name="article",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=newsletter.models.block.stays_while_open,
                related_name="+",
                to="articles.article",
                verbose_name="article",
            ),
        ),
        migrations.AlterField(
            model_name="block",
            name="offer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=newsletter.models.block.stays_while_open,
                related_name="+",
                to="clinic.offer",
                verbose_name="offer",
            ),
        ),
    ]
