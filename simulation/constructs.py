"""Workflows get what the language has beside handlers: values, conditions, waits, ends, defaults.

They are made of workflows that were drawn before, so that worlds without any are as they were. Each
construct is absent from half of the workflows.
"""

from __future__ import annotations

__all__ = ["APPROVED", "SIGNALS", "with_constructs", "with_groups"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.core.children import group_of
from flowworker.core.model import (
    Approval,
    End,
    EndStatus,
    Saga,
    Step,
    TriggerRule,
    WaitFor,
    Workflow,
)
from simulation.repeated import with_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

SIGNALS = ("go", "note.today")
"""Names of signals."""

APPROVED = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
"""What an answer to some approvals has to be."""

DEFAULTS = {
    "type": "object",
    "properties": {
        "order": {},
        "padding": {},
        "things": {},
        "tier": {"type": "string", "default": "gold"},
    },
}
"""Schema of inputs: it fills in what no start says."""

_OWN_EVENTS = frozenset(
    {TriggerRule.ONE_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ONE_DONE, TriggerRule.ALWAYS}
)
"""Rules of steps that may begin before all is over of which they speak."""

_SECONDS = (0.5, 2.0, 7.5)


_MOST = 0.7


def with_groups(workflows: Sequence[Workflow]) -> Iterator[Workflow]:
    """Those, and the workflows of their groups."""
    for workflow in workflows:
        yield workflow
        groups = (step for step in (*workflow.steps, *workflow.finally_) if step.steps)
        yield from (group_of(workflow, step) for step in groups)


class _Draw:
    """What one workflow has, and how often."""

    def __init__(self, random: Random, *, signals: bool) -> None:
        self.random = random
        self.signals = signals
        kinds = ("with", "when", "waits", "ends", "terms", "groups")
        self._rates = {kind: random.choice((0.0, 0.35)) for kind in kinds}
        self.has_defaults = self.some("with", 2.0)

    def some(self, kind: str, share: float = 1.0) -> bool:
        """Whether it is that one's turn."""
        if self.signals:
            return kind == "waits" and self.random.random() < _MOST
        return self.random.random() < self._rates[kind] * share


def with_constructs(workflow: Workflow, random: Random, *, signals: bool = False) -> Workflow:
    """The same with some of everything, or with steps that wait for signals above all."""
    draw = _Draw(random, signals=signals)
    leaves = {step.id for step in workflow.steps}.difference(
        *(step.depends_on for step in workflow.steps)
    )
    steps = [_changed(draw, step, is_leaf=step.id in leaves) for step in workflow.steps]
    if all(step.end is not None for step in steps):
        steps[0] = workflow.steps[0]
    closing = [_waiting(draw, step, ends=False) for step in workflow.finally_]
    changed = replace(
        workflow,
        steps=tuple(steps),
        finally_=tuple(closing),
        output=_any_output(draw, steps),
        input_schema=DEFAULTS if draw.has_defaults else None,
    )
    return changed if signals else with_loops(changed)


def _changed(draw: _Draw, step: Step, *, is_leaf: bool) -> Step:
    named = _nameable(step)
    changed = _waiting(draw, step, ends=is_leaf)
    if draw.some("when"):
        changed = replace(changed, when=_any_condition(draw.random, named))
    if not changed.uses:
        return changed
    if draw.some("terms"):
        changed = _with_terms(draw.random, changed)
    if draw.some("with", 2.0):
        changed = replace(changed, with_=_any_given(draw, named))
    if draw.some("with") and changed.fallback is not None:
        fallback = replace(changed.fallback, with_=_any_given(draw, named))
        changed = replace(changed, fallback=fallback)
    if draw.some("with") and changed.saga is not None and step.id.isidentifier():
        given = {"own": f"${{steps.{step.id}.output}}", **_any_given(draw, named)}
        changed = replace(changed, saga=replace(changed.saga, with_=given))
    return changed


def _nameable(step: Step) -> tuple[str, ...]:
    """Dependencies that its expressions may name: of those all is known when it begins."""
    early = step.trigger_rule in _OWN_EVENTS
    return () if early else tuple(one for one in step.depends_on if one.isidentifier())


def _waiting(draw: _Draw, step: Step, *, ends: bool) -> Step:
    """The same, or one in its place that has no handler."""
    if ends and draw.some("ends", 0.4):
        return _bare(step, end=_any_end(draw.random))
    random = draw.random
    if step.uses == "work" and draw.some("groups"):
        return _any_group(random, step)
    if not draw.some("waits"):
        return step
    if draw.signals:
        return _bare(step, wait_for=_any_wait(random))
    makers: tuple[Callable[[], Step], ...] = (
        lambda: _bare(step, sleep=_any_seconds(random)),
        lambda: _bare(step, until=_any_moment(random)),
        lambda: _bare(step, wait_for=_any_wait(random)),
        lambda: _bare(step, approval=_any_approval(random)),
    )
    return random.choice(makers)()


def _bare(step: Step, **construct: Any) -> Step:
    """A step without a handler in the place of another one."""
    return Step(
        step.id,
        depends_on=step.depends_on,
        escalation=None if "end" in construct else step.escalation,
        trigger_rule=step.trigger_rule,
        continue_on_error=step.continue_on_error,
        **construct,
    )


def _any_group(random: Random, step: Step) -> Step:
    """One whose attempts are runs of one step or two."""
    steps = tuple(
        Step(f"g{number}", "work", ("g0",) * number, saga=random.choice((None, Saga("undo"))))
        for number in range(random.randint(1, 2))
    )
    return replace(step, uses="", steps=steps)


def _any_condition(random: Random, named: tuple[str, ...]) -> str:
    of_input = ("input.order % 2 == 0", "input.order % 3 == 0", 'input.padding == ""')
    if not named or random.random() < 0.4:  # noqa: PLR2004
        return random.choice(of_input)
    step = random.choice(named)
    return random.choice(
        (
            f'steps.{step}.status == "COMPLETED"',
            f'steps.{step}.status != "SKIPPED"',
            f"steps.{step}.output != null",
            f"steps.{step}.output.n % 2 == 0",
        )
    )


def _any_given(draw: _Draw, named: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {"order": "${input.order}", "plain": 7}
    if draw.has_defaults:
        given["tier"] = "${input.tier}"
    for step in named:
        part = draw.random.choice(("output", "output", "status", "output.n"))
        given[f"of_{step}"] = f"${{steps.{step}.{part}}}"
    return given


def _any_output(draw: _Draw, steps: list[Step]) -> dict[str, Any] | None:
    if not draw.some("with"):
        return None
    named = tuple(one.id for one in steps if one.id.isidentifier())
    return _any_given(draw, tuple(draw.random.sample(named, min(2, len(named)))))


def _with_terms(random: Random, step: Step) -> Step:
    """Settings that are said by expressions."""
    rules = step.retry if isinstance(step.retry, tuple) else (step.retry,)
    said = tuple(
        replace(rule, interval=_choice(0.05, 0.9)) if rule.max_attempts > 1 else rule
        for rule in rules
    )
    retry = said if isinstance(step.retry, tuple) else said[0]
    timeout = step.timeout and _choice(3.0, 8.0)
    priority = random.choice((None, _choice("high", "low"), "normal"))
    return replace(step, retry=retry, timeout=timeout, priority=priority)


def _choice(even: float | str, odd: float | str) -> str:
    return f"${{input.order % 2 == 0 ? {even!r} : {odd!r}}}"


def _any_seconds(random: Random) -> float | str:
    seconds = random.choice(_SECONDS)
    return random.choice((seconds, _choice(seconds, random.choice(_SECONDS))))


def _any_moment(random: Random) -> str:
    """Within the first minute of a world, or before it."""
    return f"2023-11-14T22:13:{random.choice((0, 25, 40, 55)):02d}Z"


def _any_limit(random: Random) -> float | str | None:
    return random.choice((None, None, 6.0, 25.0, _choice(4.0, 15.0)))


def _any_wait(random: Random) -> WaitFor:
    match = random.choice((None, "signal.n % 2 == 0"))
    return WaitFor(random.choice(SIGNALS), match, _any_limit(random))


def _any_approval(random: Random) -> Approval:
    schema = random.choice((None, APPROVED))
    return Approval(random.choice(("", "Is it well?")), schema, _any_limit(random))


def _any_end(random: Random) -> End:
    output = random.choice((None, {"order": "${input.order}"}))
    return End(random.choice(list(EndStatus)), random.choice(("", "enough")), output)
