"""What follows a failed attempt: retry, then fallback, then a human, then failure."""

from __future__ import annotations

__all__ = [
    "Escalate",
    "Fail",
    "FallBack",
    "FollowUp",
    "Retry",
    "delay_before",
    "follow_up",
    "may_retry",
]

import zlib
from typing import TYPE_CHECKING, assert_never

from msgspec import Struct

from flowworker.core.model import Backoff
from flowworker.core.status import Kind

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt
    from flowworker.core.model import RetryPolicy, Step
    from flowworker.core.records import ErrorInfo

_MAX_DOUBLINGS = 62
"""Beyond this a delay is longer than any retention; it keeps the arithmetic finite."""


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


def may_retry(policy: RetryPolicy, attempt: int, error: ErrorInfo) -> bool:
    """Whether another attempt follows the given one, which failed with `error`."""
    return (
        attempt < policy.max_attempts and error.retryable and error.type not in policy.non_retryable
    )


def delay_before(policy: RetryPolicy, attempt: int, seed: str) -> float:
    """Seconds to wait before `attempt` (from 2): a pure function of the policy, attempt and seed.

    The seed is the attempt's identity, so that another coordinator computes the same delay.
    Exponential backoff doubles per retry (the Go package's rule); the cap applies before jitter,
    which spreads the delay evenly over `delay * (1 - jitter) .. delay * (1 + jitter)`.
    """
    delay = policy.interval
    if policy.backoff is Backoff.EXPONENTIAL:
        delay *= 2.0 ** min(attempt - 2, _MAX_DOUBLINGS)
    if policy.max_interval is not None:
        delay = min(delay, policy.max_interval)
    if policy.jitter:
        unit = zlib.crc32(seed.encode()) / 0xFFFFFFFF
        delay *= 1.0 + policy.jitter * (2.0 * unit - 1.0)
    return delay
