"""What follows a failed attempt: retry, then fallback, then a human, then failure.

Of several retry rules, the first that fits the error counts, alone: if it allows no retry, none is
made. Each rule counts the failures that it fitted, and its delays grow with them; so a network that
fails twice does not use up what is allowed for a server that is busy. What a rule has counted
cannot be derived from the number of an attempt: it is carried on in the step's record.
"""

from __future__ import annotations

__all__ = [
    "Escalate",
    "Fail",
    "FallBack",
    "FollowUp",
    "Retry",
    "asks_for_time",
    "delay_before",
    "fits",
    "follow_up",
    "intervals",
    "next_try",
]

import math
import zlib
from typing import TYPE_CHECKING, assert_never

from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.model import MAX_ATTEMPTS, MAX_SECONDS, Backoff, RetryPolicy
from flowworker.core.status import Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.core.facts import AttemptFailed
    from flowworker.core.model import Retries, Step
    from flowworker.core.records import ErrorInfo

_MAX_DOUBLINGS = 62
"""Beyond this a delay is longer than any retention; it keeps the arithmetic finite."""


_USUAL_INTERVAL = 0.1


class Retry(Struct, frozen=True):
    """Try again after `delay` seconds; `spent` is what the rules have counted by then."""

    delay: float
    spent: tuple[int, ...] = ()


class FallBack(Struct, frozen=True):
    """Try the fallback's handler `uses`."""

    uses: str


class Escalate(Struct, frozen=True):
    """Ask a human."""


class Fail(Struct, frozen=True):
    """Nothing is left to try."""


FollowUp = Retry | FallBack | Escalate | Fail


def follow_up(step: Step, failed: AttemptFailed, seed: str) -> FollowUp:
    """The next thing to do about a step whose attempt failed.

    A fallback is tried once; a compensation has its own retries, but neither fallback nor human.
    """
    kind = failed.attempt.kind
    again = next_try(_rules(step, kind), failed, seed)
    if again is not None:
        return again
    if kind is Kind.COMPENSATE:
        return Fail()
    if kind is Kind.RUN and step.fallback is not None:
        return FallBack(step.fallback.uses)
    return Escalate() if step.escalation is not None else Fail()


def asks_for_time(step: Step, kind: Kind) -> bool:
    """Whether it matters when the first attempt of that kind began."""
    return any(rule.max_duration is not None for rule in _rules(step, kind))


def _rules(step: Step, kind: Kind) -> tuple[RetryPolicy, ...]:
    match kind:
        case Kind.RUN:
            return _listed(step.retry)
        case Kind.FALLBACK:
            return ()
        case Kind.COMPENSATE:
            return _listed(step.saga.retry) if step.saga else ()
        case _:
            assert_never(kind)


def _listed(retry: Retries) -> tuple[RetryPolicy, ...]:
    return (retry,) if isinstance(retry, RetryPolicy) else retry


def next_try(rules: tuple[RetryPolicy, ...], failed: AttemptFailed, seed: str) -> Retry | None:
    """The attempt that the rules allow after a failed one, if they do.

    What the handler said about the delay (`retry_after`) takes the place of what the rule says; the
    rule's limits hold for it as well.
    """
    error = failed.error
    index = next((n for n, rule in enumerate(rules) if fits(rule, error)), None)
    if index is None or not error.retryable or failed.attempt.number >= MAX_ATTEMPTS:
        return None
    rule = rules[index]
    spent = _counted(failed, index, len(rules))
    if spent[index] >= rule.max_attempts or _is_named(error, rule.non_retryable):
        return None
    if isinstance(rule.interval, str):
        rule = replace(rule, interval=_evaluated(failed, index))
    delay = error.retry_after
    if delay is None:
        delay = delay_before(rule, spent[index] + 1, seed)
    # Without `since` an older release made the attempt: the time begins anew.
    if rule.max_duration is not None and (
        failed.at + delay > (failed.since or failed.at) + rule.max_duration
    ):
        return None
    return Retry(delay, spent if len(rules) > 1 else ())


def _counted(failed: AttemptFailed, index: int, rules: int) -> tuple[int, ...]:
    """Failures by rule, with this one, which is of the rule at `index`.

    Where they do not add up, they were not carried on (by a worker of an older release), and all
    are taken for failures of that rule: then there may be fewer attempts, but never more.
    """
    before, number = failed.spent, failed.attempt.number
    if len(before) != rules or sum(before) != number - 1:
        before = tuple(number - 1 if n == index else 0 for n in range(rules))
    return tuple(count + (n == index) for n, count in enumerate(before))


def _evaluated(failed: AttemptFailed, index: int) -> float:
    """What the rule's interval came to; a worker of an older release does not say so."""
    known = index < len(failed.intervals)
    return failed.intervals[index] if known else _USUAL_INTERVAL


def intervals(step: Step, kind: Kind) -> tuple[float | str, ...]:
    """Those of the rules for attempts of that kind, if there are expressions among them."""
    found = tuple(rule.interval for rule in _rules(step, kind))
    return found if any(isinstance(each, str) for each in found) else ()


def fits(rule: RetryPolicy, error: ErrorInfo) -> bool:
    """Whether a rule is about such an error."""
    return not rule.on or _is_named(error, rule.on)


def _is_named(error: ErrorInfo, names: Collection[str]) -> bool:
    """Whether its type, or one of its type's bases, is among the names."""
    return error.type in names or any(base in names for base in error.bases)


def delay_before(policy: RetryPolicy, attempt: int, seed: str) -> float:
    """Seconds to wait before `attempt` (from 2): a pure function of the policy, attempt and seed.

    The seed is the attempt's identity, so that another coordinator computes the same delay.
    Exponential backoff multiplies per retry (by 2 in the Go package); the cap applies before
    jitter, which spreads the delay evenly over `delay * (1 - jitter) .. delay * (1 + jitter)`.
    """
    delay = _USUAL_INTERVAL if isinstance(policy.interval, str) else policy.interval
    if policy.backoff is Backoff.EXPONENTIAL:
        doublings = (attempt - 2) * math.log2(policy.factor)
        too_far = doublings > _MAX_DOUBLINGS
        delay *= 2.0**_MAX_DOUBLINGS if too_far else policy.factor ** (attempt - 2)
    delay = min(delay, MAX_SECONDS if policy.max_interval is None else policy.max_interval)
    if policy.jitter:
        unit = zlib.crc32(seed.encode()) / 0xFFFFFFFF
        delay *= 1.0 + policy.jitter * (2.0 * unit - 1.0)
    return delay
