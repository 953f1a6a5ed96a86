import django.db.models.deletion
from django.db import migrations, models

CODE = {
    "blank": True,
    "db_default": "",
    "default": "",
    "editable": False,
    "max_length": 12,
    "verbose_name": "from the mailing",
}


class Migration(migrations.Migration):
    """Which offer somebody asked for, in the words that they read, and which mailing led them here.

    Without rewriting a table: NULL, or a constant that the database gives to rows of before, and to those of a process
    that does not know the columns yet.
    """

    dependencies = [
        ("appointments", "0008_holds_by_browser"),
        ("clinic", "0006_provider_user"),
    ]

    operations = [
        migrations.AddField(
            model_name="appointmentrequest",
            name="offer",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="clinic.offer",
                verbose_name="offer",
            ),
        ),
        migrations.AddField(
            model_name="appointmentrequest",
            name="offer_words",
            field=models.TextField(blank=True, db_default="", default="", editable=False, verbose_name="offer"),
        ),
        migrations.AddField(model_name="appointmentrequest", name="came_from", field=models.CharField(**CODE)),
        migrations.AddField(model_name="appointment", name="came_from", field=models.CharField(**CODE)),
    ]
