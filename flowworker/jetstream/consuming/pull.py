"""A standing pull with credit: how messages come to us.

Why no more is delivered than was granted: all credit is either wanted (not asked for yet) or
pending in exactly one slot. A slot is an inbox with a subscription of its own and at most one
request under way, so that what arrives there is counted against that request, and a status that
ends the request gives back exactly what it did not deliver. After a reconnect, or when the server
falls silent, slots are thrown away with their inboxes; whatever still arrives for those is
negatively acknowledged, and so goes to somebody else at once.

Why it makes progress: a request lives for 5 s at most, and the server is heard from every 1.5 s
while one is open. A supervisor asks anew when it hears nothing, when the server refuses, or when a
request outlives its time because the news of its end was lost; it has the consumer recreated if it
is gone, and never ends before `stop`.
Credit that was granted is asked for in the same loop iteration, unless at least as much is pending
already.

Why everybody's turn comes: the server serves the oldest request first, and an idle consumer's is as
old as its last renewal. If all lived equally long, their order would stay, and a message that is
put back at the same pace would come to the same consumer for ever. So they do not.
"""

from __future__ import annotations

__all__ = ["PullConsumer"]

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from random import uniform
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError, TopologyMismatch, Unavailable
from flowworker.jetstream.client.api import is_passing
from flowworker.jetstream.client.headers import status_of
from flowworker.jetstream.consuming.delivery import JetStreamDelivery
from flowworker.jetstream.consuming.liveness import Liveness
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.consuming.delivery import Naming
    from flowworker.jetstream.topology.specs import ConsumerSpec
    from flowworker.ports import OnDelivery


EXPIRES = 5_000_000_000
"""Nanoseconds that a request lives at most."""
SHORTEST = 0.7
"""What part of that it lives at least: more than two heartbeats."""
HEARTBEAT = 1_500_000_000
"""Nanoseconds after which the server says that it is there, if it has nothing else to say."""
TICK = 0.5
SILENT_TICKS = 7
"""Ticks without a word after which the server is thought not to know our requests: more than two
heartbeats. Ticks, not seconds, so that a blocked event loop is not mistaken for silence."""
OVERDUE_TICKS = 14
"""Ticks after which a request is over, whether the server said so or not."""
MAX_PAUSE = 3
"""Ticks between two attempts at what stays broken; more if only a person can repair it."""
MAX_UNFIT_PAUSE = 60
SLOTS = 12

IDLE_HEARTBEAT = 100
TIMED_OUT = 408
NO_RESPONDERS = 503


@dataclass(slots=True, eq=False)
class _Slot:
    """An inbox, and what its request has not delivered yet."""

    inbox: str
    sid: int
    pending: int = 0
    age: int = 0


class PullConsumer:
    """Implements `ports.Consumer` over a durable pull consumer."""

    def __init__(
        self,
        connection: Connection,
        spec: ConsumerSpec,
        naming: Naming,
        on_delivery: OnDelivery,
        ensure: Callable[[ConsumerSpec], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """Ask for nothing yet; call `start`, then `grant`."""
        self._connection = connection
        self._client = connection.client
        self._spec = spec
        self._naming = naming
        self._on_delivery = on_delivery
        self._ensure = ensure
        self._name = f"nats-pull-{spec.name}"
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.name}"
        self._loop = asyncio.get_running_loop()
        self._slots: list[_Slot] = []
        self._abandoned: list[int] = []
        self._wanted = 0
        self._pending = 0
        self._asking = False
        self._liveness = Liveness(clock)
        self._troubled = False
        self._unfit = False
        self._stopped = False
        self._supervisor: asyncio.Task[None] | None = None
        self._check: asyncio.Task[None] | None = None

    @property
    def last_activity(self) -> float:
        """When the consumer was last heard from, in the clock's monotonic time."""
        return self._liveness.last

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return self._stopped

    async def start(self) -> None:
        """Create the consumer unless it exists, and watch over what is asked of it.

        A server that does not answer, as while a cluster elects, is asked again by the supervisor.
        """
        try:
            await self._ensure(self._spec)
        except Unavailable as error:
            if not is_passing(error):
                raise
            self._troubled = True
            get_logger().warning(
                "a consumer is not usable yet", consumer=self._name, error=str(error)
            )
        self._connection.on_reconnected.append(self._renew)
        self._supervisor = self._loop.create_task(self._supervise(), name=self._name)

    def grant(self, credit: int) -> None:
        """Be ready for that many more."""
        self._wanted += credit
        self._ask_soon()

    async def stop(self) -> None:
        """Ask for no more. What is on its way goes back."""
        if self._stopped:
            return
        self._stopped = True
        self._connection.on_reconnected.remove(self._renew)
        tasks = [task for task in (self._supervisor, self._check) if task is not None]
        for task in tasks:
            task.cancel()
        self._abandon(self._slots)
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            await self._connection.flush()  # what the server sent before it knew is here now
        for sid in self._abandoned:
            self._client.forget(sid)

    def _ask_soon(self) -> None:
        """Once per loop iteration, and only if that is worth a request."""
        if not self._asking and self._wanted and self._wanted >= self._pending:
            self._asking = True
            self._loop.call_soon(self._ask)

    def _ask(self) -> None:
        self._asking = False
        if self._stopped or self._troubled or not self._wanted or not self._connection.connected:
            return
        slot = self._free_slot()
        if slot is None:
            return
        batch, self._wanted = self._wanted, 0
        slot.pending, slot.age = batch, 0
        self._pending += batch
        expires = int(EXPIRES * uniform(SHORTEST, 1.0))
        body = b'{"batch":%d,"expires":%d,"idle_heartbeat":%d}' % (batch, expires, HEARTBEAT)
        try:
            self._client.send(self._subject, slot.inbox, b"", body)
        except Unavailable:
            self._give_back(slot)

    def _free_slot(self) -> _Slot | None:
        for slot in self._slots:
            if not slot.pending:
                return slot
        if len(self._slots) >= SLOTS:
            return None
        slot = _Slot(self._client.new_inbox(), 0)
        slot.sid = self._client.listen(slot.inbox, partial(self._on_message, slot))
        self._slots.append(slot)
        return slot

    def _give_back(self, slot: _Slot) -> None:
        self._wanted += slot.pending
        self._pending -= slot.pending
        slot.pending = 0

    def _on_message(
        self, slot: _Slot, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        status = status_of(headers)
        self._liveness.note(answered=status is None or status[0] != NO_RESPONDERS)
        if status is not None:
            self._on_status(slot, *status)
            return
        if not slot.pending:
            self._send_back(subject, reply, data, headers)
            return
        slot.pending -= 1
        self._pending -= 1
        self._ask_soon()
        delivery = JetStreamDelivery(self._client, self._naming, subject, reply, data, headers)
        try:
            self._on_delivery(delivery)
        except Exception:  # noqa: BLE001 - a defect must not cost credit
            get_logger().exception(
                "a delivery could not be taken", consumer=self._name, subject=subject
            )
            self.grant(1)

    def _on_status(self, slot: _Slot, code: int, text: str) -> None:
        if code == IDLE_HEARTBEAT:
            return
        self._give_back(slot)
        if code == TIMED_OUT:
            self._ask_soon()
            return
        self._troubled = True  # the supervisor looks after it
        get_logger().debug(
            "a pull request was refused", consumer=self._name, code=code, reason=text
        )

    def _send_back(self, _subject: bytes, reply: bytes, _data: bytes, _raw: bytes | None) -> None:
        """Let somebody else have what we are not ready for."""
        if reply.startswith(b"$JS.ACK."):
            with contextlib.suppress(Unavailable):
                self._client.send(reply.decode(), "", b"", b"-NAK")

    def _abandon(self, slots: list[_Slot]) -> None:
        """Throw slots away; their credit is wanted again."""
        for sid in self._abandoned:
            self._client.forget(sid)
        self._abandoned = [slot.sid for slot in slots]
        for slot in slots:
            self._give_back(slot)
            with contextlib.suppress(Unavailable):
                self._client.unlisten(slot.sid, self._send_back)
        self._slots = [slot for slot in self._slots if slot not in slots]

    def _renew(self) -> None:
        """Requests made before belong to nobody: ask again."""
        self._abandon(self._slots)
        self._troubled = self._unfit
        self._ask_soon()

    async def _supervise(self) -> None:
        silent, pause, failures = 0, 0, 0
        while True:
            await asyncio.sleep(TICK)
            if not self._connection.connected:
                silent = 0
                continue
            idle = not (self._pending or self._wanted)
            silent = silent + 1 if self._liveness.tick(idle=idle) else 0
            if silent >= SILENT_TICKS:
                get_logger().warning("no news about a pull; asking again", consumer=self._name)
                self._abandon(self._slots)
                self._troubled = True
                silent = 0
            self._end_overdue()
            if not self._troubled:
                failures = 0
                self._ask_soon()
            elif (pause := pause - 1) <= 0:
                failures += 1
                pause = min(failures, MAX_UNFIT_PAUSE if self._unfit else MAX_PAUSE)
                self._recover()

    def _end_overdue(self) -> None:
        for slot in self._slots:
            slot.age += 1
        overdue = [slot for slot in self._slots if slot.pending and slot.age > OVERDUE_TICKS]
        if overdue:
            self._abandon(overdue)

    def _recover(self) -> None:
        """Ask again, and see meanwhile whether the consumer is there, which may take long."""
        if self._check is None or self._check.done():
            self._check = self._loop.create_task(self._ensured(), name=f"{self._name}-check")
        if not self._unfit:
            self._troubled = False
            self._ask_soon()

    async def _ensured(self) -> None:
        try:
            await self._ensure(self._spec)
            self._unfit = False
        except TopologyMismatch as error:
            self._unfit = self._troubled = True
            self._abandon(self._slots)
            get_logger().error(
                "a consumer is not what it must be", consumer=self._name, error=str(error)
            )
        except FlowworkerError as error:
            get_logger().warning("a consumer is not usable", consumer=self._name, error=str(error))
