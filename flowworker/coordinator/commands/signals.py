"""Signals come in: each is kept for its run, and the run's scheduler hears of it.

What is durable after each step, and what follows if a process dies there, says
`docs/explanation/one-signal.md`.
"""

from __future__ import annotations

__all__ = ["Signals"]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import EventData
from flowworker.codec.json import is_json
from flowworker.codec.messages import FLOW_INPUT, MSG_ID
from flowworker.coordinator.commands.addressing import find_run, publish_to_run
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import payload_of
from flowworker.coordinator.commands.uploads import Gone, load_upload, open_sealed
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR, DOTTED_NAME, MAX_NAME, RUN_ID
from flowworker.core.payload import Stored
from flowworker.core.records import SignalRecord
from flowworker.core.staleness import may_be_unseen
from flowworker.errors import InvalidInput
from flowworker.stores.sealing import ANSWER
from flowworker.stores.signals import signal_id
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
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
        what, now = f"signal.{name}", self._clock.now()
        record, _ = await find_run(self._stores.runs, run, what, delivery, now)
        identity = signal_id(delivery.sequence, delivery.time)
        payload = await self._payload(record, name, identity, delivery)
        signal = SignalRecord(run, name, identity, delivery.time, payload)
        message_id = delivery.headers.get(MSG_ID, "").removeprefix(f"{run}.")
        if not await self._stores.signals.keep(signal, message_id):
            get_logger().info("signal was sent before", run=run, signal=name)
            return
        data = EventData(id=run, name=record.workflow, version=record.version, at=now, signal=name)
        await publish_to_run(self._backend, record, what, EventType.SIGNALLED, data, identity)

    async def _payload(
        self, record: RunRecord, name: str, identity: str, delivery: Delivery
    ) -> Payload:
        """What the signal says, as it is kept. It may be a step's output, which a person gave."""
        run, private = record.run, record.secrets is not None
        try:
            data = await self._data(run, delivery)
            if not is_json(data):
                raise Rejected(f"signal.{name}: the body is not JSON")
            kept = f"signal.{identity}"
            pack = self._stores.payloads.pack
            return await pack(run, COORDINATOR, kept, data, place=ANSWER, private=private)
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
