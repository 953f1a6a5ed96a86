"""The dashboard's panels. Each app registers its own, so that the page need not know any of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.functional import Promise

from clinic.models import User


@dataclass(frozen=True)
class Row:
    """One line of a panel: where it leads, what it says, and a remark in small type."""

    text: str
    url: str
    remark: str = ""
    is_urgent: bool = False


@dataclass(frozen=True)
class Panel:
    """A heading with rows. What rows cannot say, a table or a drawing, is a `template` that gets `context` as `shown`
    and stands over the whole width."""

    title: str | Promise
    rows: Sequence[Row] = ()
    total: int | None = None
    url: str = ""
    empty: str | Promise = ""
    notes: Sequence[str] = field(default_factory=list)
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


PanelMaker = Callable[[datetime], Panel | None]
_panels: list[tuple[int, str, PanelMaker]] = []


def panel(*, order: int, permission: str) -> Callable[[PanelMaker], PanelMaker]:
    """Registers a function that makes a panel for those who hold `permission`; None shows nothing."""

    def register(maker: PanelMaker) -> PanelMaker:
        _panels.append((order, permission, maker))
        return maker

    return register


def panels(user: User | AnonymousUser, *, now: datetime) -> list[Panel]:
    allowed = (maker for _order, permission, maker in sorted(_panels, key=lambda p: p[0]) if user.has_perm(permission))
    return [made for maker in allowed if (made := maker(now)) is not None]
