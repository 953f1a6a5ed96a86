import uuid

from django.db import models


class ContentVersion(models.Model):
    """The one row that triggers of the database change in the transaction of every edit of content.

    A page made under one version is right as long as that version stands, in every process.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="content_version_one_row")]

    def __str__(self) -> str:
        return str(self.version)
