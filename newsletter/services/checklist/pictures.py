"""Whether the pictures can be shown, and what those read who do not see them."""

import re
from collections.abc import Iterator, Sequence

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from clinic.models import Image, Rendition
from newsletter.models import Block
from newsletter.services.checklist.verdicts import Check, Verdict

FILE_NAME = re.compile(r"\S+\.(?:jpe?g|png|webp|avif|gif|heic)|(?:img|dsc|pxl)[_-]?\d+", re.IGNORECASE)


def checks(blocks: Sequence[Block]) -> Iterator[Check]:
    shown = [(picture, block) for block in blocks if (picture := block.shown_picture)]
    prefetch_related_objects([picture for picture, _block in shown], "renditions")
    troubles = [check for picture, block in shown for check in _troubles(picture, block)]
    yield from dict.fromkeys(troubles)
    if shown and not troubles:
        yield Check(_("Pictures"), Verdict.OK, _("Each can be shown, and says in words what is on it."))


def _troubles(picture: Image, block: Block) -> Iterator[Check]:
    name, title = _("Pictures"), {"title": picture.title}
    if picture.error:
        yield Check(name, Verdict.STOP, _("“%(title)s” could not be made ready for the web. Upload it anew.") % title)
    elif not any(rendition.format == Rendition.Format.JPEG for rendition in picture.renditions.all()):
        yield Check(
            name, Verdict.STOP, _("“%(title)s” is still being made ready for the web. Look again in a minute.") % title
        )
    if not picture.is_decorative and not picture.alt.strip():
        yield Check(name, Verdict.STOP, _("“%(title)s” has no text alternative.") % title)
    elif FILE_NAME.fullmatch(picture.alt.strip()):
        yield Check(name, Verdict.WARNING, _("The text alternative of “%(title)s” is the name of a file.") % title)
    if block.kind == Block.Kind.PICTURE and block.link and picture.is_decorative:
        yield Check(
            name,
            Verdict.WARNING,
            _("“%(title)s” is a link and marked as decorative: who does not see it cannot tell where it leads.")
            % title,
        )
