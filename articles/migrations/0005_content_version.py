from django.db import migrations

from clinic.triggers import tell_of_changes


class Migration(migrations.Migration):
    dependencies = [("articles", "0004_publishing_without_a_time"), ("clinic", "0004_content_version")]

    operations = [tell_of_changes(table) for table in ("articles_article", "articles_article_treatments")]
