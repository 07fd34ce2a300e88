"""Some steps are runs of other workflows of the same world: how that is drawn."""

from __future__ import annotations

__all__ = ["with_calls"]

from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.core.model import Step, Workflow

_RATES = (0.0, 0.25)
_GIVEN = ("order", "padding", "things")
"""Parts of inputs that are handed down."""


def with_calls(workflows: Sequence[Workflow]) -> list[Workflow]:
    """The same, with steps that call workflows which come after their own: so none calls itself.

    That is drawn of its own, so that all else is as it was without.
    """
    names = [workflow.name for workflow in workflows]
    return [_with_calls(one, names[number:]) for number, one in enumerate(workflows, 1)]


def _with_calls(workflow: Workflow, names: Sequence[str]) -> Workflow:
    random = Random(f"calls of {workflow}")
    rate = random.choice(_RATES) if names else 0.0

    def changed(step: Step) -> Step:
        inner = replace(step, steps=tuple(map(changed, step.steps)))
        if step.uses != "work" or random.random() >= rate:
            return inner
        return _calling(step, random.choice(names), random)

    return replace(
        workflow,
        steps=tuple(map(changed, workflow.steps)),
        finally_=tuple(map(changed, workflow.finally_)),
    )


def _calling(step: Step, name: str, random: Random) -> Step:
    """The same step, but that its attempts are runs: most of them get what they ask for."""
    given = {**{part: f"${{input.{part}}}" for part in _GIVEN}, **(step.with_ or {})}
    repeat = step.repeat
    if repeat is not None and "output" in repeat.until:  # which does not say so
        repeat = replace(repeat, until="iterations % 2 == 0")
    return replace(
        step,
        uses="",
        workflow=name,
        with_=random.choice((given, given, given, given, given, None)),
        repeat=repeat,
    )
