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
_NAMES = ("item", "thing")
_ITEMS: tuple[Any, ...] = (
    [],
    ["a", 7, "${input.order}"],
    ["${input.order}", "b", "c", "d", "e"],
    {"first": "${input.order}", "second": 2},
    "input.things",
)
_UNTIL = ("iterations % 2 == 0", "iterations % 3 == 0")


def with_loops(workflow: Workflow) -> Workflow:
    """The same, with some steps that are done for each of some items or again and again.

    That is drawn of its own, so that all else is as it was without.
    """
    random = Random(f"loops of {workflow}")
    return replace(workflow, steps=tuple(_changed(random, step) for step in workflow.steps))


def _changed(random: Random, step: Step) -> Step:
    changed = step
    if (step.uses == "work" or step.has_child) and random.random() < _REPEATS:
        of_output = ("output.n % 2 == 0",) * bool(step.uses)
        until = random.choice((*_UNTIL, *of_output))
        repeat = Repeat(until, random.choice((0.0, 0.5, 3.0)), random.choice((2, 4, 10)))
        changed = replace(changed, repeat=repeat)
    if step.end is None and random.random() < _LOOPS:
        changed = _looped(random, changed)
    return changed


def _looped(random: Random, step: Step) -> Step:
    loop = ForEach(
        random.choice(_ITEMS),
        random.choice(_NAMES),
        max_parallel=random.choice((None, 1, 2)),
        tolerated_failures=random.choice((0, 1, "50%")),
    )
    given = step.with_ and {**step.with_, "one": f"${{{loop.as_}}}", "at": "${index}"}
    return replace(step, with_=given, for_each=loop)
