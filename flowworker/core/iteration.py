"""A step that is a loop, taken apart: what is said of it as a whole, and of each instance.

The whole is a step of the coordinator, and each instance is a step like any other. So whatever
holds for steps holds for instances: attempts, policies, compensation.
"""

from __future__ import annotations

__all__ = ["as_instance", "as_whole"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.core.model import Step

if TYPE_CHECKING:
    from flowworker.core.for_each import ForEach


def as_whole(step: Step) -> Step:
    """What is said of a loop as a whole; any other step as it is."""
    if step.for_each is None:
        return step
    return Step(
        step.id,
        depends_on=step.depends_on,
        trigger_rule=step.trigger_rule,
        when=step.when,
        continue_on_error=step.continue_on_error,
        for_each=step.for_each,
    )


def as_instance(step: Step, loop: ForEach) -> Step:
    """What is said of each instance of a step that is a loop.

    It waits for nothing, and what follows from its failure is the loop's matter. Where no `with`
    says what a handler gets, it gets the item and its index, and to undo it the output as well.
    """
    one = replace(
        step,
        depends_on=(),
        trigger_rule=Step("").trigger_rule,
        when=None,
        continue_on_error=True,
        for_each=None,
    )
    if not (step.uses or step.has_child):
        return one
    given = _usual(loop)
    fallback, saga = step.fallback, step.saga
    if fallback is not None and fallback.with_ is None:
        fallback = replace(fallback, with_=given)
    if saga is not None and saga.with_ is None:
        saga = replace(saga, with_={**given, "output": f'${{steps["{step.id}"].output}}'})
    return replace(
        one, with_=given if step.with_ is None else step.with_, fallback=fallback, saga=saga
    )


def _usual(loop: ForEach) -> dict[str, Any]:
    return {loop.as_: f"${{{loop.as_}}}", "index": "${index}"}
