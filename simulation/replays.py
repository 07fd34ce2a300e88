"""What a coordinator holds in memory of a run is what anybody would make of the run's records.

That is looked at when an event is acknowledged after which nothing of the run is on its way: then
the coordinator that acknowledges it has decided upon everything, and its records say everything.

Stale records alone are no excuse, for the history shows that they are stale. A run that was rebuilt
upon stale answers of both may stay behind until it is rebuilt again (docs/decisions/0013).
"""

from __future__ import annotations

__all__ = ["Replays"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.facts import to_fact
from flowworker.core.attempt import UNATTEMPTED
from flowworker.core.decide import decide
from flowworker.core.effects import Emit, Question, Save
from flowworker.core.facts import HumanDecided, Judged, Repeated, Signalled
from flowworker.core.ids import event_id
from flowworker.core.payload import EMPTY
from flowworker.core.rebuild import rebuild, view
from flowworker.core.status import Outcome, StepStatus
from simulation.expecting import expect
from simulation.history import unpublished

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator import Coordinator
    from flowworker.core.state import RunState
    from flowworker.ports import Delivery
    from simulation.process import Process
    from simulation.truth import Truth


class Replays:
    """Compares, for all runs of a world.

    Attributes:
        coordinators: those that live, by their processes.
        newest: the number of the latest delivery of each partition, no matter who got it.
    """

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.coordinators: dict[Process, Coordinator] = {}
        self.newest: dict[int, int] = {}
        self._stale: dict[tuple[Process, str], bool] = {}

    def handed_out(self, partition: int, delivery: Delivery) -> None:
        """An event is on its way to a coordinator."""
        self.newest[partition] = delivery.order

    def history_read(self, process: Process, run: str, *, stale: bool) -> None:
        """A coordinator read a history: so begins a rebuild."""
        self._stale.pop((process, run), None)
        if stale:
            self._stale[process, run] = False

    def stale_record_read(self, process: Process, run: str) -> None:
        """It read a stale record, and cannot know that if the history was stale as well."""
        if (process, run) in self._stale:
            self._stale[process, run] = True

    def check(self, process: Process, truth: Truth, event: CloudEvent, partition: int) -> None:
        """That process has acknowledged an event, and nothing else of its run is on its way."""
        if unpublished(truth) or truth.record.refused:
            return
        now, where = process.clock.now(), f"{truth.run}: {event.id}"
        rebuilt, effects = rebuild(truth.plan, truth.record, truth.revision, truth.steps, now)
        rebuilt = _judged(truth, rebuilt, now)
        held = rebuilt if truth.over else self._held(process, truth, partition)
        if held is None or _lags(held, truth):
            return
        rebuilt = _repeated(truth, rebuilt, held, now)
        expect(_known(held, truth) == _known(rebuilt, truth), "records say something else", where)
        asks = any(isinstance(one, Question) for one in effects)
        decides = any(isinstance(one, Save) for one in effects) and not asks
        expect(not decides, "a rebuild that decides", where)
        emits = [one for one in effects if isinstance(one, Emit)]
        ids = [event_id(truth.run, one.type, one.detail) for one in emits]
        missing = [one for one in ids if one not in truth.published]
        expect(truth.over or not missing, "a rebuild that publishes", f"{where}: {missing}")
        seen = view(truth.plan, truth.record, truth.revision, truth.steps, now).record
        expect(seen == truth.record, "a view that shows another record", where)
        fact = to_fact(event)
        if fact is not None and not isinstance(fact, HumanDecided | Signalled):  # welcome later
            again = decide(truth.plan, held, fact, now)
            expect(again == (held, ()), "a fact that is followed twice", where)

    def _held(self, process: Process, truth: Truth, partition: int) -> RunState | None:
        """The run in the memory of a coordinator that has reason to believe in it."""
        if self._stale.get((process, truth.run)):
            return None
        coordinator = self.coordinators.get(process)
        scheduler = coordinator and coordinator._schedulers.get(partition)  # noqa: SLF001
        if not scheduler or scheduler._order != self.newest[partition]:  # noqa: SLF001
            return None
        live = scheduler.active.get(truth.run)
        if live is None or live.generation != scheduler.active.generation:
            return None
        state = live.state
        return state if (state.record, state.revision) == (truth.record, truth.revision) else None


def _judged(truth: Truth, state: RunState, now: float) -> RunState:
    """The same once it is known that conditions hold: that stands in no record until a claim."""
    for step in state.inflight:
        if state.steps[step].status is StepStatus.PENDING:
            state, _ = decide(truth.plan, state, Judged(step), now)
    return state


def _repeated(truth: Truth, state: RunState, held: RunState, now: float) -> RunState:
    """The same once it is known that steps run again: nor does that stand in a record."""
    for step, at in state.steps.items():
        if at.status is StepStatus.REPEATING and held.steps[step].status is not at.status:
            fact = Repeated(step, at.attempt, held.steps[step].due)
            state, _ = decide(truth.plan, state, fact, now)
    return state


def _lags(state: RunState, truth: Truth) -> bool:
    """Whether a worker has claimed what only another coordinator has dispatched."""
    return any(
        record.outcome is Outcome.RUNNING and (at is None or record.attempt > at.attempt)
        for step, (record, _) in truth.steps.items()
        for at in (state.steps.get(step),)
    )


def _known(state: RunState, truth: Truth) -> RunState:
    """A state without what only either of the records and those who were there can know."""
    steps = state.steps
    for step, at in state.steps.items():
        known = replace(at, lost=0, lease_until=0.0)
        record, _ = truth.steps.get(step, (None, 0))
        if record is not None and record.outcome is Outcome.RUNNING:
            known = replace(known, revision=0, due=0.0, error=None, since=0.0)
        if at.status is StepStatus.CANCELLED:
            known = replace(known, attempt=UNATTEMPTED, error=None)
        steps = steps.set(step, known)
    loops = state.loops
    for step, loop in state.loops.items():
        if loop.count == 0:  # nothing follows from it, and who hears of its end knows no items
            loops = loops.delete(step)
        else:  # the next item is looked for again; of failures at a time either may be the first
            first = "any" if loop.first else ""
            loops = loops.set(step, replace(loop, next=0, items=EMPTY, first=first))
    return replace(state, steps=steps, loops=loops)
