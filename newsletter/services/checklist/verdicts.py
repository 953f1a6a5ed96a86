from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    OK = "ok"
    WARNING = "warning"
    STOP = "stop"
    UNKNOWN = "unknown"  # could not be checked, which is neither good nor bad


@dataclass(frozen=True)
class Check:
    """One line of the list: what was looked at, and in words for staff what was found and what to do."""

    name: str
    verdict: Verdict
    words: str
