"""The delay before the next attempt: a pure function of the policy, the attempt and a seed.

The seed is the attempt's identity, so that a coordinator that takes over computes the same delay.
"""

from __future__ import annotations

__all__ = ["delay_before", "may_retry"]

import zlib
from typing import TYPE_CHECKING

from flowworker.core.model import Backoff

if TYPE_CHECKING:
    from flowworker.core.model import RetryPolicy
    from flowworker.core.records import ErrorInfo

_MAX_DOUBLINGS = 62
"""Beyond this a delay is longer than any retention; it keeps the arithmetic finite."""


def may_retry(policy: RetryPolicy, attempt: int, error: ErrorInfo) -> bool:
    """Whether another attempt follows the given one, which failed with `error`."""
    return (
        attempt < policy.max_attempts and error.retryable and error.type not in policy.non_retryable
    )


def delay_before(policy: RetryPolicy, attempt: int, seed: str) -> float:
    """Seconds to wait before `attempt` (from 2).

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
