"""The whole list, for a move elsewhere: a zip of CSV files that the import reads again."""

from newsletter.services.exporting.archive import export, size

__all__ = ["export", "size"]
