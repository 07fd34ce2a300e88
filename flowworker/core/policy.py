"""What follows a failed attempt: retry, then fallback, then a human, then failure."""

from __future__ import annotations

__all__ = ["Escalate", "Fail", "FallBack", "FollowUp", "Retry", "follow_up"]

from typing import TYPE_CHECKING, assert_never

from msgspec import Struct

from flowworker.core.retry import delay_before, may_retry
from flowworker.core.status import Kind

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt
    from flowworker.core.model import RetryPolicy, Step
    from flowworker.core.records import ErrorInfo


class Retry(Struct, frozen=True):
    """Try again after `delay` seconds."""

    delay: float


class FallBack(Struct, frozen=True):
    """Try the fallback's handler `uses`."""

    uses: str


class Escalate(Struct, frozen=True):
    """Ask a human."""


class Fail(Struct, frozen=True):
    """Nothing is left to try."""


FollowUp = Retry | FallBack | Escalate | Fail


def follow_up(step: Step, attempt: Attempt, error: ErrorInfo, seed: str) -> FollowUp:
    """The next thing to do about a step whose attempt failed.

    A fallback is tried once; a compensation has its own retries, but neither fallback nor human.
    """
    kind, number = attempt.kind, attempt.number
    policy = _policy(step, kind)
    if policy is not None and may_retry(policy, number, error):
        if error.retry_after is not None:
            return Retry(error.retry_after)
        return Retry(delay_before(policy, number + 1, seed))
    if kind is Kind.COMPENSATE:
        return Fail()
    if kind is Kind.RUN and step.fallback is not None:
        return FallBack(step.fallback.uses)
    return Escalate() if step.escalation is not None else Fail()


def _policy(step: Step, kind: Kind) -> RetryPolicy | None:
    match kind:
        case Kind.RUN:
            return step.retry
        case Kind.FALLBACK:
            return None
        case Kind.COMPENSATE:
            return step.saga.retry if step.saga else None
        case _:
            assert_never(kind)
