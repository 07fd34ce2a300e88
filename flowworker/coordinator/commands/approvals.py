"""Answers to approvals: judged before they are accepted, and rejected if they do not fit."""

from __future__ import annotations

__all__ = ["Approvals"]

import asyncio
from typing import TYPE_CHECKING

import msgspec

from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.ids import shown_id
from flowworker.core.payload import EMPTY
from flowworker.core.rebuild import view
from flowworker.definitions import InputValidator

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.model import Approval
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores


class Approvals:
    """Finds what is asked, and judges what is answered."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Look at the stores."""
        self._stores = stores
        self._clock = clock

    async def asked(
        self, action: str, record: RunRecord, revision: int, step: str
    ) -> tuple[str, Approval]:
        """The step that asks, by its id or as the only one; else Rejected."""
        plan = await self._stores.plan(record)
        asking: dict[str, Approval] = {}
        if plan is not None and not record.is_early:
            steps = await self._stores.runs.load_steps(record.run, plan)
            state = view(plan, record, revision, steps, self._clock.now())
            found = ((one, plan.step(one).approval) for one in sorted(state.waiting))
            asking = {one: asks for one, asks in found if asks and one in state.inflight}
        if step in asking or (not step and len(asking) == 1):
            chosen = step or next(iter(asking))
            return chosen, asking[chosen]
        which = f"step {shown_id(step)!r}" if step else "exactly one step"
        named = ", ".join(map(shown_id, asking)) or "none"
        raise Rejected(
            f"control.{action}: expected {which} of {record.run!r} to ask; those that do: {named}"
        )

    async def output(self, step: str, asked: Approval, data: bytes) -> bytes:
        """What the step completes with, or Rejected: nothing at all is an empty object."""
        data = bytes(EMPTY.data) if data == b"null" else data
        if asked.schema is not None:
            validator = InputValidator(asked.schema)
            value = msgspec.json.decode(data)
            if validator.is_quick(len(data)):
                problems = validator.problems(value)
            else:
                problems = await asyncio.to_thread(validator.problems, value)
            if problems:
                listed = "; ".join(problems)
                shown = shown_id(step)
                raise Rejected(f"control.approve: the output of step {shown!r}: {listed}")
        return data
