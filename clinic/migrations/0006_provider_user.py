import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clinic", "0005_letters_with_calendar_and_end")]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="user",
            field=models.OneToOneField(
                blank=True,
                help_text="With this account they sign in and see their own appointments only.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="provider",
                to=settings.AUTH_USER_MODEL,
                verbose_name="account",
            ),
        ),
    ]
