from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('newsletter', '0020_what_is_shown_stays'),
    ]

    operations = [
        migrations.AddField(
            model_name='listimport',
            name='turns_in_vain',
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
    ]
