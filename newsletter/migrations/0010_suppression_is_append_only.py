from django.db import migrations

GUARD = """
CREATE FUNCTION newsletter_suppression_is_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The log of suppressed addresses is added to, never changed.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER newsletter_suppression_is_for_ever BEFORE UPDATE OR DELETE ON newsletter_suppression
    FOR EACH ROW EXECUTE FUNCTION newsletter_suppression_is_for_ever();
"""
UNGUARD = """
DROP TRIGGER newsletter_suppression_is_for_ever ON newsletter_suppression;
DROP FUNCTION newsletter_suppression_is_for_ever();
"""
# Who had left before there was a log.
REMEMBER = """
INSERT INTO newsletter_suppression (email, reason, words, at)
SELECT lower(email), 'unsubscribed', '', left_at FROM newsletter_subscriber WHERE state = 'unsubscribed' ORDER BY id
"""


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0009_validate_states")]

    operations = [migrations.RunSQL(REMEMBER, migrations.RunSQL.noop), migrations.RunSQL(GUARD, UNGUARD)]
