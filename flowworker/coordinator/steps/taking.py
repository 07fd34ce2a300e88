"""Which signal a step that waits completes with: the oldest that is free and that it accepts.

Why each is taken once says `docs/explanation/one-signal.md`.

Of one run and name, attempts look one after the other, and those that began to wait for their turn
before the signals were read share what was read: a thousand attempts that are woken together read
a thousand signals once. What comes, or is given back, later wakes them again.
"""

from __future__ import annotations

__all__ = ["Taking"]

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import decode_value, encode
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR
from flowworker.core.status import Outcome
from flowworker.errors import Conflict
from flowworker.stores.sealing import ANSWER

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, SignalRecord, StepRecord
    from flowworker.core.state import RunState
    from flowworker.evaluation.evaluation import Evaluation
    from flowworker.stores.stores import Stores


@dataclass(slots=True)
class _Shared:
    """The signals of one run and name, for those that look at them now.

    Attributes:
        users: how many look, or wait for their turn.
        read: when they were read, as a turn.
        free: those that nobody has, by id, the oldest first.
        taken: those that somebody has, by the attempt.
    """

    users: int = 0
    read: int = 0
    free: dict[str, tuple[SignalRecord, int]] = field(default_factory=dict)
    taken: dict[str, SignalRecord] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Taking:
    """Takes signals for attempts of steps."""

    def __init__(self, stores: Stores, evaluation: Evaluation, clock: Clock) -> None:
        """Take from the stores."""
        self._namespace = stores.backend.namespace
        self._events = stores.backend.events
        self._signals = stores.signals
        self._payloads = stores.payloads
        self._runs = stores.runs
        self._evaluation = evaluation
        self._clock = clock
        self._turns = itertools.count(1)
        self._shared: dict[tuple[str, str], _Shared] = {}

    async def take(
        self, plan: Plan, state: RunState | None, run: str, record: StepRecord
    ) -> SignalRecord | None:
        """The signal that the attempt has now, if there is one for it.

        Without a state, one that it has taken before.

        Raises:
            ExpressionError: whether one is meant cannot be said.
        """
        wait = plan.step(record.step).wait_for
        if wait is None:
            return None
        key, turn = (run, wait.signal), next(self._turns)
        shared = self._shared.setdefault(key, _Shared())
        shared.users += 1
        try:
            async with shared.turn:
                if shared.read < turn:
                    await self._read(shared, *key)
                return await self._taken(shared, plan, state, record)
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[key]

    async def _read(self, shared: _Shared, run: str, name: str) -> None:
        turn = next(self._turns)
        found = await self._signals.of(run, name)
        free = await asyncio.gather(*(self._is_free(signal) for signal, _ in found))
        shared.free = {one[0].id: one for one, is_free in zip(found, free, strict=True) if is_free}
        shared.taken = {signal.taken_by: signal for signal, _ in reversed(found)}
        shared.read = turn

    async def _taken(
        self, shared: _Shared, plan: Plan, state: RunState | None, record: StepRecord
    ) -> SignalRecord | None:
        attempt = _name_of(record)
        if (taken := shared.taken.get(attempt)) is not None or state is None:
            return taken
        for signal, revision in tuple(shared.free.values()):
            if not await self._is_meant(plan, state, record.step, signal):
                continue
            is_ours = await self._take(signal, revision, attempt)
            del shared.free[signal.id]
            if is_ours:
                shared.taken[attempt] = signal
                return signal
        return None

    async def _take(self, signal: SignalRecord, revision: int, attempt: str) -> bool:
        try:
            await self._signals.take(signal, revision, attempt)
        except Conflict:  # another step has it, or another look of this one
            return await self._signals.holder(signal) == attempt
        return True

    async def give_back(self, run: RunRecord, record: StepRecord, signal: SignalRecord) -> None:
        """The attempt ended without the signal that it has taken: others look again."""
        now = self._clock.now()
        data = EventData(
            id=run.run, name=run.workflow, version=run.version, at=now, signal=signal.name
        )
        detail = f"{signal.id}/{_name_of(record)}"
        event = cloud_event(self._namespace, EventType.SIGNALLED, data, now, detail)
        await self._events.publish_before_end(run.run, event.type, encode(event), event.id)

    async def _is_free(self, signal: SignalRecord) -> bool:
        """Whether nobody has it, or who has it ended without it."""
        if not signal.taken_by:
            return True
        step, *attempt = signal.taken_by.rsplit("/", 2)  # `step/kind/turn.number`
        found = await self._runs.load_step(COORDINATOR, signal.run, step)
        if found is None:
            return False
        record = found[0]
        same = str(record.attempt) == "/".join(attempt)
        ended = record.outcome is not Outcome.RUNNING
        return (ended and record.signal != signal.id) if same else True

    async def _is_meant(self, plan: Plan, state: RunState, step: str, signal: SignalRecord) -> bool:
        wait = plan.step(step).wait_for
        if wait is None or wait.match is None:
            return True
        raw = await self._payloads.load(signal.payload, signal.run, ANSWER)
        value = decode_value(signal.id, raw)
        return await self._evaluation.truth(
            plan, state, step, "match", wait.match, {"signal": value}
        )


def _name_of(record: StepRecord) -> str:
    return f"{record.step}/{record.attempt}"
