"""The pull requests of a consumer, and the credit that they carry.

Why no more is delivered than was granted: all credit is either wanted (not requested yet) or
pending in exactly one slot. A slot is an inbox with a subscription of its own and at most one
request in flight, so that what arrives there is counted against that request, and a status that
ends the request gives back exactly what it did not deliver. After a reconnect, or when the server
falls silent, slots are abandoned with their inboxes; whatever still arrives for those is negatively
acknowledged, and so goes to another consumer at once.

Why every consumer gets its turn: the server serves the oldest request first, and an idle consumer's
is as old as its last renewal. If all requests lived equally long, their order would stay, and a
message that is put back at the same pace would reach the same consumer for ever. So they do not.
"""

from __future__ import annotations

__all__ = ["PullRequests"]

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from random import uniform
from typing import TYPE_CHECKING

from flowworker.errors import Unavailable
from flowworker.jetstream.client.headers import status_of
from flowworker.jetstream.consuming.delivery import JetStreamDelivery
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.consuming.delivery import Naming
    from flowworker.jetstream.consuming.liveness import Liveness
    from flowworker.jetstream.topology.specs import ConsumerSpec
    from flowworker.ports import OnDelivery

EXPIRES = 5_000_000_000
"""Nanoseconds that a request lives at most."""
SHORTEST = 0.7
"""What part of that it lives at least: more than two heartbeats."""
HEARTBEAT = 1_500_000_000
"""Nanoseconds after which the server says that it is there, if it has nothing else to say."""
OVERDUE_TICKS = 14
"""Ticks of the supervisor after which a request has ended, whether the server said so or not."""
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


class PullRequests:
    """Requests as much as was granted, in as few requests as possible.

    Credit that was granted is requested in the same loop iteration, unless at least as much is
    pending already.

    Attributes:
        paused: nothing is requested. It becomes true when the server refuses a request.
    """

    def __init__(
        self,
        connection: Connection,
        spec: ConsumerSpec,
        naming: Naming,
        on_delivery: OnDelivery,
        liveness: Liveness,
    ) -> None:
        """Request nothing before `grant`."""
        self.paused = False
        self._connection = connection
        self._client = connection.client
        self._naming = naming
        self._on_delivery = on_delivery
        self._liveness = liveness
        self._name = spec.name
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.name}"
        self._loop = asyncio.get_running_loop()
        self._slots: list[_Slot] = []
        self._abandoned: list[int] = []
        self._wanted = 0
        self._pending = 0
        self._asking = False

    @property
    def idle(self) -> bool:
        """Whether no message is requested, nor to be requested."""
        return not (self._pending or self._wanted)

    def grant(self, credit: int) -> None:
        """Request that many more."""
        self._wanted += credit
        self.ask_soon()

    def ask_soon(self) -> None:
        """Request what is wanted: once per loop iteration, and only if that is worth a request."""
        if not self._asking and self._wanted and self._wanted >= self._pending:
            self._asking = True
            self._loop.call_soon(self._ask)

    def abandon(self) -> None:
        """Give up all requests; their credit is wanted again."""
        self._abandon(self._slots)

    def end_overdue(self) -> None:
        """Give up requests that outlived their time: the status that ended them was lost."""
        for slot in self._slots:
            slot.age += 1
        overdue = [slot for slot in self._slots if slot.pending and slot.age > OVERDUE_TICKS]
        if overdue:
            self._abandon(overdue)

    def forget_abandoned(self) -> None:
        """Nothing can arrive any more for requests that were given up."""
        for sid in self._abandoned:
            self._client.forget(sid)

    def _ask(self) -> None:
        self._asking = False
        if self.paused or not self._wanted or not self._connection.connected:
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
        self.ask_soon()
        delivery = JetStreamDelivery(self._client, self._naming, subject, reply, data, headers)
        try:
            self._on_delivery(delivery)
        except Exception:  # noqa: BLE001 - a defect must not cost credit
            get_logger().exception(
                "a delivery could not be accepted", consumer=self._name, subject=subject
            )
            self.grant(1)

    def _on_status(self, slot: _Slot, code: int, text: str) -> None:
        if code == IDLE_HEARTBEAT:
            return
        self._give_back(slot)
        if code == TIMED_OUT:
            self.ask_soon()
            return
        self.paused = True  # until the supervisor has looked after it
        get_logger().debug(
            "a pull request was refused", consumer=self._name, code=code, reason=text
        )

    def _send_back(self, _subject: bytes, reply: bytes, _data: bytes, _raw: bytes | None) -> None:
        """Let another consumer have what was not requested."""
        if reply.startswith(b"$JS.ACK."):
            with contextlib.suppress(Unavailable):
                self._client.send(reply.decode(), "", b"", b"-NAK")

    def _abandon(self, slots: list[_Slot]) -> None:
        self.forget_abandoned()
        self._abandoned = [slot.sid for slot in slots]
        for slot in slots:
            self._give_back(slot)
            with contextlib.suppress(Unavailable):
                self._client.unlisten(slot.sid, self._send_back)
        self._slots = [slot for slot in self._slots if slot not in slots]
