"""The table of error types, held against what the engine makes of them."""

from __future__ import annotations

from flowworker import errors
from flowworker.core.attempt import Attempt
from flowworker.core.error_types import (
    CHILD_FAILED,
    HEARTBEAT_TIMEOUT,
    NEVER_RETRIED,
    OF_HEARTBEAT_TIMEOUT,
    OF_TIMEOUT,
    TIMEOUT,
)
from flowworker.core.facts import AttemptFailed
from flowworker.core.model import RetryPolicy
from flowworker.core.policy import fits, next_try
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Kind
from flowworker.worker.failures import error_info
from tests.docs.pages import table, words

RETRIED = {
    TIMEOUT: ErrorInfo(TIMEOUT, "", bases=OF_TIMEOUT),
    HEARTBEAT_TIMEOUT: ErrorInfo(HEARTBEAT_TIMEOUT, "", bases=OF_HEARTBEAT_TIMEOUT),
    CHILD_FAILED: ErrorInfo(CHILD_FAILED, ""),
    "RetryAfter": error_info(errors.RetryAfter(5.0)),
}
NO_EXCEPTIONS = {
    *("ChildCancelled", "ChildLimit", "ExpressionError", "HandlerNotFound", "LoopLimit"),
    *("RepeatLimit", "TooManyFailures", "WorkerLost"),
}
"""What no handler raises: written by a coordinator, or by a worker instead of a claim."""


def test_which_rule_fits_what_the_engine_fails_attempts_with():
    rows = {
        name: row
        for row in table("definitions.md", "Error types")
        for name in words(row["error type"])
    }

    never = {name for name, row in rows.items() if row["tried again"] == "never"}
    assert never == NEVER_RETRIED
    assert rows.keys() == NEVER_RETRIED | RETRIED.keys()
    for name, error in RETRIED.items():
        named = words(rows[name]["`on` that fits it"])
        assert {*named, "BaseException"} >= {error.type, *error.bases}
        assert all(fits(RetryPolicy(on=(each,)), error) for each in named)
        failed = AttemptFailed("a", Attempt(Kind.RUN, 1, 1), error, 1, 0.0)
        assert next_try((RetryPolicy(2, on=(name,)),), failed, "s") is not None


def test_what_is_never_tried_again_says_so():
    for name in NEVER_RETRIED - NO_EXCEPTIONS:
        kind = getattr(errors, name)
        assert not error_info(kind.__new__(kind)).retryable, name
