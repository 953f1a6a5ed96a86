import uuid

from django.db import migrations, models

from clinic.triggers import tell_of_changes

TABLES = (
    "clinic_practice",
    "clinic_location",
    "clinic_openinghours",
    "clinic_closure",
    "clinic_provider",
    "clinic_provider_locations",
    "clinic_treatmentcategory",
    "clinic_treatment",
    "clinic_treatment_performed_by",
    "clinic_offer",
    "clinic_offer_treatments",
    "clinic_testimonial",
    "clinic_policy",
    "clinic_image",
    "clinic_rendition",
)
FUNCTION = """
CREATE FUNCTION clinic_content_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO clinic_contentversion (id, version) VALUES (1, gen_random_uuid())
    ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version;
    RETURN NULL;
END $$;
INSERT INTO clinic_contentversion (id, version) VALUES (1, gen_random_uuid());
"""


class Migration(migrations.Migration):
    dependencies = [("clinic", "0003_plainer_words_at_the_desk")]

    operations = [
        migrations.CreateModel(
            name="ContentVersion",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("version", models.UUIDField(default=uuid.uuid4)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="content_version_one_row")]
            },
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION clinic_content_changed()"),
        *(tell_of_changes(table) for table in TABLES),
    ]
