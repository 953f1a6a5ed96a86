"""A list of addresses from elsewhere: read, checked and brought in with its proof of consent."""

from newsletter.services.importing.refusals import FileRefused
from newsletter.services.importing.running import (
    NotNow,
    ProofMissing,
    approve,
    cancel,
    forget_old,
    read_as,
    remove_files,
    take_up,
    upload,
)

__all__ = [
    "FileRefused",
    "NotNow",
    "ProofMissing",
    "approve",
    "cancel",
    "forget_old",
    "read_as",
    "remove_files",
    "take_up",
    "upload",
]
