"""Steps of which an attempt is made."""

from __future__ import annotations

from flowworker.core.model import (
    Step,
    WaitFor,
)
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo
from flowworker.core.status import RunStatus, StepStatus
from flowworker.diagnosis import Place, ReasonKind
from tests.diagnosis.scenes import (
    ABSENT,
    LOOP,
    NOW,
    PAUSED,
    QUEUED,
    STOPPED,
    A,
    Case,
    Scene,
    completed,
    failed,
    running,
    waiting,
)

RUNNING: dict[str, Case] = {
    "a worker runs it": (
        Scene((A,), (running("a"),)),
        *("a", StepStatus.RUNNING, ReasonKind.WORKER, "w-1 runs attempt 1 for 1 min 40 s (last"),
    ),
    "nobody may be asked whether it lives": (
        Scene((A,), (running("a"),), workers=None),
        *("a", StepStatus.RUNNING, ReasonKind.WORKER, "(lease for 20 s more)"),
    ),
    "its worker is not there": (
        Scene((A,), (running("a"),), workers=()),
        *("a", StepStatus.RUNNING, ReasonKind.LOST_WORKER, "is not there any more"),
    ),
    "its worker has just begun, and is not seen yet": (
        Scene((A,), (running("a", started_at=NOW - 19),), workers=()),
        *("a", StepStatus.RUNNING, ReasonKind.WORKER, "(lease for 20 s more)"),
    ),
    "its lease is over": (
        Scene((A,), (running("a", lease_until=NOW - 5),), places=QUEUED),
        *("a", StepStatus.RUNNING, ReasonKind.LOST_WORKER, "was lost with it"),
    ),
    "its lease was given back": (
        Scene((A,), (running("a", lease_until=0.0),), places=QUEUED),
        *("a", StepStatus.RUNNING, ReasonKind.LOST_WORKER, "in good order"),
    ),
    "it was lost, and its message": (
        Scene((A,), (running("a", lease_until=NOW - 5),), places=ABSENT),
        *("a", StepStatus.RUNNING, ReasonKind.LOST_WORKER, "was lost with it"),
    ),
    "it was cancelled and its worker goes on": (
        Scene((A,), (running("a"),), STOPPED),
        *("a", StepStatus.RUNNING, ReasonKind.STOPPING, "it stops, once worker w-1 runs"),
    ),
    "it sleeps": (
        Scene((Step("a", sleep=200.0),), (waiting("a", wakes_at=NOW + 90),)),
        *("a", StepStatus.RUNNING, ReasonKind.TIMER, "wakes in 1 min 30 s"),
    ),
    "it has slept": (
        Scene((Step("a", sleep=50.0),), (waiting("a", wakes_at=NOW - 9),)),
        *("a", StepStatus.RUNNING, ReasonKind.COORDINATOR, "wake it"),
    ),
    "it waits for a signal": (
        Scene((Step("a", wait_for=WaitFor("paid")),), (waiting("a"),)),
        *("a", StepStatus.RUNNING, ReasonKind.SIGNAL, "waits for signal 'paid' for 1 min"),
    ),
    "it waits for a signal, and its run is paused": (
        Scene((Step("a", wait_for=WaitFor("paid")),), (waiting("a"),), PAUSED),
        *("a", StepStatus.RUNNING, ReasonKind.SIGNAL, "waits for signal 'paid' for 1 min"),
    ),
    "its worker was lost, and its run is paused": (
        Scene((A,), (running("a", lease_until=NOW - 5),), PAUSED),
        *("a", StepStatus.RUNNING, ReasonKind.LOST_WORKER, "was lost with it"),
    ),
    "a loop has begun, and its run is paused": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=2), running("a/0")), PAUSED),
        *("a", StepStatus.RUNNING, ReasonKind.LOOP, "0 of 2 instances are over, 2 are going on"),
    ),
    "it waits for a signal until then": (
        Scene((Step("a", wait_for=WaitFor("paid")),), (waiting("a", wakes_at=NOW + 7),)),
        *("a", StepStatus.RUNNING, ReasonKind.SIGNAL, "gives up in 7.0 s"),
    ),
    "it waits, and its run stops": (
        Scene((Step("a", wait_for=WaitFor("paid")),), (waiting("a"),), STOPPED),
        *("a", StepStatus.RUNNING, ReasonKind.STOPPING, "call off what it waits for"),
    ),
    "it is a run": (
        Scene(
            (Step("a", workflow="v"),),
            (waiting("a", child="sub-1", wakes_at=NOW + 60),),
            children={"sub-1": RunStatus.RUNNING},
        ),
        *("a", StepStatus.RUNNING, ReasonKind.CHILD, "is run sub-1 (RUNNING)"),
    ),
    "it is a run of which nothing is known": (
        Scene((Step("a", workflow="v"),), (waiting("a", child="sub-1"),)),
        *("a", StepStatus.RUNNING, ReasonKind.CHILD, "is run sub-1 for 1 min"),
    ),
    "it is a run to be begun": (
        Scene((Step("a", workflow="v"),), (waiting("a", child="sub-1"),), children={"sub-1": None}),
        *("a", StepStatus.RUNNING, ReasonKind.COORDINATOR, "begin run sub-1"),
    ),
    "it is a run that has ended": (
        Scene(
            (Step("a", workflow="v"),),
            (waiting("a", child="sub-1"),),
            children={"sub-1": RunStatus.FAILED},
        ),
        *("a", StepStatus.RUNNING, ReasonKind.COORDINATOR, "run sub-1 is FAILED"),
    ),
    "it is a run that is to begin later": (
        Scene((Step("a", workflow="v"),), (waiting("a", child="sub-1", started_at=NOW + 5),)),
        *("a", StepStatus.RUNNING, ReasonKind.RETRY, "begins in 5.0 s"),
    ),
    "it is a run that stops": (
        Scene((Step("a", workflow="v"),), (waiting("a", child="sub-1"),), STOPPED),
        *("a", StepStatus.RUNNING, ReasonKind.STOPPING, "it stops, once over: it is run sub-1"),
    ),
    "a human has ordered another turn": (
        Scene((A,), (running("a", turn=2),)),
        *("a", StepStatus.RUNNING, ReasonKind.WORKER, "runs attempt 1"),
    ),
    "a loop waits for instances": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=2), running("a/0"), completed("a/1"))),
        *("a", StepStatus.RUNNING, ReasonKind.LOOP, "1 of 2 instances are over, 1 are going on"),
    ),
    "a loop of nothing": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=0),)),
        *("a", StepStatus.RUNNING, ReasonKind.COORDINATOR, "gather"),
    ),
    "a loop whose instances are to begin": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=2),), places={"a/0": None}),
        *("a", StepStatus.RUNNING, ReasonKind.LOOP, "0 of 2"),
    ),
    "a loop stops with its run": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=1), running("a/0")), STOPPED),
        *("a", StepStatus.RUNNING, ReasonKind.STOPPING, "1 instances are over: a[0]"),
    ),
    "a loop stops since too many failed": (
        Scene(
            (LOOP,),
            (
                failed("a", items=EMPTY, count=2, error=ErrorInfo("TooManyFailures", "1")),
                failed("a/0"),
                running("a/1"),
            ),
        ),
        *("a", StepStatus.RUNNING, ReasonKind.STOPPING, "a[1]"),
    ),
    "an instance of it stops": (
        Scene(
            (LOOP,),
            (
                failed("a", items=EMPTY, count=2, error=ErrorInfo("TooManyFailures", "1")),
                failed("a/0"),
                running("a/1"),
            ),
        ),
        *("a[1]", StepStatus.RUNNING, ReasonKind.STOPPING, "it stops, once worker"),
    ),
    "an instance is going on": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=1), running("a/0"))),
        *("a[0]", StepStatus.RUNNING, ReasonKind.WORKER, "runs attempt 1"),
    ),
    "an instance stands in its queue": (
        Scene((LOOP,), (waiting("a", items=EMPTY, count=1),), places={"a/0": Place(ahead=2)}),
        *("a[0]", StepStatus.PENDING, ReasonKind.QUEUE, "behind 2"),
    ),
}
