"""Steps that are tried again, repeated, asked about, or undone."""

from __future__ import annotations

from flowworker.core.model import (
    Approval,
    Escalation,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
)
from flowworker.core.payload import EMPTY
from flowworker.core.records import StopReason
from flowworker.core.repetition import Repeat
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.diagnosis import Place, ReasonKind
from tests.diagnosis.scenes import (
    ABSENT,
    HUMAN,
    NOW,
    QUEUED,
    RETRIED,
    SOON,
    STOPPED,
    UNDO,
    Case,
    Scene,
    completed,
    failed,
    record,
    running,
    stopped,
    waiting,
)

FURTHER: dict[str, Case] = {
    "it is tried again later": (
        Scene((RETRIED,), (failed("a"),), places=ABSENT),
        *("a", StepStatus.RETRYING, ReasonKind.RETRY, "attempt 2 begins in"),
    ),
    "it could be tried again": (
        Scene((SOON,), (failed("a"),), places=QUEUED),
        *("a", StepStatus.RETRYING, ReasonKind.QUEUE, "behind 7"),
    ),
    "its delay has just ended": (
        Scene((SOON,), (failed("a"),), places={"a": Place(scheduled=True)}),
        *("a", StepStatus.RETRYING, ReasonKind.RETRY, "attempt 2 begins"),
    ),
    "its retry is decided by nobody": (
        Scene((SOON,), (failed("a"),), places=ABSENT),
        *("a", StepStatus.RETRYING, ReasonKind.COORDINATOR, "put its next attempt"),
    ),
    "it is tried again now": (
        Scene((RETRIED,), (running("a", number=2),)),
        *("a", StepStatus.RETRYING, ReasonKind.WORKER, "runs attempt 2"),
    ),
    "a run is tried again": (
        Scene(
            (Step("a", workflow="v", retry=RetryPolicy(max_attempts=2)),),
            (failed("a", child="sub-1"),),
        ),
        *("a", StepStatus.RETRYING, ReasonKind.COORDINATOR, "begin it"),
    ),
    # REPEATING
    "whether it runs again is to be judged": (
        Scene(
            (Step("a", "h", repeat=Repeat("true")),),
            (record("a", Outcome.ITERATED, iteration=1),),
            places=ABSENT,
        ),
        *("a", StepStatus.REPEATING, ReasonKind.COORDINATOR, "judge whether it runs again"),
    ),
    "the same of a run": (
        Scene(
            (Step("a", workflow="v", repeat=Repeat("true")),),
            (record("a", Outcome.ITERATED, iteration=1),),
        ),
        *("a", StepStatus.REPEATING, ReasonKind.COORDINATOR, "judge whether it runs again"),
    ),
    "its next iteration begins later": (
        Scene(
            (Step("a", "h", repeat=Repeat("true", interval=80.0)),),
            (record("a", Outcome.ITERATED, iteration=1),),
            places={"a": Place(scheduled=True)},
        ),
        *("a", StepStatus.REPEATING, ReasonKind.ITERATION, "iteration 2 begins in 30 s"),
    ),
    "after a pause that an expression says": (
        Scene(
            (Step("a", "h", repeat=Repeat("true", interval="${1}")),),
            (record("a", Outcome.ITERATED, iteration=1),),
            places={"a": Place(scheduled=True)},
        ),
        *("a", StepStatus.REPEATING, ReasonKind.ITERATION, "iteration 2 begins later"),
    ),
    "its next iteration stands in the queue": (
        Scene(
            (Step("a", "h", repeat=Repeat("true")),),
            (record("a", Outcome.ITERATED, iteration=1),),
            places=QUEUED,
        ),
        *("a", StepStatus.REPEATING, ReasonKind.QUEUE, "behind 7"),
    ),
    # FALLBACK
    "its fallback stands in the queue": (
        Scene((Step("a", "x", fallback=Fallback("h")),), (failed("a"),), places=QUEUED),
        *("a", StepStatus.FALLBACK, ReasonKind.QUEUE, "behind 7"),
    ),
    "its fallback runs": (
        Scene((Step("a", "x", fallback=Fallback("h")),), (running("a", kind=Kind.FALLBACK),)),
        *("a", StepStatus.FALLBACK, ReasonKind.WORKER, "runs its fallback"),
    ),
    # WAITING_HUMAN
    "it has failed and asks what to do": (
        Scene((Step("a", "h", escalation=Escalation()),), (failed("a"),), HUMAN),
        *("a", StepStatus.WAITING_HUMAN, ReasonKind.HUMAN, "waits for a human for 50 s: Odd: no"),
    ),
    "it asks": (
        Scene((Step("a", approval=Approval("Pay?")),), (waiting("a", prompt="Pay 7?"),), HUMAN),
        *("a", StepStatus.WAITING_HUMAN, ReasonKind.APPROVAL, "for 1 min 40 s: Pay 7?"),
    ),
    "it asks until then": (
        Scene((Step("a", approval=Approval()),), (waiting("a", wakes_at=NOW + 60),), HUMAN),
        *("a", StepStatus.WAITING_HUMAN, ReasonKind.APPROVAL, "gives up in 1 min"),
    ),
    "it has asked for long enough": (
        Scene((Step("a", approval=Approval()),), (waiting("a", wakes_at=NOW - 6),), HUMAN),
        *("a", StepStatus.WAITING_HUMAN, ReasonKind.COORDINATOR, "give up waiting"),
    ),
    "it is to ask": (
        Scene((Step("a", approval=Approval()),), (), HUMAN),
        *("a", StepStatus.WAITING_HUMAN, ReasonKind.COORDINATOR, "ask what it is to ask"),
    ),
    # COMPLETED, and to be undone
    "it is undone once others have ended": (
        Scene((UNDO, Step("b", "h")), (completed("a"), running("b")), STOPPED),
        *("a", StepStatus.COMPLETED, ReasonKind.COMPENSATION, "attempts have ended: b (RUNNING)"),
    ),
    "it could be undone": (
        Scene((UNDO,), (completed("a"),), STOPPED),
        *("a", StepStatus.COMPLETED, ReasonKind.COORDINATOR, "begin the compensations"),
    ),
    "it is undone next, and stands in the queue": (
        Scene((UNDO,), (completed("a"),), {**STOPPED, "status": RunStatus.COMPENSATING}, QUEUED),
        *("a", StepStatus.COMPLETED, ReasonKind.QUEUE, "behind 7"),
    ),
    "it is undone after another one": (
        Scene(
            (UNDO, Step("b", "h", ("a",), saga=Saga("h"))),
            (completed("a"), completed("b")),
            {**STOPPED, "status": RunStatus.COMPENSATING},
        ),
        *("a", StepStatus.COMPLETED, ReasonKind.COMPENSATION, "after b (COMPLETED)"),
    ),
    # COMPENSATING
    "it is undone": (
        Scene(
            (UNDO,),
            (running("a", kind=Kind.COMPENSATE, completed=10),),
            {**STOPPED, "status": RunStatus.COMPENSATING},
        ),
        *("a", StepStatus.COMPENSATING, ReasonKind.WORKER, "runs its compensation"),
    ),
    "its compensation is tried again": (
        Scene(
            (UNDO,),
            (failed("a", kind=Kind.COMPENSATE, completed=10, finished_at=NOW, output=EMPTY),),
            {**STOPPED, "status": RunStatus.COMPENSATING},
        ),
        *("a", StepStatus.COMPENSATING, ReasonKind.RETRY, "attempt 2 begins"),
    ),
    "its compensation is terminated": (
        Scene(
            (UNDO,),
            (running("a", kind=Kind.COMPENSATE, completed=10),),
            {"stop": stopped(StopReason.TERMINATED), "status": RunStatus.COMPENSATING},
        ),
        *("a", StepStatus.COMPENSATING, ReasonKind.STOPPING, "runs its compensation"),
    ),
}
