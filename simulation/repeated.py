"""Some steps are done for each of some items, and some again and again: how that is drawn."""

from __future__ import annotations

__all__ = ["with_loops"]

from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.core.for_each import ForEach
from flowworker.core.repetition import Repeat

if TYPE_CHECKING:
    from flowworker.core.model import Step, Workflow

_LOOPS, _REPEATS = 0.2, 0.2
_ITEMS: tuple[Any, ...] = (
    [],
    ["a", 7, "${input.order}"],
    ["${input.order}", "b", "c", "d", "e"],
    {"first": "${input.order}", "second": 2},
)
_UNTIL = ("iterations % 2 == 0", "iterations % 3 == 0", "output.n % 2 == 0")


def with_loops(workflow: Workflow) -> Workflow:
    """The same, with some steps that are done for each of some items or again and again.

    That is drawn of its own, so that all else is as it was without.
    """
    random = Random(f"loops of {workflow}")
    return replace(workflow, steps=tuple(_changed(random, step) for step in workflow.steps))


def _changed(random: Random, step: Step) -> Step:
    if step.uses != "work":
        return step
    changed = step
    if random.random() < _REPEATS:
        interval = random.choice((0.0, 0.5, 3.0))
        repeat = Repeat(random.choice(_UNTIL), interval, random.choice((2, 4, 10)))
        changed = replace(changed, repeat=repeat)
    if random.random() < _LOOPS:
        given = changed.with_ and {**changed.with_, "thing": "${item}", "at": "${index}"}
        loop = ForEach(
            random.choice(_ITEMS),
            max_parallel=random.choice((None, 1, 2)),
            tolerated_failures=random.choice((0, 1, "50%")),
        )
        changed = replace(changed, with_=given, for_each=loop)
    return changed
