"""Finds sentences that send the reader somewhere without saying where."""

import re

SENTENCES = re.compile(r"(?<=[.!?…])[\"”’)]*\s+(?=[\"“(]?[A-Z0-9])")
POINTS_SOMEWHERE = re.compile(
    r"""\b(?:
    (?:please\ )?(?:visit|go\ to|see|click(?:\ on)?|follow|read\ more\ at|available\ at|found\ at)\s*[:.…]*$
    | click\ (?:here|below|on\ (?:this|the)\ link) | read\ more\ here
    | (?:visit|see|on|go\ to)\ (?:our|the|their|this|his|her)\ (?:[\w-]+\ ){0,3}(?:web\ ?site|web\ ?page|page|blog|link)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
ADDRESS = re.compile(r"https?://|www\.|\b[\w-]+\.(?:com|org|net|gov|edu|info|co|health|clinic|us|uk)\b", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    return [sentence for sentence in SENTENCES.split(text) if sentence]


def missing_links(text: str, links: tuple[str, ...] = ()) -> list[str]:
    """The sentences of a block that point somewhere, hold no address and none of the block's linked words."""
    return [
        sentence
        for sentence in sentences(text)
        if POINTS_SOMEWHERE.search(sentence)
        and not ADDRESS.search(sentence)
        and not any(words in sentence for words in links if words)
    ]
