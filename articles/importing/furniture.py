"""Tells the article from what stands around it: buttons, menus, banners, sign-up blurbs.

Three lists, from certain to likely. They name what sites of practices print, never one practice's words.
"""

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from articles.importing.page import Block

LONGEST_SCRAP = 20  # words
LONGEST_BLURB = 250  # characters
LONGEST_CONTACT_LINE = 600  # characters
SENTENCE_END = re.compile(r"[.!?…:;,][\"'”’)\]]*$")

# Furniture wherever it stands alone. Matched against the whole block, ignoring case.
BUTTONS = re.compile(
    r"""(?:
    (?:request|schedule|book|make)\b(?:\s+\S+){0,5}\s+(?:appointments?|consultations?|visit|now|online|today)
    | book | book\ (?:it|an?\ \w+)
    | (?:e-?mail\ )?(?:e-?)?newsletter(?:\ sign-?\ ?up)?
    | (?:sign|join)\ (?:me\ )?up(?:\ (?:now|today))? | subscribe(?:\ now)?
    | (?:banner|hero|background)\ (?:video|image|slide)?\ ?(?:\w+)?
    | (?:play|pause|stop|unmute|mute)(?:\ (?:the\ )?video)?
    | (?:scroll|slide|video|carousel)\ (?:down|up|left|right|arrow)s?
    | (?:previous|next)(?:\ (?:post|article|slide|page))?
    | skip\ to\ (?:main\ |the\ )?content | back\ to\ (?:top|the\ top|blog|articles|all\ posts|home)
    | (?:read|learn|view|see|load|show)\ (?:more|all)(?:\ (?:posts|articles|offers|specials))? | click\ here
    | (?:open|close|toggle)\ ?(?:the\ )?(?:menu|navigation|search) | (?:main\ )?menu | submit | send | search | close
    | share(?:\ (?:this|on|it)(?:\ \w+){0,2})? | tweet | pin\ it | print | facebook | instagram | twitter | youtube
    | tik\ ?tok | linkedin | pinterest | follow\ us(?:\ on(?:\ \w+)?)?
    | leave\ a\ (?:comment|reply|review) | (?:no\ |\d+\ )comments?
    | call\ (?:us|now|today)?\W*[\d().\ +-]{7,} | directions | get\ directions
    | (?:view\ |our\ |current\ )?(?:special\ offers|specials)
    )[\ :!›»→>.]*""",
    re.IGNORECASE | re.VERBOSE,
)

# Sign-up blurbs, legal lines and cookie bars are furniture even when they are whole sentences.
BLURBS = (
    re.compile(
        r"^(?=.*\b(?:offers?|specials?|news|newsletter|updates|inbox|e-?mails?|mailing list|events)\b)"
        r"(?:please )?(?:be (?:among )?the first|sign up|subscribe|join our|"
        r"get (?:our|the latest|exclusive|special))\b",
        re.IGNORECASE,
    ),
    re.compile(r"^(?:©|\(c\)|copyright\b)|\ball rights reserved\b", re.IGNORECASE),
    re.compile(r"^(?:we|this (?:web ?)?site) uses? cookies\b", re.IGNORECASE),
)

# Furniture unless text follows: then it was a heading.
BANNERS = re.compile(
    r"""(?:
    (?:fellowship[- ])?trained\ (?:with|by|under|at|in)\b.* | (?:as\ )?(?:seen|featured)\ (?:on|in)\b.*
    | voted\b.* | award[- ]winning\b.* | .*\b(?:hear|see|watch)\ (?:what|why|how|our|the|dr\.?)\ .* | video\b.*
    | home | about(?:\ us)? | contact(?:\ us)? | services | treatments | procedures | gallery | photo\ gallery | blog
    | before\ (?:and|&)\ after(?:\ (?:photos|gallery))? | our\ (?:team|doctors?|practice|services|locations?|blog)
    | meet\b.* | locations? | reviews | testimonials | shop | financing | patient\ (?:forms|portal|resources)
    | related\ (?:posts|articles|treatments) | recent\ posts | categories | tags | archives | you\ may\ also\ like
    | privacy\ policy | terms\b.* | accessibility(?:\ statement)? | sitemap
    )""",
    re.IGNORECASE | re.VERBOSE,
)

BETWEEN_MENU_ITEMS = re.compile(r"\s+[|»›•·/>]\s+")
LONGEST_MENU_ITEM = 30  # characters

# Under the title: who wrote it and when.
BYLINES = re.compile(
    r"""(?:by|written\ by|posted|published|updated|last\ updated|medically\ reviewed|reviewed\ by)\b.{0,100}
    | (?:\w+\ \d{1,2},?|\d{1,2}\ \w+)\ \d{4} | \d{1,4}[./-]\d{1,2}[./-]\d{1,4}
    | \d+\ min(?:ute)?s?\.?\ (?:to\ )?read""",
    re.IGNORECASE | re.VERBOSE,
)

PHONE_OR_MAIL = re.compile(r"(?:\+?\d[\d().\s\u2010-\u2013-]{5,}\d)|[\w.+-]+@[\w-]+\.\w")
WAY_TO_REACH = re.compile(r"\b(?:call|contact|phone|e-?mail|text|reach|ring|write to)\b", re.IGNORECASE)
REASON_TO_REACH = re.compile(
    r"\b(?:schedule|book|make|request|arrange|set up)\b.*\b(?:consultation|appointment|visit)\b", re.IGNORECASE
)


def is_scrap(text: str) -> bool:
    """Short and without the end of a sentence: a heading, a button, a caption."""
    return len(text) <= 200 and len(text.split()) <= LONGEST_SCRAP and not SENTENCE_END.search(text)


def is_contact_line(block: Block) -> bool:
    """A sentence that says how to reach the practice; a bare "Call 704-555-0100" is a button."""
    text = block.text
    if block.kind != "paragraph" or len(text) > LONGEST_CONTACT_LINE or (is_scrap(text) and len(text.split()) < 7):
        return False
    if not WAY_TO_REACH.search(text):
        return False
    return bool(PHONE_OR_MAIL.search(text) or REASON_TO_REACH.search(text))


def is_known(text: str) -> bool:
    """Furniture by its own words, wherever it stands."""
    if len(text) > LONGEST_BLURB:
        return False
    return any(blurb.search(text) for blurb in BLURBS) or BUTTONS.fullmatch(text) is not None or is_menu(text)


def is_menu(text: str) -> bool:
    """At least three short pieces with strokes or arrows between them."""
    pieces = BETWEEN_MENU_ITEMS.split(text)
    return len(pieces) > 2 and all(len(piece) <= LONGEST_MENU_ITEM for piece in pieces)


def is_banner(text: str) -> bool:
    return is_scrap(text) and BANNERS.fullmatch(text) is not None


def is_byline(text: str) -> bool:
    return is_scrap(text) and BYLINES.fullmatch(text) is not None


def divide(blocks: Sequence[Block]) -> tuple[list[Block], list[str], list[str]]:
    """Returns what belongs to the article, the text of what does not, and warnings about doubtful lines."""
    start = 0
    while start < len(blocks) and is_byline(blocks[start].text):
        start += 1
    end = _start_of_tail(blocks, start)
    furniture = [block.text for block in blocks[:start]]
    kept: list[Block] = []
    warnings: list[str] = []
    for block, heads_text in zip(blocks[start:end], _heads_text(blocks[start:end]), strict=True):
        if not _could_be_furniture(block):
            kept.append(block)
        elif heads_text and (block.kind == "heading" or not is_known(block.text)):
            warnings.append(_("Looks like site furniture, but text follows it, so it was kept: “%s”") % block.text)
            kept.append(block)
        else:
            furniture.append(block.text)
    furniture += [block.text for block in blocks[end:] if block.text]
    return kept, furniture, warnings


def _could_be_furniture(block: Block) -> bool:
    return block.kind in {"paragraph", "heading"} and (is_known(block.text) or is_banner(block.text))


def _heads_text(blocks: Sequence[Block]) -> list[bool]:
    """For each block whether text follows, passing over what may be furniture."""
    heads: list[bool] = []
    is_text_below = False
    for block in reversed(blocks):
        heads.append(is_text_below)
        if not _could_be_furniture(block):
            is_text_below = block.kind in {"list", "quote"} or not is_scrap(block.text)
    return heads[::-1]


def _start_of_tail(blocks: Sequence[Block], start: int) -> int:
    """Where the furniture at the foot of the page begins.

    The foot is a run of scraps. After a contact line all of it is furniture; without one, only from the first
    line that is furniture by its own words, because an article may end in a short line too.
    """
    foot = len(blocks)
    while foot > start and _may_stand_in_foot(blocks[foot - 1]):
        foot -= 1
    if foot > start and is_contact_line(blocks[foot - 1]):
        return foot
    for place in range(foot, len(blocks)):
        if _could_be_furniture(blocks[place]):
            return place
    return len(blocks)


def _may_stand_in_foot(block: Block) -> bool:
    if block.kind == "list":
        # A menu: every item is nothing but a link.
        return len(block.links) == block.points > 1 and block.text == " ".join(block.links)
    if is_contact_line(block):
        return False
    return block.kind == "rule" or is_known(block.text) or is_scrap(block.text)
