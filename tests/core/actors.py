"""Those who act in a `World`: coordinators and workers, as generators.

Each `yield` is a moment at which anything may happen to anybody, death included: a dead actor is
one whose generator is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random
from typing import assert_never

from msgspec.structs import asdict, replace

from flowworker.core import facts
from flowworker.core.claim import (
    Busy,
    Claim,
    Drop,
    GiveUp,
    Repair,
    Revoke,
    Verdict,
    first_try,
    judge,
    judge_fence,
)
from flowworker.core.decide import decide
from flowworker.core.effects import Dispatch, Effect, Emit, Fence, Finish, Save, SetTimeout
from flowworker.core.event_types import EventType
from flowworker.core.ids import attempt_key, event_id
from flowworker.core.payload import inline
from flowworker.core.rebuild import rebuild
from flowworker.core.records import ErrorInfo, StepRecord, StopReason
from flowworker.core.state import RunState, initial
from flowworker.core.status import TERMINAL, Kind, Outcome
from flowworker.errors import Conflict
from tests.core.world import LEASE, RUN, Execution, Message, World

Acting = Iterator[None]


class Coordinator:
    """Holds the run in memory and performs what `decide` wants."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.state: RunState | None = None
        self.order = 0
        self.generation = 0
        self.loaded = 0
        self.deaf = False
        self.abandoned = False
        self.mailbox: deque[tuple[facts.Fact | None, bool]] = deque()
        self.handling: facts.Fact | None = None
        self.task: Acting | None = None

    def recover(self, *, abandoned: bool = False) -> None:
        """Will rebuild the run after what is in hand."""
        self.mailbox.append((None, abandoned))

    def deliver(self, event: facts.Fact, order: int, *, first: bool) -> None:
        """Takes a delivery; a gap in their order means that somebody else saw events."""
        if order != self.order + 1:
            self.generation += 1
        self.order = order
        self.mailbox.append((event, first))

    @property
    def busy(self) -> bool:
        return self.task is not None or bool(self.mailbox)

    @property
    def current(self) -> bool:
        """Whether the state in memory is believed to be right."""
        return self.state is not None and self.loaded == self.generation

    @property
    def informed(self) -> bool:
        """Whether it is right, as far as events that were told can make it so."""
        return self.current and not self.deaf

    def step(self) -> None:
        """Goes on until the next moment at which something may happen."""
        if self.task is None:
            if not self.mailbox:
                return
            event, first = self.mailbox.popleft()
            self.handling = event
            self.task = (
                self._recover(abandoned=first)
                if event is None
                else self._handle(event, first=first)
            )
        if next(self.task, self) is self:
            self.task = None
            self.handling = None

    def crash(self) -> None:
        """All that it had in hand comes again, to whoever is next."""
        held = [self.handling, *(event for event, _ in self.mailbox)]
        self.world.undelivered.extendleft(event for event in reversed(held) if event is not None)
        self.mailbox.clear()
        self.state = self.task = self.handling = None

    def _recover(self, *, abandoned: bool) -> Acting:
        try:
            yield from self._load(abandoned=abandoned)
        except Conflict:
            self.state = None

    def _handle(self, event: facts.Fact, *, first: bool) -> Acting:
        try:
            if not self.current:
                if self.state is None and isinstance(event, facts.RunStarted) and first:
                    self.state = initial(self.world.plan, *self.world.created)
                    self.loaded = self.generation
                else:
                    yield from self._load()
            try:
                yield from self._decide(event)
            except Conflict:
                yield from self._load()
                yield from self._decide(event)
        except Conflict:
            self.state = None
            self.world.undelivered.append(event)

    def _decide(self, event: facts.Fact) -> Acting:
        assert self.state is not None
        before = self.state.record.stop
        self.state, effects = decide(self.world.plan, self.state, event, self.world.now)
        if before is not None:
            assert not any(
                isinstance(effect, Emit)
                and effect.type in {EventType.STEP_RETRYING, EventType.STEP_FALLBACK}
                and f"/{Kind.COMPENSATE}/" not in effect.detail
                for effect in effects
            ), "what cannot happen any more is told"
        yield from self._perform(effects, recovering=False)
        if self.state.status in TERMINAL:
            self.state = None

    def _load(self, *, abandoned: bool = False) -> Acting:
        """Reads the run first, then one step after the other: not one moment's view."""
        self.state = None
        self.deaf = False
        self.abandoned = abandoned
        self.loaded = self.generation
        record, revision = self.world.run
        steps = {}
        for step in self.world.plan.order:
            yield
            if step in self.world.steps:
                steps[step] = self.world.steps[step]
        self.state, effects = rebuild(
            self.world.plan, record, revision, steps, self.world.now, abandoned=abandoned
        )
        yield from self._perform(effects, recovering=True)
        self.abandoned = False

    def _perform(self, effects: tuple[Effect, ...], *, recovering: bool) -> Acting:
        rest = []
        for effect in effects:
            match effect:
                case Save():
                    yield
                    assert self.state is not None
                    before = self.world.run[0].status
                    revision = self.world.save_run(self.state.record, self.state.revision)
                    moved = self.state.status is not before
                    assert effect.moved_from is (before if moved else None)
                    self.state = replace(self.state, revision=revision)
                case Emit():
                    yield
                    known = {told.id for told in self.world.history} if recovering else set()
                    if event_id(RUN, effect.type, effect.detail) not in known:
                        self.world.tell(effect.type, effect.detail, emit=effect)
                case _:
                    rest.append(effect)
        self.random.shuffle(rest)
        for effect in rest:
            yield
            yield from self._effect(effect)

    def _effect(self, effect: Effect) -> Acting:
        assert self.state is not None
        match effect:
            case Dispatch():
                stop = self.state.record.stop
                at = self.state.steps[effect.step]
                undo = effect.attempt.kind is Kind.COMPENSATE
                assert stop is None or (undo and stop.reason is not StopReason.TERMINATED), (
                    "an attempt is dispatched that may not start"
                )
                self.world.enqueue(
                    Message(
                        effect,
                        at.completed if undo else 0,
                        at.output if undo else None,
                        effect.due,
                    )
                )
            case Fence():
                yield from self._fence(effect)
            case SetTimeout():
                self.world.alarm = effect.at
            case Finish():
                assert self.world.run[0].status in TERMINAL
                self.world.finished = True
            case Save() | Emit():
                raise AssertionError(effect)
            case _:
                assert_never(effect)

    def _fence(self, wanted: Fence) -> Acting:
        world = self.world
        assert self.state is not None
        stop = self.state.record.stop
        assert stop is not None, "a fence without a stop"
        terminated = stop.reason is StopReason.TERMINATED
        assert wanted.force == (terminated or self.abandoned)
        while True:
            record, revision = world.steps.get(wanted.step, (None, 0))
            yield
            match judge_fence(RUN, wanted, record, revision, world.now):
                case Busy():
                    for execution in world.executions:
                        if execution.step == wanted.step:
                            execution.asked_to_stop = True
                    return
                case Repair(record=over, revision=at):
                    world.tell_outcome(over, at)
                    return
                case Drop():
                    return
                case Revoke(record=revoked, revision=expected):
                    try:
                        held = world.holds(wanted.step, expected)
                        assert not held or terminated, "revoked while its worker holds it"
                        at = world.save_step(revoked, expected)
                    except Conflict:
                        continue
                    yield
                    world.tell_outcome(revoked, at)
                    return


class Worker:
    """Takes one message and does what it asks for, or learns that it should not."""

    def __init__(self, world: World, random: Random, name: str, message: Message) -> None:
        self.world = world
        self.random = random
        self.name = name
        self.message = message
        self.failing = 0.0
        self.execution: Execution | None = None
        self.acked = False
        self.patience: float | None = None
        self.task: Acting | None = self._work()

    def step(self) -> None:
        """Goes on until the next moment at which something may happen."""
        if self.task is not None and next(self.task, self) is self:
            self.crash()

    def crash(self) -> None:
        """Ends; what it has not acknowledged comes again."""
        self.task = None
        if self.execution is not None:
            self.execution.alive = False
            self.world.executions.remove(self.execution)
            self.execution = None
        if not self.acked:
            self.acked = True
            if self.patience is not None:
                self.message.not_before = self.patience
            self.world.queue.append(self.message)

    def _work(self) -> Acting:
        verdict: Verdict = first_try(self.message.dispatch)
        while True:
            yield
            match verdict:
                case Claim() | GiveUp():
                    record = self._record(verdict)
                    try:
                        revision = self.world.save_step(record, verdict.revision)
                    except Conflict:
                        found, at = self.world.steps.get(record.step, (None, 0))
                        yield
                        verdict = judge(self.message.dispatch, found, at, self.world.now)
                        continue
                    if isinstance(verdict, GiveUp):
                        yield from self._told(record, revision)
                    else:
                        yield from self._run(record, revision)
                    return
                case Busy():
                    self.patience = verdict.until
                    return
                case Repair():
                    yield from self._told(verdict.record, verdict.revision)
                    return
                case Drop():
                    self.acked = True
                    return

    def _record(self, verdict: Claim | GiveUp) -> StepRecord:
        wanted = self.message.dispatch
        given_up = isinstance(verdict, GiveUp)
        return StepRecord(
            RUN,
            wanted.step,
            **asdict(wanted.attempt),
            outcome=Outcome.FAILED if given_up else Outcome.RUNNING,
            worker=self.name,
            lost=verdict.lost,
            lease_until=0.0 if given_up else self.world.now + LEASE,
            started_at=self.world.now,
            finished_at=self.world.now if given_up else 0.0,
            error=ErrorInfo("WorkerLost", "lost", retryable=False) if given_up else None,
            completed=self.message.completed,
            output=self.message.output,
        )

    def _told(self, record: StepRecord, revision: int) -> Acting:
        yield
        self.world.tell_outcome(record, revision)
        yield
        self.acked = True

    def _run(self, record: StepRecord, revision: int) -> Acting:
        world = self.world
        running = Execution(record.step, revision, record.lease_until)
        self.execution = running
        world.executions.append(running)
        yield
        key = attempt_key(RUN, record.step, record.attempt, record.lost)
        world.tell(EventType.STEP_STARTED, key, record=record)
        yield
        try:
            while self.random.random() < 0.4:
                record = replace(record, lease_until=world.now + LEASE)
                revision = running.revision = world.save_step(record, revision)
                running.lease_until = record.lease_until
                yield
            if self.random.random() < 0.05:
                world.save_step(replace(record, lease_until=0.0), revision)
                return  # given back, as a worker does that drains
            record = replace(record, **self._result(running), lease_until=0.0)
            revision = world.save_step(record, revision)
        except Conflict:
            return  # the claim was lost
        running.alive = False
        yield from self._told(record, revision)

    def _result(self, running: Execution) -> dict[str, object]:
        now = self.world.now
        if running.asked_to_stop and self.random.random() < 0.7:
            return {"outcome": Outcome.CANCELLED, "finished_at": now}
        if self.random.random() < self.failing:
            kind = self.random.choice(["Broken", "Broken", "Refused"])
            error = ErrorInfo(kind, "", retryable=self.random.random() < 0.9)
            return {"outcome": Outcome.FAILED, "error": error, "finished_at": now}
        changes: dict[str, object] = {"outcome": Outcome.COMPLETED, "finished_at": now}
        if self.message.dispatch.attempt.kind is not Kind.COMPENSATE:
            number = self.random.randrange(1000)
            changes["output"] = inline(b"%d" % number)
        return changes
