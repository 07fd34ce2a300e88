"""A step's input: the run's input and its ancestors' outputs, merged as the seed does it."""

from __future__ import annotations

__all__ = ["StepInputs"]

import asyncio
from typing import TYPE_CHECKING, Any

from flowworker.codec.inputs import merged
from flowworker.codec.json import UNREADABLE, decode_value
from flowworker.codec.messages import decode_input
from flowworker.core.payload import Inline, Stored
from flowworker.errors import CorruptRecord, InvalidInput

if TYPE_CHECKING:
    from flowworker.codec.messages import StepInput, StepMessage
    from flowworker.core.payload import Payload
    from flowworker.stores.payloads import PayloadStore


class StepInputs:
    """Makes the dict that a handler gets of what its message carries."""

    def __init__(self, payloads: PayloadStore) -> None:
        """Load what is stored from `payloads`."""
        self._payloads = payloads

    async def of(self, message: StepMessage) -> dict[str, Any]:
        """The merged map (`codec.inputs`).

        Raises:
            CorruptRecord: a stored payload cannot be read.
            InvalidInput: the run's input is not a JSON object.
        """
        merge = message.input
        if isinstance(merge, Stored):
            merge = await self._unpack(merge)
        base = await self._value(merge.base)
        if not isinstance(base, dict):
            kind = type(base).__name__
            raise InvalidInput(f"the run's input: expected a JSON object, found a {kind}")
        return merged(message.run, base, await self._outputs(merge))

    async def _outputs(self, merge: StepInput) -> list[tuple[str, Any]]:
        if all(isinstance(payload, Inline) for _, payload in merge.outputs):
            return [(step, await self._value(payload)) for step, payload in merge.outputs]
        values = await asyncio.gather(*(self._value(payload) for _, payload in merge.outputs))
        return [(step, value) for (step, _), value in zip(merge.outputs, values, strict=True)]

    async def _unpack(self, stored: Stored) -> StepInput:
        raw = await self._payloads.load(stored)
        try:
            return decode_input(raw)
        except UNREADABLE as error:
            raise CorruptRecord(stored.key, raw, str(error)) from error

    async def _value(self, payload: Payload) -> Any:
        if isinstance(payload, Inline):
            return decode_value("input", bytes(payload.data))
        return decode_value(payload.key, await self._payloads.load(payload))
