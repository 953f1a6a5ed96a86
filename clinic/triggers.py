from django.db import migrations


def tell_of_changes(table: str) -> migrations.RunSQL:
    """A migration's operation: any change of `table` makes a new ContentVersion in the same transaction."""
    return migrations.RunSQL(
        f"CREATE TRIGGER content_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION clinic_content_changed()",
        f"DROP TRIGGER content_changed ON {table}",
    )
