from django.contrib.contenttypes.models import ContentType
from django.db import models


class DemoRow(models.Model):
    """One row that `load_demo` made, so that `remove_demo` removes exactly those."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["content_type", "object_id"], name="demo_row_once")]

    def __str__(self) -> str:
        return f"{self.content_type_id}/{self.object_id}"
