from django.db import migrations

GUARD = """
CREATE FUNCTION newsletter_consent_is_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Consent is evidence: it is added to and never changed.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER newsletter_consent_is_evidence BEFORE UPDATE ON newsletter_consent
    FOR EACH ROW EXECUTE FUNCTION newsletter_consent_is_evidence();
"""
UNGUARD = """
DROP TRIGGER newsletter_consent_is_evidence ON newsletter_consent;
DROP FUNCTION newsletter_consent_is_evidence();
"""


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, UNGUARD)]
