"""What the history of a run that is over has to say, and in which order."""

from __future__ import annotations

from flowworker.core.event_types import EventType
from flowworker.core.records import StopReason
from flowworker.core.status import Kind, RunStatus
from tests.core.world import RUN, Told, World

ENDS = {
    EventType.COMPLETED: RunStatus.COMPLETED,
    EventType.FAILED: RunStatus.FAILED,
    EventType.CANCELLED: RunStatus.CANCELLED,
}


WISHES = {EventType.HUMAN_DECIDED, EventType.CANCEL_REQUESTED, EventType.TIMED_OUT}
"""What comes from outside comes when it likes."""


class History:
    """A run's events, each where it was told for the first time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[Told] = []
        self.position: dict[str, int] = {}
        for told in world.history:
            if told.id not in self.position:
                self.position[told.id] = len(self.events)
                self.events.append(told)
        self.ends = [at for at, told in enumerate(self.events) if told.type in ENDS]

    @property
    def terminated(self) -> bool:
        stop = self.world.run[0].stop
        return stop is not None and stop.reason is StopReason.TERMINATED

    def check(self, *, calm: bool) -> None:
        """What must be told is told, causes before effects.

        Only where nothing went wrong (`calm`) is the end the last event: a coordinator that does
        not know of it may still tell what it decided before. A terminate waits for no worker.
        """
        assert self.events[0].type is EventType.STARTED
        assert len(self.ends) == 1, "one end"
        assert ENDS[self.events[self.ends[0]].type] is self.world.run[0].status
        self.check_attempts()
        self.check_end(self.ends[0])
        if calm:
            later = {told.type for told in self.events[self.ends[0] + 1 :]}
            assert later <= WISHES or self.terminated, "something follows the end"
            self.check_dependencies()

    def check_attempts(self) -> None:
        for at, told in enumerate(self.events):
            attempt = told.record
            if attempt is None:
                continue
            if attempt.number > 1:
                key = f"{attempt.step}/{attempt.attempt}"
                self.assert_before(at, EventType.STEP_RETRYING, key)
            if attempt.kind is Kind.COMPENSATE:
                self.assert_before(at, EventType.COMPENSATING)
            if attempt.turn > 1:
                turn = f"{attempt.step}/{attempt.turn - 1}"
                self.assert_before(at, EventType.WAITING_HUMAN, turn)

    def check_end(self, end: int) -> None:
        record = self.world.run[0]
        if self.world.undone:
            self.assert_before(end, EventType.COMPENSATING)
        for step in record.failed_compensations:
            self.assert_before(end, EventType.STEP_COMPENSATION_FAILED, step)
        if record.stop is not None and record.stop.step:
            failed = f"{RUN}/{EventType.STEP_FAILED}/{record.stop.step}/"
            assert any(told.id.startswith(failed) for told in self.events[:end])
        emit = self.events[end].emit
        assert emit is not None
        assert emit.error == record.error
        assert emit.failed_compensations == record.failed_compensations

    def check_dependencies(self) -> None:
        resolved: set[str] = set()
        for told in self.events:
            if told.type in {EventType.STEP_COMPLETED, EventType.STEP_SKIPPED}:
                resolved.add(told.step)
            if told.record is not None and told.record.kind is not Kind.COMPENSATE:
                assert resolved.issuperset(self.world.plan.steps[told.step].depends_on)

    def assert_before(self, effect: int, event_type: EventType, detail: str = "") -> None:
        cause = f"{RUN}/{event_type}/{detail}" if detail else f"{RUN}/{event_type}"
        assert cause in self.position, f"{cause} was never told"
        assert self.position[cause] < effect, f"{cause} was told too late"
