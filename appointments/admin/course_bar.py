"""A visit drawn: its minutes from left to right, one lane for each thing that it occupies."""

from dataclasses import dataclass

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.admin.objections import Draft


@dataclass(frozen=True)
class Lane:
    """`spans` are (from, length) in minutes from the left edge; `kind` is "patient" or a kind of resource."""

    name: str
    kind: str
    spans: list[tuple[int, int]]


@dataclass(frozen=True)
class CourseBar:
    """`length` is all that is drawn, buffers included; `marks` are where phases meet. All in minutes."""

    length: int
    starts: int
    ends: int
    marks: list[int]
    lanes: list[Lane]
    lines: list[str]

    @classmethod
    def of(cls, draft: Draft) -> "CourseBar | None":
        """None for a visit that occupies nothing yet."""
        course = draft.course
        spans = [span for occupied in course.occupied.values() for span in occupied]
        if not spans:
            return None
        starts, ends = min(0, *(opens for opens, _c in spans)), max(course.minutes, *(closes for _o, closes in spans))
        lanes = [Lane(_("Patient"), "patient", [(-starts, course.minutes)])] if course.minutes else []
        for number, need in enumerate(draft.needs):
            if occupied := course.occupied.get(number):
                lane = [(opens - starts, closes - opens) for opens, closes in occupied]
                lanes.append(Lane(need.name, need.kind, lane))
        edges = _edges(draft)
        return cls(ends - starts, starts, ends, [edge - starts for edge in edges[1:-1]], lanes, _lines(draft, edges))


def _edges(draft: Draft) -> list[int]:
    """Where phases begin and end, counted from the start that the patient is told."""
    edges = [0]
    for phase in draft.phases:
        edges.append(edges[-1] + phase.minutes)
    told = next((edge for edge, phase in zip(edges, draft.phases, strict=False) if phase.is_with_patient), 0)
    return [edge - told for edge in edges]


def _lines(draft: Draft, edges: list[int]) -> list[str]:
    names = {need.key: need.name for need in draft.needs}
    lines = []
    for phase, begin, end in zip(draft.phases, edges, edges[1:], strict=False):
        told = {
            "begin": begin,
            "end": end,
            "phase": phase.name,
            "needs": get_text_list([names[key] for key in phase.needs if key in names], _("and")) or _("nothing"),
        }
        if phase.is_with_patient:
            lines.append(_("Minute %(begin)d to %(end)d: %(phase)s, with the patient. Occupies %(needs)s.") % told)
        else:
            lines.append(_("Minute %(begin)d to %(end)d: %(phase)s, without the patient. Occupies %(needs)s.") % told)
    return lines + [_kept_free(words, minutes) for words, minutes in _buffers(draft) if minutes]


def _buffers(draft: Draft) -> list[tuple[str, int]]:
    return [(_("before the first phase"), draft.before), (_("after the last phase"), draft.after)]


def _kept_free(where: str, minutes: int) -> str:
    words = ngettext("%(n)d minute is kept free %(where)s.", "%(n)d minutes are kept free %(where)s.", minutes)
    return words % {"n": minutes, "where": where}
