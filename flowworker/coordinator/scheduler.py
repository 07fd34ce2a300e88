"""Drives the runs of one partition: each event is decided upon and its effects performed.

Runs are independent of each other; the events of one run are handled one after the other, in the
order of the stream.

Safety: the runs in memory are a cache of records. It is right as long as this coordinator alone
sees the partition's events, and that is checked: deliveries are counted, and a gap in the count
(somebody else got one) makes the cache void. Even an outdated cache does no harm, for records
change by compare-and-set and all other effects are idempotent.

Liveness: an event is acknowledged only when its effects are durable; if they fail it comes again,
and the run is rebuilt from its records. Whoever got the event in the gap may still have it in hand
when the cache is made anew, and change the run's record only then: so a fact that changes nothing
is not taken for an old one before the records say so.
"""

from __future__ import annotations

__all__ = ["Scheduler"]

import asyncio
import itertools
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flowworker.codec.cloudevents import decode_event, to_fact
from flowworker.coordinator.effects import Active
from flowworker.core.commands import EventType
from flowworker.core.decide import decide
from flowworker.core.events import Recovered
from flowworker.core.payload import EMPTY
from flowworker.core.rebuild import rebuild
from flowworker.core.records import RunRecord
from flowworker.core.state import initial
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import Conflict, CorruptRecord, FlowworkerError, WorkflowNotFound
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.effects import Effects
    from flowworker.core.events import Event
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.ports import Consumer, Delivery, EventLog
    from flowworker.stores.definitions import DefinitionStore
    from flowworker.stores.runs import RunStore
    from flowworker.telemetry.metrics import Metrics

CREDIT = 512
"""Events of a partition in hand at a time."""

_LOST = Recovered()

_RETRY_DELAY = 0.5
"""Seconds until an event whose effects failed comes again."""


class _Arrival(NamedTuple):
    """A delivery, and the generation of the partition's view when it came."""

    delivery: Delivery
    generation: int


class Scheduler:
    """One partition, from `start` to `stop`."""

    def __init__(
        self,
        partition: int,
        events: EventLog,
        runs: RunStore,
        definitions: DefinitionStore,
        effects: Effects,
        clock: Clock,
        metrics: Metrics,
        max_active: int,
    ) -> None:
        """Nothing is consumed before `start`."""
        self.partition = partition
        self.active: dict[str, Active] = {}
        self._events = events
        self._runs = runs
        self._definitions = definitions
        self._effects = effects
        self._clock = clock
        self._metrics = metrics
        self._max_active = max_active
        self._consumer: Consumer | None = None
        self._mailboxes: dict[str, deque[_Arrival | Recovered]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._order = 0
        self._stopped = False

    async def start(self) -> None:
        """Begin to consume."""
        self._consumer = await self._events.consume(self.partition, self._on_delivery)
        self._consumer.grant(CREDIT)

    async def stop(self) -> None:
        """Consume no more; what is in hand is dropped and comes again, to whoever is next."""
        self._stopped = True
        if self._consumer is not None:
            await self._consumer.stop()
        tasks = [*self._tasks, *(task for run in self.active.values() for task in run.delayed)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.active.clear()

    def recover(self, run: str, how: Recovered = _LOST) -> None:
        """Rebuild a run from its records and decide again, after what is queued for it."""
        if not self._stopped:
            self._post(run, how)

    def _on_delivery(self, delivery: Delivery) -> None:
        if delivery.order != self._order + 1:
            self._generation += 1  # somebody else saw events: what is in memory may be outdated
        self._order = delivery.order
        # event.<partition>.<run>.<type>
        self._post(delivery.subject.split(".", 3)[2], _Arrival(delivery, self._generation))

    def _post(self, run: str, item: _Arrival | Recovered) -> None:
        mailbox = self._mailboxes.get(run)
        if mailbox is not None:
            mailbox.append(item)
            return
        self._mailboxes[run] = deque((item,))
        self._spawn(self._work(run))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, run: str) -> None:
        """Empty a run's mailbox."""
        mailbox = self._mailboxes[run]
        try:
            while mailbox:
                item = mailbox.popleft()
                try:
                    if isinstance(item, Recovered):
                        await self._recover(run, item)
                    else:
                        await self._handle(run, item)
                finally:
                    if self._consumer is not None and not isinstance(item, Recovered):
                        self._consumer.grant(1)
        finally:
            del self._mailboxes[run]

    async def _recover(self, run: str, how: Recovered) -> None:
        before = self.active.get(run)
        self._forget(run)
        try:
            active = await self._load(run, how)
            if before is not None and active is not None:
                active.checked = before.checked
        except FlowworkerError as error:
            self._forget(run)
            get_logger().warning("recovery of a run failed", run=run, error=str(error))
        except Exception:  # noqa: BLE001 - a defect met by one run must not stop the others
            self._forget(run)
            get_logger().exception("recovery of a run failed", run=run)

    async def _handle(self, run: str, arrival: _Arrival) -> None:
        delivery = arrival.delivery
        try:
            event = decode_event(delivery.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # Not ours, or damaged: nobody can ever handle it. The stream keeps it.
            get_logger().error("event cannot be read", subject=delivery.subject, error=str(error))
            await delivery.ack()
            return
        try:
            delayed = await self._decide(run, event, arrival)
        except (CorruptRecord, WorkflowNotFound) as error:
            get_logger().error("run cannot go on", run=run, error=str(error))
            self._forget(run)
            await delivery.nak(_RETRY_DELAY * 20)
        except FlowworkerError as error:
            get_logger().warning(
                "event will be tried again", run=run, id=event.id, error=str(error)
            )
            self._forget(run)
            await delivery.nak(_RETRY_DELAY)
        except Exception:  # noqa: BLE001 - a defect met by one run must not stop the others
            get_logger().exception("event will be tried again", run=run, id=event.id)
            self._forget(run)
            await delivery.nak(_RETRY_DELAY)
        else:
            self._metrics.events_handled.labels(event.type).inc()
            if delayed:
                self._spawn(self._ack_after(run, delayed, delivery))
            else:
                await delivery.ack()

    async def _ack_after(
        self, run: str, delayed: list[asyncio.Task[None]], delivery: Delivery
    ) -> None:
        """Acknowledge once short-delayed dispatches are durable; if they fail, try all again.

        The run in memory believes that they were made, so it is not to be believed any more.
        """
        results = await asyncio.gather(*delayed, return_exceptions=True)
        if any(isinstance(result, BaseException) for result in results):
            self._forget(run)
            await delivery.nak(_RETRY_DELAY)
        else:
            await delivery.ack()

    async def _decide(
        self, run: str, event: CloudEvent, arrival: _Arrival
    ) -> list[asyncio.Task[None]]:
        """Dispatches on which the event's acknowledgement has to wait."""
        active, certain = self.active.get(run), False
        if active is None and _is_beginning(event, arrival.delivery):
            active, certain = await self._begin(event, arrival.generation), True
        elif active is None or active.generation != self._generation:
            active, certain = await self._load(run), True
        fact = to_fact(event)
        if active is None or fact is None:
            return []
        active.touched = self._clock.monotonic()
        active.checked = 0
        try:
            certain = await self._follow(active, fact) or certain
        except Conflict:
            certain = False
        if not certain:
            # Another coordinator was faster, or had an event in hand when this view was made. All
            # that it did, and all that this fact tells, is in the records.
            self._forget(run)
            active = await self._load(run)
            if active is None:
                return []
            await self._follow(active, fact)
        if active.state.status in TERMINAL:
            self._forget(run)
            return []
        # Also those that were begun before: this may be a second delivery of what caused them, and
        # to acknowledge one is to acknowledge both.
        return list(active.delayed)

    async def _follow(self, active: Active, fact: Event) -> bool:
        """Do what follows from a fact; whether it changed anything.

        Raises:
            Conflict: another coordinator changed the run; the memory of it is outdated.
        """
        before = active.state
        active.state, commands = decide(active.plan, before, fact, self._clock.now())
        changed = active.state is not before
        await self._effects.perform(active, commands)
        return changed

    async def _begin(self, event: CloudEvent, generation: int) -> Active:
        """A run that has just started: all that is known of it stands in the event.

        The view is that of when the event arrived: others may have seen later ones since then.
        """
        data = event.data
        plan = await self._definitions.by_hash(data.definition)
        record = RunRecord(
            run=data.id,
            workflow=data.name,
            definition=data.definition,
            version=data.version,
            status=RunStatus.RUNNING,
            input=data.input or EMPTY,
            created_at=data.at,
            priority=data.priority,
            origin=data.origin,
            reply_to=data.reply_to,
            trace=data.trace,
        )
        return self._keep(plan, initial(plan, record, data.revision), generation)

    async def _load(self, run: str, how: Recovered = _LOST) -> Active | None:
        """A run from its records, with whatever may have been lost repeated; None if gone."""
        generation = self._generation
        found = await self._runs.load(run)
        if found is None or not found[0].definition:  # a checkpoint that nobody has resumed
            self._forget(run)
            return None
        record, revision = found
        plan = await self._definitions.by_hash(record.definition)
        steps = await self._runs.load_steps(run)
        state, commands = rebuild(
            plan, record, revision, steps, self._clock.now(), abandoned=how.abandoned
        )
        active = self._keep(plan, state, generation)
        self._metrics.recoveries.inc()
        told = await self._effects.retell(record, steps)
        await self._effects.perform(active, commands, told=told)
        if active.state.status in TERMINAL:
            self._forget(run)
        return active

    def _keep(self, plan: Plan, state: RunState, generation: int) -> Active:
        active = Active(plan, state, generation, self._clock.monotonic())
        self.active[state.record.run] = active
        if len(self.active) > self._max_active:
            # The one that was taken in first, unless it is being worked on: it can be rebuilt.
            for run in itertools.islice(self.active, 16):
                if run not in self._mailboxes and not self.active[run].delayed:
                    self._forget(run)
                    break
        return active

    def _forget(self, run: str) -> None:
        active = self.active.pop(run, None)
        if active is not None:
            for task in active.delayed:
                task.cancel()


def _is_beginning(event: CloudEvent, delivery: Delivery) -> bool:
    """Whether nobody can have handled the run's start before."""
    return event.type is EventType.STARTED and event.data.revision > 0 and delivery.delivered == 1
