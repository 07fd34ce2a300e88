"""What a step is given of others: in its message as long as that is small, else kept once for all.

Many steps of a run may have the same ancestors. Beyond `message_limit` the outputs of those are put
into links of about half that size, each of which names the one before; a message then names the
last link, and carries what is in none yet. So every output is kept once however many steps can see
it, and a message has a limit however many there are. (Outputs above `inline_limit` are references
here, as everywhere.)

Safety: a link never changes, and is kept before a message names it. A coordinator that knows of no
links of a run makes new ones, equal or not: they are under the run's id, and removed with it.
"""

from __future__ import annotations

__all__ = ["Outputs"]

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.codec.json import encode
from flowworker.codec.messages import Earlier, Link, StepInput
from flowworker.coordinator.sizes import AROUND, size_in_message
from flowworker.core.graph import positions
from flowworker.core.ids import COORDINATOR

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload, Stored
    from flowworker.core.state import RunState
    from flowworker.stores.payloads import PayloadStore

_REMEMBERED = 1000
"""Runs whose links are known, the latest ones; until their end, if they end here."""

_NAME = "outputs"

Output = tuple[int, str, "Payload"]
"""Position of a step in topological order, its id, and what it put out."""


@dataclass(slots=True)
class _Chain:
    """The links of one run, oldest first, each with the positions of its steps as bits."""

    links: list[tuple[Stored, int]] = field(default_factory=list)
    linked: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, link: Stored, outputs: list[Output]) -> None:
        steps = sum(1 << position for position, _, _ in outputs)
        self.links.append((link, steps))
        self.linked |= steps

    def depth(self, steps: int) -> int:
        """How many links, from the last one back, may hold some of these."""
        first = next(i for i, (_, held) in enumerate(self.links) if held & steps)
        return len(self.links) - first


class Outputs:
    """Makes the inputs of steps; one for all runs of a coordinator."""

    def __init__(self, payloads: PayloadStore, limit: int) -> None:
        """Keep in `payloads` what exceeds `limit` bytes in one message."""
        self._payloads = payloads
        self._limit = limit
        self._chains: OrderedDict[tuple[str, float], _Chain] = OrderedDict()

    async def of(self, plan: Plan, state: RunState, step: str, *, with_own: bool) -> StepInput:
        """What a step's input is merged from; a compensation also gets the step's own output."""
        steps = plan.before(step)
        if with_own:
            steps |= 1 << plan.position(step)
        if steps.bit_count() * AROUND <= self._limit:  # else it cannot fit
            found, room = _outputs(plan, state, steps), self._limit
            for _, name, payload in found:
                room -= size_in_message(name, payload)
            if room >= 0:
                return StepInput(state.record.input, _named(found))
        return await self._shared(plan, state, steps)

    def forget(self, state: RunState) -> None:
        """No step of the run will be given anything any more."""
        self._chains.pop(_key(state), None)

    async def _shared(self, plan: Plan, state: RunState, steps: int) -> StepInput:
        chain = self._chain(state)
        async with chain.lock:
            loose = _outputs(plan, state, steps & ~chain.linked)
            while (cut := _full(loose, self._limit // 2)) is not None:
                before = chain.links[-1][0] if chain.links else None
                link = encode(Link(tuple(loose[:cut]), before))
                stored = await self._payloads.store(state.record.run, COORDINATOR, _NAME, link)
                chain.add(stored, loose[:cut])
                loose = loose[cut:]
            if not steps & chain.linked:
                return StepInput(state.record.input, _named(loose))
            earlier = Earlier(
                chain.links[-1][0],
                chain.depth(steps),
                f"{steps:x}",
                tuple(position for position, _, _ in loose),
            )
        return StepInput(state.record.input, _named(loose), earlier)

    def _chain(self, state: RunState) -> _Chain:
        key = _key(state)
        chain = self._chains.setdefault(key, _Chain())
        self._chains.move_to_end(key)
        if len(self._chains) > _REMEMBERED:
            self._chains.popitem(last=False)
        return chain


def _key(state: RunState) -> tuple[str, float]:
    return state.record.run, state.record.created_at  # an id may be used again


def _outputs(plan: Plan, state: RunState, steps: int) -> list[Output]:
    order, states = plan.order, state.steps
    return [
        (position, order[position], payload)
        for position in positions(steps)
        if (payload := states[order[position]].result) is not None
    ]


def _named(outputs: list[Output]) -> tuple[tuple[str, Payload], ...]:
    return tuple([(step, payload) for _, step, payload in outputs])


def _full(outputs: list[Output], size: int) -> int | None:
    """How many of them fill a link; None if they do not."""
    taken = 0
    for index, (_, step, payload) in enumerate(outputs):
        taken += size_in_message(step, payload)
        if taken >= size:
            return index + 1
    return None
