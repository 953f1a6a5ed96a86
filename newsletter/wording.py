"""The words that a person agreed to, or left with. They are evidence: a text is never changed, a new one is added."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Words:
    """One text, in the language it was shown in, and the version that names it."""

    version: str
    text: str


@dataclass(frozen=True)
class Wording:
    """All that was ever said at one moment, the oldest first; pages show the last."""

    moment: str
    texts: Sequence[str | Promise]

    @property
    def newest(self) -> Words:
        return self._words(len(self.texts))

    def shown(self, version: str) -> Words:
        """What a page that names this version has shown; the newest for one that names none of ours."""
        ours = {words.version: words for words in map(self._words, range(1, len(self.texts) + 1))}
        return ours.get(version, self.newest)

    def _words(self, number: int) -> Words:
        return Words(version=f"{self.moment} {number}", text=str(self.texts[number - 1]))


SIGN_UP = Wording(
    "sign-up",
    [
        _(
            "You ask us to send our e-newsletter to this address: special offers and new articles, about once a month. "
            "We first send a letter to confirm, and every letter has a link to leave."
        )
    ],
)
CONFIRMATION = Wording(
    "confirmation",
    [
        _(
            "Yes, send me the e-newsletter with special offers and new articles. I can leave at any time, with the "
            "link in every letter."
        )
    ],
)
LEAVING = Wording("leaving", [_("Take my address off the list. No further newsletter will be sent to it.")])
# No page of ours was shown: RFC 8058 lets a mail program have a button of its own.
LEAVING_BY_MAIL_PROGRAM = Wording(
    "leaving by mail program", [_("Pressed the unsubscribe button of a mail program (List-Unsubscribe=One-Click).")]
)
LEAVING_BEFORE_A_RESTORE = Wording(
    "leaving before a restore",
    [_("Had left before the database was restored, as the journal of suppressed addresses says.")],
)
CHOICE = Wording(
    "choice",
    [
        _("Send me the e-newsletters on the topics chosen here, and no others. I can leave at any time."),
        # Whoever has not chosen sees all ticked, and gets what is on none of them or on new ones too.
        _(
            "Send me the e-newsletters on the topics chosen here, and no others; or all of them, for as long as I have "
            "not chosen. I can leave at any time."
        ),
    ],
)
LEAVING_BY_STAFF = Wording(
    "leaving by staff", [_("Asked the practice in person or by phone to be taken off the list.")]
)
