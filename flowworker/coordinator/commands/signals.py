"""Signals come in: each is kept for its run, and the run's scheduler hears of it.

What is durable after each step, and what follows if a process dies there, says
`docs/explanation/one-signal.md`.
"""

from __future__ import annotations

__all__ = ["Signals"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode, is_json
from flowworker.codec.messages import FLOW_INPUT, MSG_ID
from flowworker.coordinator.commands.controls import late, publish_started
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import payload_of
from flowworker.coordinator.commands.uploads import Gone, load_upload, open_sealed
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR, DOTTED_NAME, MAX_NAME, RUN_ID
from flowworker.core.payload import Stored
from flowworker.core.records import SignalRecord
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL
from flowworker.errors import InvalidInput
from flowworker.stores.sealing import ANSWER
from flowworker.stores.signals import signal_id
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.payload import Payload
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores


class Signals:
    """Takes `signal.<run>.<name>` in."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Keep signals in the stores, and publish to the backend's event log."""
        self._stores = stores
        self._backend = stores.backend
        self._clock = clock

    async def take(self, rest: str, delivery: Delivery) -> None:
        """One message; `rest` is its subject after `signal.`.

        Raises:
            Rejected: it cannot be kept.
            NotYet: its run may be on its way.
            Unavailable: it is to be tried again.
        """
        run, _, name = rest.partition(".")
        if not RUN_ID.fullmatch(run) or not DOTTED_NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise Rejected(f"signal.{rest[:280]}: expected signal.<run id>.<name>")
        found, now = await self._stores.runs.load(run), self._clock.now()
        if found is None:
            if may_be_unseen(delivery.time, now):
                raise NotYet
            raise Rejected(f"signal.{name}: no run {run!r} exists")
        record = found[0]
        if record.status in TERMINAL:
            raise late(f"signal.{name}", run, record.status)
        identity = signal_id(delivery.sequence, delivery.time)
        payload = await self._payload(run, name, identity, delivery)
        signal = SignalRecord(run, name, identity, delivery.time, payload)
        message_id = delivery.headers.get(MSG_ID, "").removeprefix(f"{run}.")
        if not await self._stores.signals.keep(signal, message_id):
            get_logger().info("signal was sent before", run=run, signal=name)
            return
        if not record.begins_at:
            await publish_started(self._backend, record)
        data = EventData(id=run, name=record.workflow, version=record.version, at=now)
        data = replace(data, signal=name)
        event = cloud_event(self._backend.namespace, EventType.SIGNALLED, data, now, identity)
        body = encode(event)
        if not await self._backend.events.publish_before_end(run, event.type, body, event.id):
            raise late(f"signal.{name}", run, "over")

    async def _payload(self, run: str, name: str, identity: str, delivery: Delivery) -> Payload:
        """What the signal says, as it is kept. It may be a step's output, which a person gave."""
        try:
            data = await self._data(run, delivery)
            if not is_json(data):
                raise Rejected(f"signal.{name}: the body is not JSON")
            kept = f"signal.{identity}"
            return await self._stores.payloads.pack(run, COORDINATOR, kept, data, place=ANSWER)
        except Gone as gone:
            if may_be_unseen(delivery.time, self._clock.now()):
                raise NotYet from gone
            raise
        except InvalidInput as error:
            raise Rejected(f"signal.{name}: {error}") from error

    async def _data(self, run: str, delivery: Delivery) -> bytes:
        if FLOW_INPUT not in delivery.headers:
            return delivery.data or b"null"
        payload = payload_of(run, delivery)
        if isinstance(payload, Stored):
            return await load_upload(self._stores, payload, run, ANSWER)
        return await open_sealed(self._stores.payloads, payload, run, ANSWER)
