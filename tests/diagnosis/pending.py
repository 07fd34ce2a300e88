"""Steps that nobody has begun."""

from __future__ import annotations

from flowworker.core.model import (
    End,
    Step,
)
from flowworker.core.records import Paused
from flowworker.core.status import RunStatus, StepStatus
from flowworker.diagnosis import Place, ReasonKind
from tests.diagnosis.scenes import (
    ABSENT,
    DOWN,
    HELD,
    LOOP,
    NOW,
    PAUSED,
    QUEUED,
    STOPPED,
    A,
    B,
    Case,
    Scene,
    completed,
    failed,
    running,
    worker,
)

PENDING: dict[str, Case] = {
    "a dependency is going on": (
        Scene((A, B), (running("a"),)),
        *("b", StepStatus.PENDING, ReasonKind.DEPENDENCY, "waits for a (RUNNING)"),
    ),
    "several are": (
        Scene((*(Step(n, "h") for n in "vwxyz"), Step("b", "h", tuple("vwxyz")))),
        *("b", StepStatus.PENDING, ReasonKind.DEPENDENCY, "x (PENDING) and 2 more"),
    ),
    "its dependency cannot be read": (
        Scene((A, B), (), unread={"a": "odd bytes"}),
        *("b", StepStatus.PENDING, ReasonKind.DEPENDENCY, "waits for a (PENDING)"),
    ),
    "its own record cannot be read": (
        Scene((A,), (), unread={"a": "odd bytes"}),
        *("a", StepStatus.PENDING, ReasonKind.BROKEN, "odd bytes"),
    ),
    "the run begins later": (
        Scene((A,), (), {"status": RunStatus.PENDING, "begins_at": NOW + 60}),
        *("a", StepStatus.PENDING, ReasonKind.START, "has not begun"),
    ),
    "it stands in its queue": (
        Scene((A,), (), places=QUEUED),
        *("a", StepStatus.PENDING, ReasonKind.QUEUE, "behind 7 at most; 1 of 4 slots"),
    ),
    "it is the first there": (
        Scene((A,), (), places={"a": Place(ahead=0)}),
        *("a", StepStatus.PENDING, ReasonKind.QUEUE, "as the first"),
    ),
    "its place may not be asked for": (
        Scene((A,), ()),
        *("a", StepStatus.PENDING, ReasonKind.QUEUE, "at a place that is not known; 1 of 4 slots"),
    ),
    "nobody may be asked who is there": (
        Scene((A,), (), workers=None),
        *("a", StepStatus.PENDING, ReasonKind.QUEUE, "waits in queue 'default'"),
    ),
    "no worker serves its queue": (
        Scene((A,), (), places=QUEUED, workers=(worker(queues=("gpu",)),)),
        *("a", StepStatus.PENDING, ReasonKind.NO_WORKER, "no worker is there that serves"),
    ),
    "all workers end": (
        Scene((A,), (), places=QUEUED, workers=(worker(draining=True),)),
        *("a", StepStatus.PENDING, ReasonKind.NO_WORKER, "end just now"),
    ),
    "the worker lacks its handler": (
        Scene((A,), (), places=QUEUED, workers=(worker(handlers={}),)),
        *("a", StepStatus.PENDING, ReasonKind.NO_HANDLER, "the only worker"),
    ),
    "all workers lack it": (
        Scene((A,), (), places=QUEUED, workers=(worker(handlers={}),) * 2),
        *("a", StepStatus.PENDING, ReasonKind.NO_HANDLER, "none of the 2 workers"),
    ),
    "a worker was handed it": (
        Scene((A,), (), places={"a": Place(handed_out=True)}),
        *("a", StepStatus.PENDING, ReasonKind.HANDED_OUT, "has not claimed it"),
    ),
    "one that lacks its handler may have been": (
        Scene(
            (A,), (), places={"a": Place(handed_out=True)}, workers=(worker(), worker(handlers={}))
        ),
        *("a", StepStatus.PENDING, ReasonKind.HANDED_OUT, "1 of 2 lack handler 'h'"),
    ),
    "its event is not handled": (
        Scene((A, B), (completed("a"),), places={"b": None}, lag=3),
        *("b", StepStatus.PENDING, ReasonKind.COORDINATOR, "3 events of partition 1 wait"),
    ),
    "nobody may be asked who decides": (
        Scene((A,), places=ABSENT, coordinators=None),
        *("a", StepStatus.PENDING, ReasonKind.COORDINATOR, "the run's coordinator is to"),
    ),
    "no coordinator is there": (
        Scene((A,), places=ABSENT, coordinators=()),
        *("a", StepStatus.PENDING, ReasonKind.NO_COORDINATOR, "none is there"),
    ),
    "nobody drives the partition": (
        Scene((A,), places=ABSENT, coordinators=(worker(partitions=(0,)),)),
        *("a", StepStatus.PENDING, ReasonKind.NO_COORDINATOR, "nobody drives partition 1"),
    ),
    "its condition is to be judged": (
        Scene((Step("a", "h", when="true"),), places=ABSENT),
        *("a", StepStatus.PENDING, ReasonKind.COORDINATOR, "judge its condition"),
    ),
    "the same of a step without handler": (
        Scene((Step("a", sleep=5.0, when="true"),)),
        *("a", StepStatus.PENDING, ReasonKind.COORDINATOR, "judge its condition, and to begin"),
    ),
    "a wait is to begin": (
        Scene((Step("a", sleep=5.0),)),
        *("a", StepStatus.PENDING, ReasonKind.COORDINATOR, "is to begin it"),
    ),
    "a loop is to begin": (
        Scene((LOOP,)),
        *("a", StepStatus.PENDING, ReasonKind.COORDINATOR, "find out its items"),
    ),
    "an end is to be reached": (
        Scene((Step("a", end=End()),)),
        *("a", StepStatus.PENDING, ReasonKind.COORDINATOR, "end the run with it"),
    ),
    "its run stops before it": (
        Scene((A, B), (running("a"),), STOPPED),
        *("b", StepStatus.PENDING, ReasonKind.STOPPING, "will not begin"),
    ),
    "its run stops, and it may have been enqueued": (
        Scene((A,), (), STOPPED),
        *("a", StepStatus.PENDING, ReasonKind.STOPPING, "call off"),
    ),
    "its run is paused": (
        Scene((A,), (), PAUSED, places=QUEUED),
        *("a", StepStatus.PENDING, ReasonKind.PAUSED, "its run is paused for 5 min by ops: the"),
    ),
    "its run is paused, and nobody says who wanted that": (
        Scene((Step("a", sleep=5.0),), (), {"paused": Paused(), "steered": NOW - 9}),
        *("a", StepStatus.PENDING, ReasonKind.PAUSED, "its run is paused for 9.0 s"),
    ),
    "its workflow is paused": (
        Scene((A,), (), HELD, places=QUEUED),
        *("a", StepStatus.PENDING, ReasonKind.PAUSED, "is paused for 1 min by ops: a defect"),
    ),
    "its queue is paused": (
        Scene((A,), places=QUEUED, queues={"default": DOWN}),
        *("a", StepStatus.PENDING, ReasonKind.PAUSED, "its queue 'default' is paused for 5 min by"),
    ),
    "its queue is paused, and nobody serves it": (
        Scene((A,), workers=None, queues={"default": DOWN}),
        *("a", StepStatus.PENDING, ReasonKind.PAUSED, "by ops: the bank is down"),
    ),
    "another queue is paused": (
        Scene((A,), places=QUEUED, queues={"other": DOWN}),
        *("a", StepStatus.PENDING, ReasonKind.QUEUE, "behind 7"),
    ),
    "its queue hands nothing out, and no record says why": (
        Scene((A,), places={"a": Place(ahead=0, held=True)}),
        *("a", StepStatus.PENDING, ReasonKind.PAUSED, "is paused, and no record says why"),
    ),
    "its run is paused and stops": (
        Scene((A,), (), PAUSED | STOPPED),
        *("a", StepStatus.PENDING, ReasonKind.STOPPING, "call off"),
    ),
    "it waits for another one, and its run is paused": (
        Scene((A, B), (running("a"),), PAUSED),
        *("b", StepStatus.PENDING, ReasonKind.DEPENDENCY, "waits for a"),
    ),
    "it belongs to finally": (
        Scene((A,), (running("a"),), finally_=(Step("z", "h"),)),
        *("z", StepStatus.PENDING, ReasonKind.FINALLY, "all else is over: a (RUNNING)"),
    ),
    "finally has begun": (
        Scene(
            (A,),
            (completed("a"),),
            {"ending": RunStatus.COMPLETED},
            {"z": Place(ahead=0)},
            finally_=(Step("z", "h"),),
        ),
        *("z", StepStatus.PENDING, ReasonKind.QUEUE, "as the first"),
    ),
    "a checkpoint was made for it": (
        Scene((A,), (failed("a", number=0),), places=QUEUED),
        *("a", StepStatus.PENDING, ReasonKind.QUEUE, "behind 7"),
    ),
}
