"""What an attempt calls: what of a step's definition is said of attempts of one kind.

It is found once per definition: an attempt asks for nothing that its definition has not.
"""

from __future__ import annotations

__all__ = ["Call", "calls_of"]

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.core.policy import asks_for_time, intervals
from flowworker.core.status import Kind

if TYPE_CHECKING:
    from flowworker.core.model import Step


class Call(Struct, frozen=True):
    """What attempts of one kind of a step call, and how.

    Attributes:
        uses: name of the handler; empty if coordinators make the attempt themselves.
        with_: what it is given, texts with `${…}` in it evaluated; None for the merged map.
        timeout: seconds that it may take, or a text with `${…}` that says so; 0 for no limit.
        intervals: those of its retry rules, if there are expressions among them.
        asks_for_time: whether it matters when the first attempt of that kind began.
    """

    uses: str
    with_: dict[str, Any] | None
    timeout: float | str
    intervals: tuple[float | str, ...]
    asks_for_time: bool


def calls_of(step: Step) -> dict[Kind, Call]:
    """The call of each kind that a step has attempts of."""
    limit = step.timeout or 0.0
    found = {Kind.RUN: (step.uses, step.with_, limit)}
    if step.fallback is not None:
        found[Kind.FALLBACK] = (step.fallback.uses, step.fallback.with_, limit)
    if step.saga is not None:
        found[Kind.COMPENSATE] = (step.saga.uses, step.saga.with_, step.saga.timeout or 0.0)
    return {
        kind: Call(*what, intervals(step, kind), asks_for_time(step, kind))
        for kind, what in found.items()
    }
