"""The ordinary case: one phase, that somebody does, perhaps in a room. All else stands on the page of phases."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from appointments.models import Need, Resource, VisitType

KINDS = (Resource.Kind.PROVIDER, Resource.Kind.ROOM)


@dataclass(frozen=True)
class SimpleCourse:
    minutes: int
    people: list[Resource]
    rooms: list[Resource]


def simple_course(visit_type: VisitType) -> SimpleCourse | None:
    """What the simple page says of it, or None when that would leave something out; 0 minutes without a phase."""
    phases = list(visit_type.phases.prefetch_related("needs"))
    needs = list(visit_type.needs.prefetch_related("resources"))
    pools = {kind: pool for need in needs for kind, pool in [_pool(need)]}
    if len(phases) > 1 or len(pools) != len(needs) or not set(pools) <= set(KINDS):
        return None
    if phases and (not phases[0].is_with_patient or {need.pk for need in phases[0].needs.all()} != _keys(needs)):
        return None
    minutes = phases[0].minutes if phases else 0
    return SimpleCourse(minutes, pools.get(Resource.Kind.PROVIDER, []), pools.get(Resource.Kind.ROOM, []))


def lay_out(visit_type: VisitType, course: SimpleCourse) -> None:
    """Stores it, in a transaction; phase and needs that are there already stay the same rows, with their names."""
    wanted = {Resource.Kind.PROVIDER: course.people, Resource.Kind.ROOM: course.rooms}
    names = {Resource.Kind.PROVIDER: _("Provider"), Resource.Kind.ROOM: _("Room")}
    stored = {_pool(need)[0]: need for need in visit_type.needs.prefetch_related("resources")}
    needs = []
    for position, (kind, pool) in enumerate(wanted.items()):
        need = stored.pop(kind, None)
        if not pool:
            if need:
                need.delete()
            continue
        need = need or Need(visit_type=visit_type, name=names[kind])
        need.position = position
        need.save()
        need.resources.set(pool)
        needs.append(need)
    phase = visit_type.phases.first() or visit_type.phases.model(visit_type=visit_type, name=_("Visit"))
    phase.minutes = course.minutes
    phase.save()
    phase.needs.set(needs)


def _pool(need: Need) -> tuple[str, list[Resource]]:
    """The one kind of its pool, or "" for a mixed or an empty one."""
    pool = list(need.resources.all())
    kinds = {resource.kind for resource in pool}
    return (kinds.pop() if len(kinds) == 1 else ""), pool


def _keys(needs: list[Need]) -> set[int]:
    return {need.pk for need in needs}
