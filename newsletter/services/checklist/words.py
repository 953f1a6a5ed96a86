"""What is written: subject, preheader, and the merge fields in all of it."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from django.utils.translation import gettext as _

from clinic import rich_text
from newsletter.emails.rendering import with_name_marks
from newsletter.models import Block, Campaign
from newsletter.services.checklist.verdicts import Check, Verdict

# What a telephone shows of a subject, roughly; the rest is cut off.
LONGEST_SUBJECT = 60
SHORTEST_SHOUT = 8
# Ours, spelt in any way, and the fields of the system that most lists come from.
LEFT_OVER = re.compile(
    r"\{\{[^{}<>]{0,40}(?:\}\}?)?|\}\}|(?<!\{)\{\s*name\b[^{}<>]{0,40}\}|%7B%7B|\*\|[^|*<>\s]{1,40}\|\*", re.IGNORECASE
)

# What other systems call a person's name, address and so on, with what comes before and after it.
CALLED = (
    r"(?:(?:contact|customer|lead|member|merge|patient|person|profile|recipient|subscriber|user|your)[ ._:-]{1,2})?"
    r"(?:(?:(?:f|l|first|full|last|sur|given|family|fore|nick|user)[ ._-]?)?name(?:[ ._-](?:first|last))?"
    r"|e-?mail(?:[ ._-]?address)?|nombre|apellidos?|salutation|greeting|company|phone|birthday"
    r"|unsubscribe(?:[ ._-]?(?:url|link))?)"
    r"(?:\s*[|:,][^\[\]{}<>%\n]{0,40})?"
)
# A merge field as other systems spell it: [FNAME], %FIRSTNAME%, %%name%%, <<First Name>>, {first_name}, {$name},
# {{first_name}}, *|FNAME|*. In words, or in HTML whose entities are resolved.
OF_OTHER_SYSTEMS = re.compile(
    rf"\[{{1,2}}\s?{CALLED}\s?\]{{1,2}}|<<\s?{CALLED}\s?>>|(?<![%\w])%{{1,2}}{CALLED}%{{1,2}}"
    rf"|[$#]?\{{{{1,3}}[$%]?\s?{CALLED}\s?%?\}}{{1,3}}"
    r"|%%[a-z]\w{1,30}%%|\*\|[^|*<>\s]{1,40}\|\*",
    re.IGNORECASE,
)


def checks(campaign: Campaign, blocks: Sequence[Block]) -> list[Check]:
    return [
        *_subject(campaign.subject.strip()),
        _preheader(campaign),
        _written(campaign, blocks),
        *_merge(campaign, blocks),
    ]


def _subject(subject: str) -> Iterator[Check]:
    name = _("Subject")
    if not subject:
        yield Check(name, Verdict.STOP, _("Write a subject."))
        return
    troubles = list(_troubles_of_subject(subject))
    for trouble in troubles:
        yield Check(name, Verdict.WARNING, trouble)
    if not troubles:
        yield Check(name, Verdict.OK, _("%(length)d characters.") % {"length": len(subject)})


def _troubles_of_subject(subject: str) -> Iterator[str]:
    if "[test]" in subject.casefold():
        yield _("“[Test]” still stands in it.")
    if len(subject) > LONGEST_SUBJECT:
        yield _("%(length)d characters: mailboxes cut off what comes after about %(most)d.") % {
            "length": len(subject),
            "most": LONGEST_SUBJECT,
        }
    letters = [letter for letter in subject if letter.isalpha()]
    is_loud = len(letters) >= SHORTEST_SHOUT and subject.upper() == subject and subject.lower() != subject
    if is_loud or "!!" in subject:
        yield _("It shouts. Capitals throughout and rows of exclamation marks are taken for spam.")


def _preheader(campaign: Campaign) -> Check:
    name, written = _("Preheader"), campaign.preheader.strip()
    if not written:
        return Check(
            name, Verdict.WARNING, _("There is none: mailboxes show the first words of the letter in its place.")
        )
    if written == campaign.subject.strip():
        return Check(name, Verdict.WARNING, _("It says the same as the subject, which stands beside it."))
    return Check(name, Verdict.OK, _("It is there."))


def _written(campaign: Campaign, blocks: Sequence[Block]) -> Check:
    says = rich_text.plain(campaign.introduction) or any(
        block.kind != Block.Kind.TEXT or rich_text.plain(block.text) for block in blocks
    )
    if says:
        return Check(_("Content"), Verdict.OK, _("Something is written."))
    return Check(_("Content"), Verdict.STOP, _("Nothing is written yet: neither an introduction nor a block."))


def _merge(campaign: Campaign, blocks: Sequence[Block]) -> Iterator[Check]:
    name = _("Merge fields")
    places = list(_places(campaign, blocks))
    found = [(place, left) for place, text in places for left in LEFT_OVER.findall(text)]
    for place, left in dict.fromkeys(found):
        yield Check(
            name,
            Verdict.STOP,
            _(
                "“%(field)s” would be sent as it stands (%(place)s). Only {{ name }} or {{ name|friend }} becomes a "
                "name, in the introduction and in texts."
            )
            % {"field": left, "place": place},
        )
    foreign = [
        (place, left)
        for place, text in places
        for left in OF_OTHER_SYSTEMS.findall(html.unescape(LEFT_OVER.sub("", text)))
    ]
    for place, left in dict.fromkeys(foreign):
        yield Check(
            name,
            Verdict.WARNING,
            _(
                "“%(field)s” looks like a field of another system, and would be sent as it stands (%(place)s). Here "
                "{{ name }} or {{ name|friend }} becomes a name, in the introduction and in texts."
            )
            % {"field": left, "place": place},
        )
    if not found and not foreign:
        yield Check(name, Verdict.OK, _("None is left over or misspelt."))


def _places(campaign: Campaign, blocks: Iterable[Block]) -> Iterator[tuple[str, str]]:
    """Every text that is sent, with its place in words; without the fields that are filled in."""
    yield _("subject"), campaign.subject
    yield _("preheader"), campaign.preheader
    yield _("introduction"), with_name_marks(campaign.introduction)
    for number, block in enumerate(blocks, 1):
        place = _("block %(number)d") % {"number": number}
        picture = block.shown_picture
        alt = picture.alt if picture and not picture.is_decorative else ""
        yield place, "\n".join([block.heading, with_name_marks(block.text), block.link, alt])
        if block.kind == Block.Kind.ARTICLE and block.article:
            yield place, "\n".join([block.article.title, block.article.standfirst])
        if block.kind == Block.Kind.OFFER and block.offer:
            yield place, "\n".join([block.offer.title, block.offer.summary, block.offer.terms])
