"""What a scenario is made of: rows, each with what both roles do in a round of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Role = Callable[[Any, int, Any], Any]
    """``role(end, count, over)``: the end of its way, how much to do, and what tells that the round is over."""

Figures = dict[str, float]
"""What a round found: ``seconds``, how long it took; ``value``, the figure of the row; some have a ``p99``."""


def idle(_end: Any, _count: int, over: Any) -> None:
    """Play the role that does nothing."""
    over(None)


@dataclass(frozen=True)
class Row:
    """One line of the tables."""

    scenario: str
    name: str
    unit: str
    way: str
    roles: tuple[Role, Role]
    timed: int = 0
    """The role that returns `Figures`."""
    check: tuple[Role, Role] | None = None
    """Done once, outside of what is timed: both return the checksum of what was sent, and of what came."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the way."""
    count: int = 0
    """How much a round does; 0: as much as fills its time."""
    most_rounds: int = 1000
    """Fewer than others have, where a round takes long."""
    only: tuple[str, ...] = ()
    """The peers that have it; none: all with such a way."""
    without: tuple[str, ...] = ()
    """The peers that are left out."""
    more_is_better: bool = False
    at: float | None = None
    """Of a point of a curve: where on the horizontal axis."""

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it in results."""
        return self.scenario, self.name

    @property
    def curve(self) -> tuple[str, str]:
        """Of a point of a curve: what identifies the curve."""
        return self.scenario, self.name.partition(",")[0]

    def has(self, peer: str) -> bool:
        """Tell whether it is meant for a peer."""
        return peer not in self.without and (not self.only or peer in self.only)
