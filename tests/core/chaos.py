"""Who acts when, and what befalls them; then calm, in which every run must come to its end."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.attempt import Attempt
from flowworker.core.decide import decide
from flowworker.core.effects import Emit, Save
from flowworker.core.event_types import EventType
from flowworker.core.graph import Plan
from flowworker.core.ids import event_id
from flowworker.core.model import (
    Backoff,
    Escalation,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
    Workflow,
)
from flowworker.core.payload import inline
from flowworker.core.rebuild import rebuild, view
from flowworker.core.records import Stop
from flowworker.core.state import RunState
from flowworker.core.status import TERMINAL, HumanAction, Kind, Outcome, RunStatus, StepStatus
from tests.core.actors import Coordinator, Worker
from tests.core.world import LEASE, RUN, World, fact_of


def any_workflow(random: Random, size: int) -> Workflow:
    """A random DAG with random failure policies."""
    steps: list[Step] = []
    density = random.random()
    for number in range(size):
        before = [step.id for step in steps]
        depends_on = [step for step in before if random.random() < density * 2 / (number or 1)]
        steps.append(
            Step(
                id=f"s{number}",
                uses="h",
                depends_on=tuple(depends_on),
                retry=_any_retry(random),
                fallback=Fallback("other") if random.random() < 0.3 else None,
                escalation=Escalation() if random.random() < 0.5 else None,
                saga=Saga("undo", random.random() < 0.5, _any_retry(random))
                if random.random() < 0.7
                else None,
            )
        )
    timeout = random.choice([None, None, None, None, 30.0, 300.0])
    return Workflow("w", tuple(steps), timeout=timeout)


def _any_retry(random: Random) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=random.choice([1, 1, 2, 3]),
        backoff=random.choice(list(Backoff)),
        interval=random.choice([0.0, 0.1, 5.0]),
        jitter=random.choice([0.0, 0.5]),
        non_retryable=("Refused",) if random.random() < 0.3 else (),
    )


@dataclass(frozen=True)
class Faults:
    """How likely what is, each time that something happens.

    Attributes:
        crash: a process dies, or all of them do.
        outdated: a second coordinator believes that the run is its own.
        redeliver: an event or a message comes again, or the dedupe window passes.
        lose: an event or a message is lost.
        wait: time passes, so that leases run out.
        interfere: somebody stops the run, or sends an event that makes no sense.
        failing: a handler fails.
    """

    crash: float = 0.0
    outdated: float = 0.0
    redeliver: float = 0.0
    lose: float = 0.0
    wait: float = 0.1
    interfere: float = 0.0
    failing: float = 0.0


CALM = Faults()


class Chaos:
    """One run in a world, driven by a seed."""

    def __init__(self, seed: int, size: int, faults: Faults) -> None:
        self.random = random = Random(seed)
        self.faults = faults
        self.world = World(Plan(any_workflow(random, size), "h"))
        self.coordinators = [Coordinator(self.world, random), Coordinator(self.world, random)]
        self.workers: list[Worker] = []
        self.delivered: list[facts.Fact] = []
        self.deliveries = 0
        self.spawned = 0
        self.answers = 0
        self.failing = random.choice([0.0, 0.5, 1.0, 2.0]) * faults.failing
        self.compared = 0
        self.looking = 0.2

    # What can happen

    def act(self) -> None:
        """One thing happens."""
        chance = self.random.random
        faults = self.faults
        self.random.choice([self.coordinate, self.coordinate, self.work, self.work, self.spawn])()
        if chance() < faults.wait:
            self.world.now += self.random.choice([0.1, 1.0, LEASE / 2, LEASE])
            self.ring()
        undoing = self.world.run[0].status is RunStatus.COMPENSATING
        if chance() < faults.interfere * (3 if undoing else 1):
            self.interfere()
        self.answer(0.05)
        if chance() < faults.crash:
            self.random.choice([self.crash_coordinator, self.crash_worker, self.black_out])()
        if chance() < faults.redeliver:
            self.random.choice([self.redeliver, self.duplicate, self.forget])()
        if chance() < faults.lose:
            self.random.choice([self.lose_message, self.lose_event])()
        if chance() < faults.outdated:
            self.random.choice(self.coordinators).recover()
        if chance() < self.looking:
            self.compare()

    def coordinate(self) -> None:
        """A coordinator gets an event, or goes on."""
        outdated = self.random.random() < self.faults.outdated * 5
        coordinator = self.coordinators[outdated]
        if self.world.undelivered and self.random.random() < 0.3:
            self.deliver(coordinator, self.world.undelivered.popleft())
        coordinator.step()

    def deliver(self, coordinator: Coordinator, event: facts.Fact) -> None:
        self.deliveries += 1
        self.delivered.append(event)
        coordinator.deliver(event, self.deliveries, first=self.deliveries == 1)

    def spawn(self) -> None:
        """A worker takes a message."""
        world = self.world
        ready = [message for message in world.queue if message.not_before <= world.now]
        if ready:
            message = self.random.choice(ready)
            world.queue.remove(message)
            self.spawned += 1
            worker = Worker(world, self.random, f"w{self.spawned}", message)
            worker.failing = self.failing
            self.workers.append(worker)

    def work(self) -> None:
        """A worker goes on."""
        if self.workers:
            self.random.choice(self.workers).step()
            self.workers = [worker for worker in self.workers if worker.task is not None]

    def ring(self) -> None:
        """The timeout goes off when it is due."""
        if self.world.alarm is not None and self.world.alarm <= self.world.now:
            self.world.alarm = None
            self.world.tell(EventType.TIMED_OUT, "", fact=facts.TimedOut())

    def answer(self, chance: float) -> None:
        """A human answers a step that waits, or one that does not."""
        if self.world.run[0].status is not RunStatus.WAITING_HUMAN:
            chance /= 20
        if self.random.random() < chance:
            self.answers += 1
            step = self.random.choice(["", *self.world.plan.order, "unknown"])
            weights = [3, 1, 2, 3] if self.answers < 20 else [0, 1, 1, 1]
            action = self.random.choices(list(HumanAction), weights)[0]
            output = inline(b"%d" % self.answers) if self.random.random() < 0.8 else None
            fact = facts.HumanDecided(action, step, output, f"answer{self.answers}")
            self.world.tell(EventType.HUMAN_DECIDED, f"{self.answers}", fact=fact)

    def interfere(self) -> None:
        """Somebody wants the run to stop, or an event that makes no sense turns up."""
        self.answers += 1
        compensating = self.world.run[0].status is RunStatus.COMPENSATING
        if self.random.random() < (0.5 if compensating else 0.1):
            wish = facts.CancelRequested("enough", self.random.random() < 0.5)
            self.world.tell(EventType.CANCEL_REQUESTED, f"{self.answers}", fact=wish)
            return
        any_step = self.random.choice([*self.world.plan.order, "unknown"])
        nonsense: list[facts.Fact] = [
            facts.HumanDecided(HumanAction.SKIP, "unknown"),
            facts.StepCancelled("unknown", 0),
            facts.Compensated("unknown", 0),
            facts.StepCompleted("unknown", Attempt(Kind.RUN, 1, 1), inline(b"1"), 1),
            facts.RunStarted(),
            facts.HumanDecided(HumanAction.RETRY, any_step, id=f"answer{self.answers}"),
        ]
        fact = self.random.choice(nonsense)
        self.world.tell(EventType.CANCEL_REQUESTED, f"{self.answers}", fact=fact)

    # What can go wrong

    def crash_coordinator(self) -> None:
        self.random.choice(self.coordinators).crash()

    def crash_worker(self) -> None:
        if self.workers:
            worker = self.random.choice(self.workers)
            worker.crash()
            self.workers.remove(worker)

    def black_out(self) -> None:
        """All die at once, and whoever comes next knows."""
        if self.random.random() < 0.3:
            self.die()
            self.coordinators[0].recover(abandoned=True)
            while self.coordinators[0].busy:
                self.coordinators[0].step()

    def die(self) -> None:
        for worker in self.workers:
            worker.crash()
        self.workers.clear()
        for coordinator in self.coordinators:
            coordinator.crash()

    def redeliver(self) -> None:
        if self.delivered:
            event = self.random.choice(self.delivered)
            self.deliver(self.random.choice(self.coordinators), event)

    def duplicate(self) -> None:
        """A message comes a second time: one in the queue, or one in a slow worker's hand."""
        messages = [*self.world.queue, *(worker.message for worker in self.workers)]
        if messages:
            self.world.queue.append(copy(self.random.choice(messages)))

    def forget(self) -> None:
        """The dedupe window has passed."""
        self.world.recent_events.clear()
        self.world.recent_messages.clear()

    def lose_message(self) -> None:
        if self.world.queue:
            self.world.queue.remove(self.random.choice(self.world.queue))

    def lose_event(self) -> None:
        if self.world.undelivered:
            event = self.random.choice(self.world.undelivered)
            if not isinstance(event, facts.RunStarted):
                self.world.undelivered.remove(event)
                for coordinator in self.coordinators:
                    coordinator.deaf = True

    # How it ends

    def calm_down(self, *, sweeping: bool = True) -> None:
        """Faults cease; everybody does their work until nothing is left to do.

        Now and then the run is rebuilt from its records (`sweeping`), which heals what was lost.
        """
        self.faults = CALM
        quiet = 0
        for _ in range(400):
            if sweeping:
                self.forget()
                self.coordinators[1].crash()
            self.work_off()
            self.answer(0.9)
            self.world.now += LEASE / 3
            self.ring()
            if sweeping and not self.world.undelivered:
                self.coordinators[0].recover()
            self.settle()
            self.compare()
            if self.world.run[0].status in TERMINAL and not self.world.queue and not self.workers:
                quiet += 1
                if quiet == 3:
                    return
        raise AssertionError(f"no end: {self.world.run[0]} {self.world.steps}")

    def settle(self) -> None:
        """The coordinator does all that it can."""
        while self.world.undelivered or self.coordinators[0].busy:
            if self.world.undelivered:
                self.deliver(self.coordinators[0], self.world.undelivered.popleft())
            self.coordinators[0].step()

    def work_off(self) -> None:
        """Workers take what is ready, side by side, while the coordinator follows."""
        self.settle()
        for _ in range(20):
            for _ in range(5):
                self.spawn()
            while self.workers:
                self.work()
            self.settle()
            if not any(message.not_before <= self.world.now for message in self.world.queue):
                return

    # What must hold for the state in memory

    def compare(self) -> None:
        """Who heard everything knows what the records say, and so does who reads them."""
        for coordinator in self.coordinators:
            state = coordinator.state
            if (
                state is not None
                and coordinator.informed
                and coordinator.order == self.deliveries
                and (state.record, state.revision) == self.world.run
            ):
                self.compare_state(coordinator, state)

    def compare_state(self, coordinator: Coordinator, state: RunState) -> None:
        world = self.world
        heard = state
        for fact in self.facts_to_come(coordinator):
            heard, _ = decide(world.plan, heard, fact, world.now)
        if any(
            record.outcome is Outcome.RUNNING and record.attempt > heard.steps[step].attempt
            for step, (record, _) in world.steps.items()
        ):
            return  # a worker died before it told; only the records know
        self.compared += 1
        rebuilt, effects = rebuild(world.plan, *world.run, world.steps, world.now)
        assert seen(heard, world) == seen(rebuilt, world)
        viewed = view(world.plan, *world.run, world.steps, world.now)
        assert viewed.record == world.run[0]
        if heard is state and not coordinator.busy:
            told = {told.id for told in world.history}
            for effect in effects:
                assert not isinstance(effect, Save), "a rebuild that changes the record"
                if isinstance(effect, Emit):
                    assert event_id(RUN, effect.type, effect.detail) in told

    def facts_to_come(self, coordinator: Coordinator) -> list[facts.Fact]:
        """What workers and fences have told, or will tell, that it has not handled."""
        told = [coordinator.handling, *(event for event, _ in coordinator.mailbox)]
        coming: list[facts.Fact] = [
            event for event in [*told, *self.world.undelivered] if isinstance(event, NEWS)
        ]
        for record, revision in sorted(self.world.steps.values(), key=lambda entry: entry[1]):
            if record.outcome is not Outcome.RUNNING:
                coming.append(fact_of(record, revision)[1])
        return coming


NEWS = facts.StepCompleted | facts.AttemptFailed | facts.StepCancelled | facts.Compensated


def seen(state: RunState, world: World) -> RunState:
    """A state without what cannot be known from the records."""
    steps = {}
    for step, at in state.steps.items():
        known = replace(at, lost=0, lease_until=0.0)
        record, _ = world.steps.get(step, (None, 0))
        if record is not None and record.outcome is Outcome.RUNNING:
            known = replace(known, revision=0, due=0.0, error=None)
        if at.status is StepStatus.CANCELLED:
            known = replace(known, attempt=Attempt(Kind.RUN, 1, 1), error=None)
        steps[step] = known
    run = state.record
    if run.stop is not None and world.run[0].stop is None:
        # Of several failures, the one that is heard of first is named.
        run = replace(run, stop=Stop(run.stop.reason), error="")
    return replace(state, record=run, steps=type(state.steps)(steps))
