"""What a child run resulted in, as the output of its parent's step."""

from __future__ import annotations

__all__ = ["ChildResults"]

from typing import TYPE_CHECKING

from msgspec import Raw

from flowworker.codec.json import encode
from flowworker.core.ids import COORDINATOR
from flowworker.stores.sealing import RESULT, output_place, output_places

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.stores.payloads import PayloadStore


class ChildResults:
    """Copies them: what a run has put out is removed with it."""

    def __init__(self, payloads: PayloadStore) -> None:
        """Read from there, and write to there."""
        self._payloads = payloads

    async def to(self, run: RunRecord, step: str, plan: Plan, state: RunState) -> Payload:
        """The result of the run `state`, as the output of a step of `run`.

        That is what its workflow says, or else the outputs of the steps on which nothing depends.

        Raises:
            CorruptRecord, Unavailable: it cannot be read.
            InvalidInput: it is too large.
        """
        child, whole = state.record.run, state.record.output
        if whole is not None:
            data = await self._payloads.load(whole, child, RESULT)
        else:
            outputs: dict[str, Raw] = {}
            for leaf in plan.leaves:
                payload = state.steps[leaf].output
                if payload is not None:
                    raw = await self._payloads.load(payload, child, *output_places(leaf))
                    outputs[leaf] = Raw(raw)
            data = encode(outputs)
        return await self._payloads.pack(
            run.run,
            COORDINATOR,
            f"child.{step}",
            data,
            place=output_place(step),
            private=run.secrets is not None or state.record.secrets is not None,
        )
