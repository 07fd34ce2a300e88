"""What expressions are given: of a run's records what they name, and nothing else.

An output that no expression names is neither loaded nor decoded, and one that several name is
decoded once for all of them, as long as it is among the latest used.
"""

from __future__ import annotations

__all__ = ["Values"]

import asyncio
from typing import TYPE_CHECKING, Any

from flowworker.codec.cloudevents import timestamp
from flowworker.codec.json import decode_value
from flowworker.core.ids import defined_id
from flowworker.core.payload import Inline
from flowworker.core.status import StepStatus
from flowworker.stores.payload_cache import PayloadCache
from flowworker.stores.sealing import INPUT, items_place, output_places

if TYPE_CHECKING:
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.expressions import Names
    from flowworker.stores.payload_cache import Place
    from flowworker.stores.payloads import PayloadStore


class Values:
    """Loads values for expressions; one for all runs that a process looks at."""

    def __init__(self, payloads: PayloadStore, room: int) -> None:
        """Load from `payloads`, and keep up to `room` bytes of what was loaded."""
        self._payloads = payloads
        self._cache = PayloadCache(payloads, room)

    async def of(self, state: RunState, names: Names, step: str = "") -> dict[str, Any]:
        """The roots `input`, `steps` and `run`, as far as they are named.

        They are shared, and must not be changed. For an instance `step` of a loop, its own id among
        `steps` names the instance.

        Raises:
            CorruptRecord: a payload cannot be read, or is missing.
            Unavailable: the store cannot be reached, or a key is missing.
        """
        found: dict[str, Any] = {}
        record = state.record
        if "input" in names.roots:
            found["input"] = await self._value(record.input, (record.run, INPUT))
        if "run" in names.roots:
            found["run"] = _run(record)
        if names.steps:
            steps = sorted(names.steps)
            own = {defined_id(step): step}
            seen = (
                self._step(state, own.get(one, one), named=one in names.outputs) for one in steps
            )
            found["steps"] = dict(zip(steps, await asyncio.gather(*seen), strict=True))
        return found

    async def _step(self, state: RunState, step: str, *, named: bool) -> dict[str, Any]:
        at, output, error = state.steps[step], None, None
        if at.result is not None and named:
            output = await self.output(state.record.run, step, at.result)
        if at.error is not None and at.status is StepStatus.FAILED:
            error = {
                "type": at.error.type,
                "message": at.error.message,
                "attempts": at.attempt.number,
            }
        return {
            "output": output,
            "status": at.status.value,
            "error": error,
            "iterations": at.attempt.iteration,
        }

    async def output(self, run: str, step: str, payload: Payload) -> Any:
        """What a step, or an iteration of it, came to. It is shared, and must not be changed.

        Raises: as `of`.
        """
        return await self._value(payload, (run, *output_places(step)))

    async def items(self, state: RunState, loop: str) -> list[Any]:
        """What the instances of a loop have. It is shared, and must not be changed.

        Raises: as `of`.
        """
        place = state.record.run, items_place(loop)
        items: list[Any] = await self._value(state.loops[loop].items, place)
        return items

    async def _value(self, payload: Payload, place: Place) -> Any:
        if (kept := self._cache.peek(payload, place)) is not None:
            return kept[0]
        raw = self._payloads.plain(payload) if isinstance(payload, Inline) else None
        if raw is None:
            return await self._cache.get(payload, decode_value, place)
        value = decode_value(place[-1], raw)
        self._cache.keep(payload, value, place)
        return value


def _run(record: RunRecord) -> dict[str, Any]:
    return {
        "id": record.run,
        "workflow": record.workflow,
        "version": record.version,
        "started_at": timestamp(record.created_at),
        "labels": record.labels,
        "status": (record.ending or record.status).value,
        "error": record.error,
    }
