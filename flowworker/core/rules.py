"""Trigger rules: may a step run, given what has become of its dependencies?

The names and the meanings are Airflow's. A verdict other than WAIT is final: it stays the same
whatever becomes of the other dependencies. So in whatever order facts come, live or from records, a
step comes to the same verdict. (Airflow's scheduler may call a step skipped that would be
"upstream failed" had it looked later: where both can come, this waits.)
"""

from __future__ import annotations

__all__ = ["NOTHING", "Resolution", "Tally", "Verdict", "verdict"]

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from flowworker.core.model import TriggerRule

if TYPE_CHECKING:
    from collections.abc import Callable


class Resolution(IntEnum):
    """How a step was resolved, as the rules of the steps behind it see it.

    An operator who skips a step says that it is well without it: a success. UPSTREAM_FAILED is a
    step that does not run since its rule, because of a failure, cannot be met any more.
    """

    SUCCESS = 0
    FAILED = 1
    UPSTREAM_FAILED = 2
    SKIPPED = 3


class Tally(NamedTuple):
    """How many of a step's dependencies were resolved in which way."""

    success: int = 0
    failed: int = 0
    upstream_failed: int = 0
    skipped: int = 0

    def plus(self, resolution: Resolution) -> Tally:
        """With one more."""
        counts = list(self)
        counts[resolution] += 1
        return Tally(*counts)

    @property
    def failures(self) -> int:
        """How many failed, or could not run because of a failure."""
        return self.failed + self.upstream_failed


NOTHING = Tally()


class Verdict(Enum):
    """What a rule says of its step."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    FAIL = "fail"
    """It does not run because of a failure: Airflow's `upstream_failed`."""


def verdict(rule: TriggerRule, tally: Tally, dependencies: int) -> Verdict:
    """What is to become of a step with so many dependencies, of which those of the tally are over.

    A step without dependencies runs, whatever its rule.
    """
    if dependencies == 0:
        return Verdict.RUN
    if rule is TriggerRule.ALL_SUCCESS and tally.success == dependencies:
        return Verdict.RUN  # nearly always, so it is not looked up
    early, late = _RULES[rule]
    at_once = early(tally)
    if at_once is not Verdict.WAIT:
        return at_once
    return late(tally) if sum(tally) == dependencies else Verdict.WAIT


_Clause: TypeAlias = "Callable[[Tally], Verdict]"

_RULES: Final[dict[TriggerRule, tuple[_Clause, _Clause]]] = {
    # What holds as soon as it shows, and otherwise when all dependencies are over.
    TriggerRule.ALL_SUCCESS: (
        lambda so_far: Verdict.FAIL if so_far.failures else Verdict.WAIT,
        lambda all_of: Verdict.SKIP if all_of.skipped else Verdict.RUN,
    ),
    TriggerRule.ALL_DONE: (
        lambda _: Verdict.WAIT,
        lambda _: Verdict.RUN,
    ),
    TriggerRule.ALL_FAILED: (
        lambda so_far: Verdict.SKIP if so_far.success or so_far.skipped else Verdict.WAIT,
        lambda _: Verdict.RUN,
    ),
    TriggerRule.ALL_SKIPPED: (
        lambda so_far: Verdict.SKIP if so_far.success or so_far.failures else Verdict.WAIT,
        lambda _: Verdict.RUN,
    ),
    TriggerRule.ONE_SUCCESS: (
        lambda so_far: Verdict.RUN if so_far.success else Verdict.WAIT,
        lambda all_of: Verdict.FAIL if all_of.failures else Verdict.SKIP,
    ),
    TriggerRule.ONE_FAILED: (
        lambda so_far: Verdict.RUN if so_far.failures else Verdict.WAIT,
        lambda _: Verdict.SKIP,
    ),
    TriggerRule.ONE_DONE: (
        lambda so_far: Verdict.RUN if so_far.success or so_far.failed else Verdict.WAIT,
        lambda _: Verdict.SKIP,
    ),
    TriggerRule.NONE_FAILED: (
        lambda so_far: Verdict.FAIL if so_far.failures else Verdict.WAIT,
        lambda _: Verdict.RUN,
    ),
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: (
        lambda so_far: Verdict.FAIL if so_far.failures else Verdict.WAIT,
        lambda all_of: Verdict.RUN if all_of.success else Verdict.SKIP,
    ),
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: (
        lambda so_far: Verdict.SKIP if so_far.skipped else Verdict.WAIT,
        lambda all_of: Verdict.RUN if all_of.success else Verdict.FAIL,
    ),
    TriggerRule.NONE_SKIPPED: (
        lambda so_far: Verdict.SKIP if so_far.skipped else Verdict.WAIT,
        lambda _: Verdict.RUN,
    ),
    TriggerRule.ALWAYS: (
        lambda _: Verdict.RUN,
        lambda _: Verdict.RUN,
    ),
}
