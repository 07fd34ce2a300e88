"""What an event says, as its `data`."""

from __future__ import annotations

__all__ = ["EventData"]

from msgspec import Struct, field

from flowworker.core.event_types import EVENT_VERSION
from flowworker.core.ids import instance_id
from flowworker.core.parent import Parent
from flowworker.core.payload import Payload
from flowworker.core.records import Count, Moment, Seconds
from flowworker.core.schedule import OfSchedule
from flowworker.core.status import HumanAction, Kind, Priority


class EventData(Struct, frozen=True, omit_defaults=True):
    """The payload of an event; the Go package's fields, and what other processes need to go on.

    Attributes:
        id: the run.
        v: version of this form; only newer ones are written out.
        kind, turn, number, iteration: the attempt (`attempt` on the wire is its number); of some
            events the number alone.
        name: the workflow. `version` is the author's label.
        error: one line; `error_type`, `error_bases`, `retryable`, `retry_after`, `since` and
            `spent`, `intervals` are for the retry policy.
        revision, at: of the record that this event is about; when it happened, epoch seconds.
        handler: that an attempt waits for.
        signal: name of the one that came.
        actor: who answered an approval, or asked for a pause.
        input, output: of the run or the step, inline when small.
        priority, origin, sent, reply_to, trace, trace_state, rerun_of, labels: of a started run, as
            in its record. `origin` also of one that is asked something before it begins.
        kept_from: the run that has executed a step which a rerun keeps.
        parent, depth: of a started run that is a child, as in its record.
        schedule: of a started run that a schedule has begun, as in its record.
        child: the run that an attempt is.
        started_at: when an attempt that has ended was claimed, as in its record.
        retry_at: of a rejection, when the same may be taken; 0 if nobody knows.
        index: which instance of the loop `step_id`; None for a step that is no instance.
    """

    id: str
    name: str = ""
    version: str = ""
    definition: str = ""
    step_id: str = ""
    kind: Kind | None = None
    turn: int = 0
    number: int = field(default=0, name="attempt")
    error: str = ""
    error_type: str = ""
    retryable: bool = True
    retry_after: float | None = None
    reason: str = ""
    fallback_to: str = ""
    handler: str = ""
    delay: float = 0.0
    steps_count: int = 0
    failed_compensations: tuple[str, ...] = ()
    action: HumanAction | None = None
    terminate: bool = False
    worker: str = ""
    revision: int = 0
    at: Moment = 0.0
    input: Payload | None = None
    output: Payload | None = None
    priority: Priority = Priority.NORMAL
    origin: str = ""
    sent: str = ""
    reply_to: str = ""
    trace: str = ""
    trace_state: str = ""
    signal: str = ""
    rerun_of: str = ""
    kept_from: str = ""
    actor: str = ""
    v: int = EVENT_VERSION
    error_bases: tuple[str, ...] = ()
    since: Moment = 0.0
    spent: tuple[Count, ...] = ()
    intervals: tuple[Seconds, ...] = ()
    iteration: Count = 0
    parent: Parent | None = None
    depth: Count = 0
    child: str = ""
    index: Count | None = None
    schedule: OfSchedule | None = None
    started_at: Moment = 0.0
    retry_at: Moment = 0.0
    labels: dict[str, str] = {}

    @property
    def step(self) -> str:
        """The step's own id, also if it is an instance."""
        return self.step_id if self.index is None else instance_id(self.step_id, self.index)
