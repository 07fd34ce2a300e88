"""Trigger rules once more, as Airflow's documentation has them: a sentence for each outcome.

The engine counts as it goes along. Here all dependencies are looked at anew each time, and the
first sentence of a rule that is true says what becomes of its step.
"""

from __future__ import annotations

__all__ = ["Fate", "Resolution", "fate"]

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from flowworker.core.model import TriggerRule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Resolution(Enum):
    """What has become of a step, as those behind it see it."""

    SUCCESS = "success"
    FAILED = "failed"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"


class Fate(Enum):
    """What becomes of a step by its rule."""

    OPEN = "open"
    RUNS = "runs"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"


class _Seen(NamedTuple):
    """What there is among a step's dependencies; a failure may be one further above."""

    done: bool
    success: bool
    failed: bool
    failure: bool
    skipped: bool


_Sentence: TypeAlias = "tuple[Callable[[_Seen], bool], Fate]"

_RULES: dict[TriggerRule, tuple[_Sentence, ...]] = {
    TriggerRule.ALL_SUCCESS: (
        (lambda seen: seen.failure, Fate.UPSTREAM_FAILED),
        (lambda seen: seen.done and seen.skipped, Fate.SKIPPED),
        (lambda seen: seen.done, Fate.RUNS),
    ),
    TriggerRule.ALL_DONE: ((lambda seen: seen.done, Fate.RUNS),),
    TriggerRule.ALL_FAILED: (
        (lambda seen: seen.success or seen.skipped, Fate.SKIPPED),
        (lambda seen: seen.done, Fate.RUNS),
    ),
    TriggerRule.ALL_SKIPPED: (
        (lambda seen: seen.success or seen.failure, Fate.SKIPPED),
        (lambda seen: seen.done, Fate.RUNS),
    ),
    TriggerRule.ONE_SUCCESS: (
        (lambda seen: seen.success, Fate.RUNS),
        (lambda seen: seen.done and seen.failure, Fate.UPSTREAM_FAILED),
        (lambda seen: seen.done, Fate.SKIPPED),
    ),
    TriggerRule.ONE_FAILED: (
        (lambda seen: seen.failure, Fate.RUNS),
        (lambda seen: seen.done, Fate.SKIPPED),
    ),
    TriggerRule.ONE_DONE: (
        (lambda seen: seen.success or seen.failed, Fate.RUNS),
        (lambda seen: seen.done, Fate.SKIPPED),
    ),
    TriggerRule.NONE_FAILED: (
        (lambda seen: seen.failure, Fate.UPSTREAM_FAILED),
        (lambda seen: seen.done, Fate.RUNS),
    ),
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: (
        (lambda seen: seen.failure, Fate.UPSTREAM_FAILED),
        (lambda seen: seen.done and seen.success, Fate.RUNS),
        (lambda seen: seen.done, Fate.SKIPPED),
    ),
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: (
        (lambda seen: seen.skipped, Fate.SKIPPED),
        (lambda seen: seen.done and seen.success, Fate.RUNS),
        (lambda seen: seen.done, Fate.UPSTREAM_FAILED),
    ),
    TriggerRule.NONE_SKIPPED: (
        (lambda seen: seen.skipped, Fate.SKIPPED),
        (lambda seen: seen.done, Fate.RUNS),
    ),
    TriggerRule.ALWAYS: ((lambda _: True, Fate.RUNS),),
}


def fate(rule: TriggerRule, dependencies: Sequence[Resolution | None]) -> Fate:
    """What becomes of a step of which that has become of its dependencies; None is not over."""
    if not dependencies:
        return Fate.RUNS
    upstream = Resolution.UPSTREAM_FAILED in dependencies
    failed = Resolution.FAILED in dependencies
    seen = _Seen(
        done=None not in dependencies,
        success=Resolution.SUCCESS in dependencies,
        failed=failed,
        failure=failed or upstream,
        skipped=Resolution.SKIPPED in dependencies,
    )
    return next((what for holds, what in _RULES[rule] if holds(seen)), Fate.OPEN)
