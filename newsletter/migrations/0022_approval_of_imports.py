from django.db import migrations, models

# Of an import that was broken off, the evidence tells whether it had begun: its files may be gone.
BACKFILL = """
    UPDATE newsletter_listimport AS made SET approved_at = coalesce(ended_at, created_at)
    WHERE state IN ('approved', 'importing', 'done')
    OR (state IN ('failed', 'cancelled') AND report LIKE '%-importing%')
    OR (
        state IN ('failed', 'cancelled') AND report = '' AND (
            'import ' || id IN (SELECT version FROM newsletter_consent WHERE version LIKE 'import %')
            OR 'import ' || id IN (SELECT words FROM newsletter_suppression WHERE words LIKE 'import %')
        )
    )
"""


class Migration(migrations.Migration):

    dependencies = [
        ('newsletter', '0021_imports_that_stand_still'),
    ]

    operations = [
        migrations.AddField(
            model_name='listimport',
            name='approved_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='approved'),
        ),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
