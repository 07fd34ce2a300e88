"""Retry rules: some steps get several, and no more is tried again than these allow."""

from __future__ import annotations

__all__ = ["is_allowed", "with_rules"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.model import Backoff, RetryPolicy
from flowworker.core.status import Kind, Outcome

if TYPE_CHECKING:
    from random import Random

    from flowworker.core.model import Retries, Workflow
    from flowworker.core.records import ErrorInfo, StepRecord
    from simulation.truth import Truth

_SHARE = 0.5
"""Of steps that have rules."""

_NEVER = 0.2
"""Share of rules that allow no retry."""

_ERRORS = (("ValueError",), ("Refused", "RetryAfter"), ("Timeout",), ("Exception",))


def with_rules(workflow: Workflow, random: Random) -> Workflow:
    """The same, with rules instead of a policy at some steps and compensations."""
    steps = []
    for step in workflow.steps:
        changed = step
        if step.uses and random.random() < _SHARE:
            changed = replace(changed, retry=_any_rules(random))
        if step.saga is not None and random.random() < _SHARE:
            changed = replace(changed, saga=replace(step.saga, retry=_any_rules(random)))
        steps.append(changed)
    return replace(workflow, steps=tuple(steps))


def _any_rules(random: Random) -> tuple[RetryPolicy, ...]:
    chosen = random.sample(_ERRORS, random.randint(1, len(_ERRORS)))
    return tuple(_any_rule(random, on) for on in [*chosen, ()])


def _any_rule(random: Random, on: tuple[str, ...]) -> RetryPolicy:
    if random.random() < _NEVER:
        return RetryPolicy(on=on)
    return RetryPolicy(
        max_attempts=random.choice((2, 3)),
        backoff=Backoff.EXPONENTIAL,
        interval=random.choice((0.01, 0.8)),
        on=on,
        factor=random.choice((1.0, 1.5, 4.0)),
        max_duration=random.choice((None, None, None, 5.0)),
    )


def is_allowed(truth: Truth, last: StepRecord, *, at_once: bool = False) -> bool:
    """Whether another attempt may follow one that failed.

    With `at_once`, only if no delay can be too long: then it has to follow.
    """
    rules = _rules(truth, last)
    past = sorted(
        (
            each
            for (step, _), each in truth.settled.items()
            if step == last.step
            and (each.kind, each.turn, each.iteration) == (last.kind, last.turn, last.iteration)
            and each.outcome is Outcome.FAILED
        ),
        key=lambda each: each.number,
    )
    used = [_rule_for(rules, each.error) for each in past]
    rule, error = used[-1], last.error
    if rule is None or error is None or not error.retryable or _names(rule.non_retryable, error):
        return False
    limit = rule.max_duration
    is_late = limit is not None and (at_once or last.finished_at - last.since > limit)
    return used.count(rule) < rule.max_attempts and not is_late


def _rules(truth: Truth, last: StepRecord) -> tuple[RetryPolicy, ...]:
    step = truth.plan.step(last.step)
    retry: Retries = ()
    if last.kind is Kind.RUN:
        retry = step.retry
    elif last.kind is Kind.COMPENSATE and step.saga is not None:
        retry = step.saga.retry
    return retry if isinstance(retry, tuple) else (retry,)


def _rule_for(rules: tuple[RetryPolicy, ...], error: ErrorInfo | None) -> RetryPolicy | None:
    return next((rule for rule in rules if not rule.on or _names(rule.on, error)), None)


def _names(names: tuple[str, ...], error: ErrorInfo | None) -> bool:
    return error is not None and bool({error.type, *error.bases}.intersection(names))
