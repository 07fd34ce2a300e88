"""Drives the runs of one partition: each event is decided upon and its effects performed.

Runs are independent of each other; the events of one run are decided upon one after the other, in
the order of the stream.

Safety: the runs in memory are a cache of records. It is right as long as this coordinator alone
gets the partition's events, and that is checked: deliveries are counted, and a gap in the count
(another coordinator got one) makes the cache void. Even a stale cache does no harm, for records
change by compare-and-set and all other effects are idempotent.

Liveness: an event is acknowledged only when its effects are durable; if they fail it comes again,
and the run is rebuilt from its records. The coordinator that got the event in the gap may follow it
only after that. So requests, which are in no record before they have been followed, are taken from
the history as well; and a fact that changes nothing is not taken for an old one before the records
show that.
"""

from __future__ import annotations

__all__ = ["Scheduler"]

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.facts import read_event, to_fact
from flowworker.codec.senders import Published, Refused, check_sender, published
from flowworker.coordinator.driving.active import ActiveRuns
from flowworker.coordinator.driving.mailboxes import Mailboxes
from flowworker.core.decide import outruns
from flowworker.core.facts import Steered
from flowworker.errors import (
    Conflict,
    CorruptRecord,
    DefinitionError,
    FlowworkerError,
    InvalidInput,
    NewerRelease,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.tasks import TaskSet, cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.coordinator.driving.shared import Shared
    from flowworker.coordinator.live import LiveRun
    from flowworker.ports import Consumer, Delivery
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

CREDIT = 512
"""Events of a partition that are delivered and not handled, at most."""

_RETRY_DELAY = 0.5
"""Seconds until an event whose effects failed comes again."""
_UNTIL_MENDED = 10.0
"""The same for an event of a run of which something is damaged."""
_MAX_GROWTH = 16
"""How many times as long these become, while the server does not answer or the damage remains."""
_SILENCE = 300.0
"""Seconds until a damaged run is logged again, however many events it has."""


class _Arrival(NamedTuple):
    """A delivery, its subject, and the generation of the partition's view when it came."""

    delivery: Delivery
    subject: str
    generation: int


class _Recovery(NamedTuple):
    """A request to rebuild a run; `done` is whether the server could be reached."""

    abandoned: bool
    done: asyncio.Future[bool]

    def finish(self, *, reached: bool) -> None:
        """Set the result, unless it is set."""
        if not self.done.done():
            self.done.set_result(reached)


class Scheduler:
    """One partition, from `start` to `stop`, after which it is `stopped`."""

    def __init__(
        self,
        partition: int,
        stores: Stores,
        shared: Shared,
        most_active: Callable[[], int],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Nothing is consumed before `start`."""
        self._partition = partition
        self._events = stores.backend.events
        self._holding = shared.holding
        self._clock = clock
        self._metrics = metrics
        self._consumer: Consumer | None = None
        self._tasks = TaskSet()
        self._mailboxes: Mailboxes[_Arrival | _Recovery] = Mailboxes(
            self._tasks.spawn, self._do, self._release
        )
        self._unhandled = 0
        is_busy = self._mailboxes.__contains__
        self.active = ActiveRuns(stores, shared, most_active, is_busy, clock, metrics)
        self._order = 0
        self.stopped = False
        self._logged: dict[str, float] = {}

    async def start(self) -> None:
        """Begin to consume."""
        self._consumer = await self._events.consume(self._partition, self._on_delivery)
        self._consumer.grant(CREDIT)

    async def stop(self) -> None:
        """Consume no more; what is not handled is dropped, and delivered to the next owner."""
        self.stopped = True
        self._mailboxes.close()
        if self._consumer is not None:
            await self._consumer.stop()
        await cancel_all([*self._tasks, *self.active.delayed()])
        self._mailboxes.empty()

    @property
    def behind(self) -> bool:
        """Whether events come faster than they are handled."""
        return self._unhandled > CREDIT // 2

    def recover(self, run: str, *, abandoned: bool = False) -> asyncio.Future[bool]:
        """Rebuild a run from its records and decide again, after what is queued for it.

        The result is False if the server did not answer, which may be overloaded. If the run is
        `abandoned`, no worker executes any attempt of it, whatever leases say.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.stopped:
            done.set_result(True)
        else:
            self._mailboxes.post(run, _Recovery(abandoned, done))
        return done

    def _on_delivery(self, delivery: Delivery) -> None:
        if self.stopped:
            return
        order = delivery.order
        if order != self._order + 1:
            self.active.generation += 1  # another coordinator got events
        self._order = order
        self._unhandled += 1
        # event.<partition>.<run>.<sender>.<type>
        subject = delivery.subject
        run = subject.split(".", 3)[2]
        self._mailboxes.post(run, _Arrival(delivery, subject, self.active.generation))

    def _do(
        self, run: str, item: _Arrival | _Recovery, pass_on: Callable[[], None]
    ) -> Awaitable[None]:
        if isinstance(item, _Recovery):
            return self._recover(run, item)
        return self._handle(run, item, pass_on)

    def _release(self, item: _Arrival | _Recovery) -> None:
        """It is handled, or dropped."""
        if isinstance(item, _Recovery):
            item.finish(reached=True)
            return
        self._unhandled -= 1
        if self._consumer is not None:
            self._consumer.grant(1)

    async def _recover(self, run: str, wanted: _Recovery) -> None:
        before, reached = self.active.get(run), True
        try:
            live = await self.active.rebuild(run, abandoned=wanted.abandoned)
            if before is not None and live is not None:
                live.checked = before.checked
        except FlowworkerError as error:
            get_logger().warning("recovery of a run failed", run=run, error=str(error))
            reached = not isinstance(error, Unavailable)
        except Exception:  # noqa: BLE001 - a defect met by one run must not stop the others
            get_logger().exception("recovery of a run failed", run=run)
        wanted.finish(reached=reached)

    async def _handle(self, run: str, arrival: _Arrival, pass_on: Callable[[], None]) -> None:
        delivery = arrival.delivery
        try:
            event = read_event(run, delivery.data)
            said = published(arrival.subject, event, delivery.time)
        except InvalidInput as error:
            # Not ours, or damaged: it can never be handled. The stream keeps it.
            get_logger().error("event cannot be read", subject=delivery.subject, error=str(error))
            await delivery.ack()
            return
        except NewerRelease as error:
            self._log_damage(run, str(error))
            await delivery.nak(_UNTIL_MENDED * _growth(delivery))
            return
        except Refused as why:
            await self._refuse(delivery, why)
            return
        try:
            live = await self._decide(run, said, arrival, pass_on)
        except Refused as why:
            await self._refuse(delivery, why)
        except (CorruptRecord, DefinitionError, WorkflowNotFound) as error:
            self._log_damage(run, str(error))
            await delivery.nak(_UNTIL_MENDED * _growth(delivery))
        except FlowworkerError as error:
            get_logger().warning(
                "event will be tried again", run=run, id=event.id, error=str(error)
            )
            growth = _growth(delivery) if isinstance(error, Unavailable) else 1
            await delivery.nak(_RETRY_DELAY * growth)
        except Exception:  # noqa: BLE001 - a defect met by one run must not stop the others
            get_logger().exception("event will be tried again", run=run, id=event.id)
            await delivery.nak(_RETRY_DELAY)
        else:
            self._metrics.events_handled[event.type].inc()
            if live is not None and live.delayed:
                self._tasks.spawn(self._ack_after(live, delivery))
            else:
                await delivery.ack()

    async def _refuse(self, delivery: Delivery, why: Refused) -> None:
        """It changes nothing, and never will: the stream keeps it."""
        self._metrics.events_refused.inc()
        get_logger().warning("event refused", subject=delivery.subject, reason=str(why))
        await delivery.ack()

    def _log_damage(self, run: str, error: str) -> None:
        """Log now and then that a run cannot go on before a person has mended it."""
        now = self._clock.monotonic()
        self._logged = {one: until for one, until in self._logged.items() if until > now}
        if run not in self._logged:
            self._logged[run] = now + _SILENCE
            get_logger().error("run cannot go on", run=run, error=error)

    async def _ack_after(self, live: LiveRun, delivery: Delivery) -> None:
        """Acknowledge once short-delayed dispatches are durable; if they fail, try all again.

        Also those that were begun before: this may be a second delivery of what caused them, and
        to acknowledge one is to acknowledge both. What is in memory says that they were made, so
        the run is forgotten.
        """
        results = await asyncio.gather(*live.delayed, return_exceptions=True)
        if any(isinstance(result, BaseException) for result in results):
            self.active.forget(live)
            await delivery.nak(_RETRY_DELAY)
        else:
            await delivery.ack()

    async def _decide(
        self, run: str, said: Published, arrival: _Arrival, pass_on: Callable[[], None]
    ) -> LiveRun | None:
        """The run, if dispatches of it may be delayed: acknowledgement has to wait for them.

        Raises:
            Refused: among others, if the sender can know nothing of that.
        """
        held, redelivered = self.active.get(run), arrival.delivery.delivered > 1
        live = await self.active.view(
            run, said, generation=arrival.generation, redelivered=redelivered
        )
        fact = to_fact(said.event)
        if live is None or fact is None:
            return None
        check_sender(run, said, live.plan, live.state.record.origin)
        live.touch(self._clock.monotonic())
        certain = live is not held
        try:
            if certain or not outruns(live.plan, fact, live.state):
                certain = await self.active.follow(live, fact, pass_on) or certain
        except Conflict:
            certain = False
        if not certain:
            # Another coordinator was faster, or followed an event after this view was made, or the
            # view was made from a stale answer. The records show all of that, and this fact.
            live = await self.active.rebuild(run, cause=said)
            if live is None:
                return None
            await self.active.follow(live, fact)
        if isinstance(fact, Steered) and fact.of_workflow:
            await self._holding.tell(live.state.record)
        if live.ended:
            self.active.forget(live)
            return None
        return live


def _growth(delivery: Delivery) -> int:
    return min(1 << min(delivery.delivered - 1, 8), _MAX_GROWTH)
