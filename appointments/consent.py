"""The words that a patient agrees to. Whoever changes a word changes the version too: it is evidence."""

from typing import Final

from django.utils.translation import gettext_lazy as _

VERSION: Final = "2026-11"
WORDS: Final = _(
    "I agree that the practice keeps these details and uses them to answer my request, and that it may call me or "
    "write to me about it. I know that email and text messages are not encrypted all the way."
)

BOOKING_VERSION: Final = "booking 2026-11"
BOOKING_WORDS: Final = _(
    "I agree that the practice keeps these details for my appointment, and that it may call me or write to me about "
    "it. I know that email and text messages are not encrypted all the way."
)
