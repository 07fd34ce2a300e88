"""What `with` gives to an attempt: evaluated when it is enqueued, and then plain JSON.

It is in the attempt's message as long as that is small, else kept under a reference. Equal values
of one step are equal bytes, whichever coordinator makes them, and are kept once.
"""

from __future__ import annotations

__all__ = ["Given"]

from typing import TYPE_CHECKING

from flowworker.codec.json import encode_sorted
from flowworker.core.ids import COORDINATOR
from flowworker.stores.sealing import given_place

if TYPE_CHECKING:
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.stores.payloads import PayloadStore


class Given:
    """Makes inputs of what definitions say; one for all runs of a coordinator."""

    def __init__(self, evaluation: Evaluation, payloads: PayloadStore, limit: int) -> None:
        """Keep in `payloads` what has more than `limit` bytes."""
        self._evaluation = evaluation
        self._payloads = payloads
        self._limit = limit

    async def to(self, plan: Plan, state: RunState, wanted: Dispatch) -> Payload:
        """The input of an attempt, to whose call `with` gives something.

        Raises:
            ExpressionError: a value cannot be evaluated.
            InvalidInput: the input is too large, or nested too deep.
            CorruptRecord, Unavailable: as `Values.of`.
        """
        kind = wanted.attempt.kind
        value = await self._evaluation.given(plan, state, wanted.step, kind)
        return await self._payloads.pack(
            state.record.run,
            COORDINATOR,
            f"with.{kind}.{wanted.step}",
            encode_sorted(value),
            place=given_place(wanted.step, kind),
            inline_limit=self._limit,
        )
