"""What can be done with a time: hold it, book it, move it, give it up. The only writer of appointments.

Each function is one transaction of its own, tried again as a whole when the database asks for it; it cannot be called
inside another. Instants are aware, `now` is the caller's. A `provider` is a resource's primary key.
"""

from appointments.availability import NotBookable
from appointments.services.claims import DiaryBusy, NotOffered, SlotTaken
from appointments.services.diary.bookings import TooManyWaiting, book, confirm_hold
from appointments.services.diary.changes import TooLate, accept, cancel, decline, move, reinstate, say_coming, step
from appointments.services.diary.holds import (
    MOST_TIMES_KEPT,
    HoldEnded,
    carry_typed,
    hold,
    keep,
    let_go,
    release_run_out,
    retake,
    save_typed,
)
from appointments.services.patients import Details

__all__ = [
    "MOST_TIMES_KEPT",
    "Details",
    "DiaryBusy",
    "HoldEnded",
    "NotBookable",
    "NotOffered",
    "SlotTaken",
    "TooLate",
    "TooManyWaiting",
    "accept",
    "book",
    "cancel",
    "carry_typed",
    "confirm_hold",
    "decline",
    "hold",
    "keep",
    "let_go",
    "move",
    "reinstate",
    "release_run_out",
    "retake",
    "save_typed",
    "say_coming",
    "step",
]
