from django.db import migrations

# What decides whether a time can be booked. A change of it waits for the bookings under way, and they for it:
# a booking holds the same lock shared (appointments.services.diary).
TABLES = (
    "clinic_practice",
    "clinic_location",
    "clinic_openinghours",
    "clinic_closure",
    "clinic_provider_locations",
    "appointments_resource",
    "appointments_resourcehours",
    "appointments_hoursexception",
    "appointments_visittype",
    "appointments_visittype_locations",
    "appointments_need",
    "appointments_need_resources",
    "appointments_phase",
    "appointments_phase_needs",
)
FUNCTION = """
CREATE FUNCTION appointments_lock_hours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7342, 0);
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0004_status_and_allocations_agree"), ("clinic", "0004_content_version")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION appointments_lock_hours()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER hours_locked BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION appointments_lock_hours()",
                f"DROP TRIGGER hours_locked ON {table}",
            )
            for table in TABLES
        ),
    ]
