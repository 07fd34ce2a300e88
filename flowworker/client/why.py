"""Reads what a diagnosis is made of: records, who is there, where messages are.

All of it is read one after the other while the run may go on. That a coordinator is awaited follows
from what is *not* there, so it is believed only if the records are the same afterwards.
"""

from __future__ import annotations

__all__ = ["Why", "with_reasons"]

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from flowworker.client import members
from flowworker.client.looking import PARALLEL, Look, Looking
from flowworker.codec.json import UNREADABLE
from flowworker.codec.messages import decode_step_message
from flowworker.codec.pauses import Pausable
from flowworker.core.ids import partition_of
from flowworker.core.lane import lanes_of
from flowworker.core.status import Kind, Outcome, Priority, StepStatus
from flowworker.diagnosis import Evidence, Place, ReasonKind, diagnose
from flowworker.diagnosis.limits import Slot
from flowworker.diagnosis.runs import not_begun
from flowworker.diagnosis.unclaimed import unclaimed_steps
from flowworker.errors import CorruptRecord, PermissionDenied, RunNotFound
from flowworker.ports import StepAddress
from flowworker.stores.limits import in_order

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from flowworker.client.steps import StepView
    from flowworker.client.views import RunView
    from flowworker.clock import Clock
    from flowworker.core.status import RunStatus
    from flowworker.diagnosis import Diagnosis, Reason
    from flowworker.ports import StepPlace
    from flowworker.stores.stores import Stores

MOST_PLACES = 50
"""Steps of a run whose messages are looked for."""

MOST_CHILDREN = 100
"""Children of a run whose records are read."""

_ROUNDS = 5
"""Looks at a run that moves while it is looked at."""

_AWAITED = {ReasonKind.COORDINATOR, ReasonKind.NO_COORDINATOR, ReasonKind.STOPPING}

T = TypeVar("T")


class Why:
    """Diagnoses runs of one fleet."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._backend = stores.backend
        self._runs = stores.runs
        self._pauses = stores.pauses
        self._limits = stores.limits
        self._looking = Looking(stores, clock)
        self._clock = clock

    async def of(self, run: str, step: str = "", *, children: bool = False) -> Diagnosis:
        """Why a run does not move, or one step of it; with children, those that its steps are."""
        before: object = None
        found, seen = await self._once(run, step)
        for _ in range(_ROUNDS):
            if before == _read(seen) or not _awaits(found):
                break
            before = _read(seen)
            found, seen = await self._once(run, step)
        if not children:
            return found
        below = [one for each in found.steps for one in _children_in(each.reasons)]
        gathered = await asyncio.gather(*(self._below(child) for child in below[:MOST_CHILDREN]))
        return replace(found, children=tuple(one for one in gathered if one is not None))

    async def of_accepted(self, accepted: RunView) -> Diagnosis:
        """The same of a run whose start no coordinator has taken in."""
        there = await _unless_forbidden(members.coordinators(self._backend.presences))
        return not_begun(accepted.id, accepted.workflow, self._clock.now(), there)

    async def _below(self, child: str) -> Diagnosis | None:
        try:
            return await self.of(child, children=True)
        except RunNotFound:
            return None

    async def _once(self, run: str, step: str) -> tuple[Diagnosis, Evidence]:
        look = await self._looking.at(run)
        if step and look.known is not None and not look.known[0].knows(step):
            look.of_step(step)  # raises
        seen = await self._evidence(look)
        return _hidden(diagnose(seen, step), look), seen

    async def _evidence(self, look: Look) -> Evidence:
        """What is known besides. Each part that this user may not read is left out."""
        presences, meter = self._backend.presences, self._backend.meter
        partition = partition_of(look.record.run, self._backend.events.partitions)
        seen = Evidence(
            now=self._clock.now(),
            record=look.record,
            steps=look.steps,
            known=look.known,
            problem="; ".join(look.problems),
            unread=look.unread,
            partition=partition,
        )
        (workers, coordinators, levels, places, queues), (children, slots) = await asyncio.gather(
            asyncio.gather(
                _unless_forbidden(members.workers(presences)),
                _unless_forbidden(members.coordinators(presences)),
                _unless_forbidden(_nothing() if meter is None else meter.events([partition])),
                _unless_forbidden(self._places(seen)),
                _unless_forbidden(self._pauses.paused(Pausable.QUEUE)),
            ),
            asyncio.gather(self._children(look), self._slots(seen)),
        )
        return replace(
            seen,
            workers=workers,
            coordinators=coordinators,
            lag=(levels or {}).get(partition),
            places=places or {},
            queues=queues or {},
            children=children,
            slots=slots,
        )

    async def _places(self, seen: Evidence) -> dict[str, Place | None]:
        """Where the messages of steps are that nobody has claimed, the first MOST_PLACES."""
        wanted = unclaimed_steps(seen)[:MOST_PLACES]
        found = await asyncio.gather(*(self._place(seen, step) for step in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _place(self, seen: Evidence, step: str) -> Place | None:
        defined, run = seen.defined(step), seen.record
        said = run.priority if defined.priority is None else defined.priority
        lanes = lanes_of(Priority(said)) if said in set(Priority) else tuple(Priority)
        found: list[StepPlace] = []
        for lane in lanes:  # an expression may have come to any
            address = StepAddress(defined.queue, lane, run.run, step)
            found += await self._backend.steps.places(address)
        fresh = [one for one in found if _is_of(one, seen, step)]
        if not fresh:
            return None
        best = min(fresh, key=lambda one: one.scheduled)
        return Place(best.stored, best.scheduled, best.handed_out, best.ahead, best.held)

    async def _slots(self, seen: Evidence) -> dict[str, Slot]:
        """The limits for which steps of the run wait, or for which it does, under ""."""
        record = seen.record
        if record.admission is not None and record.is_asking:
            for use in record.admission.uses:
                line = await self._limits.waiting(use.limit)
                found = [one for one in line if one.run == record.run]
                if found:
                    limit, _ = await self._limits.load(use.limit)
                    return {"": Slot(limit, found[0].since, line.index(found[0]))}
            return {}
        return await self._slots_of_steps(seen)

    async def _slots_of_steps(self, seen: Evidence) -> dict[str, Slot]:
        if seen.known is None or not seen.plan.limited:
            return {}
        found: dict[str, Slot] = {}
        mine = await self._limits.waiting(run=seen.record.run)
        for limit in sorted({place.limit for place in mine}):
            record, _ = await self._limits.load(limit)
            line = [*in_order(record, await self._limits.waiting(limit))]
            for place in mine:
                if place.limit == limit:
                    found[place.step] = Slot(record, place.since, line.index(place))
        return found

    async def _children(self, look: Look) -> dict[str, RunStatus | None]:
        """How the runs stand that attempts are."""
        going = (one for one, _ in look.steps.values() if one.outcome is Outcome.RUNNING)
        wanted = [record.child for record in going if record.child][:MOST_CHILDREN]
        gate = asyncio.Semaphore(PARALLEL)
        found: dict[str, RunStatus | None] = {}

        async def read(child: str) -> None:
            async with gate:
                try:
                    entry = await self._runs.load(child)
                except CorruptRecord:
                    return  # its own diagnosis says so
            found[child] = None if entry is None else entry[0].status

        await asyncio.gather(*map(read, wanted))
        return found


def _is_of(place: StepPlace, seen: Evidence, step: str) -> bool:
    """Whether a message is of the attempt that is to be made, and not of one before it."""
    try:
        attempt = decode_step_message(place.data).attempt
    except UNREADABLE:
        return False
    at = seen.at(step)
    if at.status is StepStatus.COMPLETED:
        return attempt.kind is Kind.COMPENSATE
    return attempt > at.attempt if at.status is StepStatus.REPEATING else attempt >= at.attempt


def _hidden(found: Diagnosis, look: Look) -> Diagnosis:
    """The same without the secrets that errors and questions may have."""

    def hidden(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        return tuple(replace(one, text=look.hider.text(one.text)) for one in reasons)

    steps = tuple(replace(one, reasons=hidden(one.reasons)) for one in found.steps)
    return replace(found, reasons=hidden(found.reasons), steps=steps)


def _awaits(found: Diagnosis) -> bool:
    every = (*found.reasons, *(one for step in found.steps for one in step.reasons))
    return any(one.kind in _AWAITED for one in every)


def _read(seen: Evidence) -> object:
    """What a coordinator would have changed."""
    return seen.record, {step: revision for step, (_, revision) in seen.steps.items()}


def _children_in(reasons: tuple[Reason, ...]) -> list[str]:
    return [name for one in reasons if one.kind is ReasonKind.CHILD for name in one.subjects]


async def _nothing() -> None:
    return None


async def _unless_forbidden(asked: Awaitable[T]) -> T | None:
    """The answer, or None if this user may not ask."""
    try:
        return await asked
    except PermissionDenied:
        return None


def with_reasons(run: RunView, found: Diagnosis) -> RunView:
    """A view with what was found out about it, about its steps and its children."""
    of_step = {one.id: one.reasons for one in found.steps}
    of_child = {one.run: one for one in found.children}

    def explained(step: StepView) -> StepView:
        instances = step.instances
        if instances is not None:
            instances = replace(instances, shown=tuple(map(explained, instances.shown)))
        return replace(step, why=of_step.get(step.id, ()), instances=instances)

    children = tuple(
        with_reasons(child, of_child[child.id]) if child.id in of_child else child
        for child in run.children
    )
    steps = tuple(map(explained, run.steps))
    return replace(run, why=found.reasons, steps=steps, children=children)
