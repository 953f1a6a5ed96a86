"""Why a visit could never take place as it is laid out, in words for who lays it out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from appointments.models import Course, Need, Resource, VisitType
from appointments.models.visit_type import LONGEST_VISIT
from clinic.models import Location


@dataclass(frozen=True)
class NeedDraft:
    """`key` is whatever a phase calls it by; `pool` holds also what is not in use."""

    key: str
    name: str
    pool: list[Resource]

    @property
    def usable(self) -> list[Resource]:
        return [resource for resource in self.pool if resource.is_active]

    @property
    def kind(self) -> str:
        return self.pool[0].kind if self.pool else Resource.Kind.ROOM.value

    def at(self, place: Location) -> set[int]:
        return {resource.pk for resource in self.usable if place.pk in places_of(resource)}


@dataclass(frozen=True)
class PhaseDraft:
    key: str
    name: str
    minutes: int
    is_with_patient: bool
    needs: list[str]


@dataclass(frozen=True)
class Objection:
    """`about` is the key of a need or a phase, or one of the words below."""

    about: str
    words: str

    PLACES = "places"
    LENGTH = "length"
    PHASES = "phases"


@dataclass(frozen=True)
class Draft:
    """A visit type as it stands in a form or in the books."""

    places: list[Location]
    before: int
    after: int
    needs: list[NeedDraft]
    phases: list[PhaseDraft]

    @classmethod
    def of(cls, visit_type: VisitType) -> "Draft":
        """As it is stored; five queries."""
        needs = [
            NeedDraft(str(need.pk), need.name, list(need.resources.all()))
            for need in visit_type.needs.prefetch_related("resources__hours", "resources__provider__locations")
        ]
        phases = [
            PhaseDraft(f"phase {phase.pk}", phase.name, phase.minutes, phase.is_with_patient, _keys(phase.needs.all()))
            for phase in visit_type.phases.prefetch_related("needs")
        ]
        places = list(visit_type.locations.all())
        return cls(places, visit_type.buffer_before, visit_type.buffer_after, needs, phases)

    @cached_property
    def course(self) -> Course:
        """Its needs are numbered as they stand in `needs`."""
        numbers = {need.key: number for number, need in enumerate(self.needs)}
        return Course.laid_out(
            [
                (phase.minutes, phase.is_with_patient, [numbers[key] for key in phase.needs if key in numbers])
                for phase in self.phases
            ],
            before=self.before,
            after=self.after,
        )

    def objections(self) -> list[Objection]:
        """What is wrong with the parts comes first; how they go together is asked only of sound ones."""
        return [*self._of_length(), *self._of_phases(), *self._of_needs()] or list(self._of_places())

    def _of_length(self) -> Iterator[Objection]:
        minutes = self.before + sum(phase.minutes for phase in self.phases) + self.after
        if minutes > LONGEST_VISIT:
            told = {"minutes": minutes, "most": LONGEST_VISIT // 60}
            words = _("With the minutes kept free it takes %(minutes)d minutes; %(most)d hours are the most.") % told
            yield Objection(Objection.LENGTH, words)

    def _of_phases(self) -> Iterator[Objection]:
        if not any(phase.is_with_patient for phase in self.phases):
            yield Objection(Objection.PHASES, _("In at least one phase the patient has to be there."))
        for phase in self.phases:
            if not phase.needs:
                yield Objection(
                    phase.key, _("“%(phase)s” occupies nothing: tick what it takes.") % {"phase": phase.name}
                )

    def _of_needs(self) -> Iterator[Objection]:
        occupied = {key for phase in self.phases for key in phase.needs}
        for need in self.needs:
            if not need.usable:
                words = _("“%(need)s”: choose at least one that is in use.")
            elif len({resource.kind for resource in need.pool}) > 1:
                words = _("“%(need)s”: choose people, rooms or devices, not several kinds.")
            elif need.key not in occupied:
                words = _("No phase occupies “%(need)s”: tick it in a phase, or delete it.")
            else:
                yield from self._of_strays(need)
                continue
            yield Objection(need.key, words % {"need": need.name})

    def _of_strays(self, need: NeedDraft) -> Iterator[Objection]:
        """Those that can never be chosen, because they are somewhere else."""
        here = {place.pk for place in self.places}
        for resource in need.usable:
            if here and not here & places_of(resource):
                told = {"resource": resource.name, "places": _either(self.places)}
                if resource.kind == Resource.Kind.PROVIDER:
                    words = _("%(resource)s does not work at %(places)s.") % told
                else:
                    words = _("%(resource)s does not stand at %(places)s.") % told
                yield Objection(need.key, words)

    def _of_places(self) -> Iterator[Objection]:
        for place in self.places:
            lacking = [need for need in self.needs if not need.at(place)]
            for need in lacking:
                told = {"place": place, "need": need.name}
                words = _("At %(place)s there is no “%(need)s”: choose one that is there, or leave the location out.")
                yield Objection(Objection.PLACES, words % told)
            if not lacking and (rivals := self._rivals(place)):
                told = {"place": place, "needs": get_text_list(rivals, _("and"))}
                words = _("At %(place)s there are not enough to choose from for %(needs)s at the same time.") % told
                yield Objection(Objection.PLACES, words)

    def _rivals(self, place: Location) -> list[str]:
        """Needs that cannot all be served there, because they want the same at the same time."""
        pools = [need.at(place) for need in self.needs]

        def serve(number: int, taken: list[int]) -> bool:
            if number == len(pools):
                return True
            gone = {taken[other] for other in range(number) if self._meet(number, other)}
            return any(serve(number + 1, [*taken, resource]) for resource in pools[number] - gone)

        if serve(0, []):
            return []
        numbers = range(len(pools))
        return [
            f"“{self.needs[one].name}”"
            for one in numbers
            if any(one != other and pools[one] & pools[other] and self._meet(one, other) for other in numbers)
        ]

    def _meet(self, one: int, other: int) -> bool:
        occupied = self.course.occupied
        return any(a < d and c < b for a, b in occupied.get(one, []) for c, d in occupied.get(other, []))


def places_of(resource: Resource) -> set[int]:
    """The locations at which somebody or something can be booked at all, by primary key."""
    if resource.location_id is not None:
        return {resource.location_id}
    own = {hours.location_id for hours in resource.hours.all()}
    return own or {place.pk for place in works_at(resource)}


def works_at(resource: Resource) -> list[Location]:
    """The locations of a person, as the page of the provider has them; none of a room or a device."""
    return list(resource.provider.locations.all()) if resource.provider else []


def _either(places: list[Location]) -> str:
    return get_text_list([place.name for place in places], _("or"))


def _keys(needs: Iterable[Need]) -> list[str]:
    return [str(need.pk) for need in needs]
