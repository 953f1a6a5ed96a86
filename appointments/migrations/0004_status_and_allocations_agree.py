from django.db import migrations

# Whoever changes a status, by whatever way: the allocations follow in the same statement, and what wants its time
# back meets the exclusion constraint.
FUNCTIONS = """
CREATE FUNCTION appointments_blocks(status text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
    SELECT status IN ('held', 'requested', 'confirmed', 'arrived', 'completed', 'no_show')
$$;
CREATE FUNCTION appointments_status_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE appointments_allocation SET blocking = appointments_blocks(NEW.status)
    WHERE appointment_id = NEW.id AND blocking <> appointments_blocks(NEW.status);
    RETURN NULL;
END $$;
CREATE TRIGGER status_changed AFTER UPDATE OF status ON appointments_appointment
    FOR EACH ROW WHEN (appointments_blocks(OLD.status) <> appointments_blocks(NEW.status))
    EXECUTE FUNCTION appointments_status_changed();
"""
REVERSE = """
DROP TRIGGER status_changed ON appointments_appointment;
DROP FUNCTION appointments_status_changed();
DROP FUNCTION appointments_blocks(text);
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0003_request_patient_index")]

    operations = [migrations.RunSQL(FUNCTIONS, REVERSE)]
