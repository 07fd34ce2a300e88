"""Attempts that fall under limits: asked for before they are enqueued, given back when over.

An attempt asks for its limits one after the other, in an order that is the same for all, and is
enqueued when it has all of them. From then on it is as any other.

A delayed attempt asks when its time has come: until then it stands on the list of its first limit
with a ticket for that time, and a timer of its step says when to look.
"""

from __future__ import annotations

__all__ = ["Slots"]

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.keys import step_timer
from flowworker.codec.limits import Waiting
from flowworker.coordinator.limits.desks import Desks
from flowworker.coordinator.limits.standing import StepStanding
from flowworker.coordinator.limits.width import Widths
from flowworker.core.admission import ticket_at
from flowworker.errors import CorruptRecord, ExpressionError, FlowworkerError, InvalidInput
from flowworker.ports import StepAddress
from flowworker.stores.limits import Place
from flowworker.tasks import all_over

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.limit import Use
    from flowworker.core.state import RunState
    from flowworker.evaluation.terms import Terms
    from flowworker.stores.stores import Stores


class Slots:
    """One for all runs of a coordinator.

    Attributes:
        desks: of the limits that steps fall under.
    """

    def __init__(
        self,
        stores: Stores,
        terms: Terms,
        refuse: Callable[[bytes, FlowworkerError], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """Keep who holds limits and who waits in the stores' records.

        An attempt that has waited and whose message cannot be enqueued is ended by `refuse`.
        """
        self._refuse = refuse
        self._store = stores.limits
        self._steps = stores.backend.steps
        self._timers = stores.backend.timers
        self._terms = terms
        self._standing = StepStanding(stores, clock)
        self._clock = clock
        self._numbers = count()
        width = Widths(stores.backend.presences, clock).of
        self.desks = Desks(self._store, self._standing, self._admit, clock, width)

    async def take(self, entry: Waiting, due: float = 0.0, *, again: bool = False) -> None:
        """Enqueue an attempt once its limits let it in, not before `due` (0: at once).

        Durable when it returns. Who does it again, for whatever reason, says so.

        Raises:
            Conflict: a later attempt of the step was let in, so the view of who asks is old.
        """
        if due > self._clock.now():
            await self._later(entry, due, again=again)
            return
        at, number = self._clock.now(), next(self._numbers)
        passed = await self._passed(entry) if again and not entry.place else 0
        while entry.place < len(entry.uses):
            use = entry.uses[entry.place]
            if entry.place >= passed or not await self._is_rate(use):
                ticket = ticket_at(at, number, use.share)
                if not await self.desks.of(use.limit).ask(entry, ticket, again=again):
                    return
            entry = replace(entry, place=entry.place + 1)
        address = StepAddress(entry.queue, entry.priority, entry.run, entry.step)
        await self._steps.enqueue(address, bytes(entry.message), entry.id)

    async def _passed(self, entry: Waiting) -> int:
        """How many limits have let in an attempt that asks again: it waits behind them.

        That matters where a rate is among them: who holds a limit stands in its record, and asks
        again for nothing, but who has passed a rate stands nowhere, and would use it up twice.
        """
        if len(entry.uses) == 1:
            return 0
        limits = [use.limit for use in entry.uses]
        for place in reversed(await self._store.waiting(run=entry.run, step=entry.step)):
            found = await self._store.entry(place)
            if isinstance(found, Waiting) and found.attempt == entry.attempt:
                return limits.index(place.limit) if place.limit in limits else 0
        return 0

    async def _is_rate(self, use: Use) -> bool:
        """Whether it names nobody whom it has let in."""
        if use.rate is not None or use.concurrency is not None:
            return use.rate is not None
        record, _ = await self._store.load(use.limit)
        return record.rate is not None and not record.concurrency

    async def _later(self, entry: Waiting, due: float, *, again: bool) -> None:
        """Have an attempt ask at that time."""
        limit, share = entry.uses[0].limit, entry.uses[0].share
        ticket = ticket_at(due, next(self._numbers), share)
        place = Place(limit, ticket, entry.run, entry.step)
        former = await self._store.waiting(limit, entry.run, entry.step) if again else []
        await self._store.queue(place, entry)
        await self._timers.set(entry.run, step_timer(entry.step), due)
        for one in former:
            await self._store.leave(one)

    async def wake(self, run: str, step: str) -> bool:
        """The timer of a step went off: the time of an attempt has come, if it waits still."""
        places = await self._store.waiting(run=run, step=step)
        for place in places:
            left = place.since - self._clock.now()
            if left > 0.0:  # this clock is late
                await self._clock.sleep(left)
            await self.desks.of(place.limit).look()
        return bool(places)

    async def look(self, limit: str) -> None:
        """Somebody has changed how many a limit lets in."""
        await self.desks.of(limit).look(verify=True)

    def over(self, plan: Plan, state: RunState, fact: Fact) -> asyncio.Task[None] | None:
        """Give back the limits of an attempt that is over by a durable fact, if it had some."""
        if not plan.limited:
            return None
        step = getattr(fact, "step", "")
        if not step or not plan.knows(step):
            return None
        defined = plan.step(step)
        if not (defined.limits or defined.concurrency or defined.fairness):
            return None
        task = asyncio.create_task(self._give_back(plan, state, fact, step))
        # If something else fails first nobody waits for it: the fact comes again.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _give_back(self, plan: Plan, state: RunState, fact: Fact, step: str) -> None:
        over = await self._standing.over(plan, state.record.run, fact)
        if over is None:
            return
        try:
            uses = await self._terms.limits(plan, state, step)
        except ExpressionError:
            return  # then it had none
        except CorruptRecord:  # also if the run is removed meanwhile: who asks next finds it over
            return
        held = [use.limit for use in uses if use.rate is None]  # a throttle is not held
        await all_over([self.desks.of(limit).over(over) for limit in held])

    async def forget(self, run: str) -> None:
        """Nothing of a run is to begin, for now or for ever."""
        await self._store.forget(run)

    async def _admit(self, entry: Entry) -> None:
        """One that has waited goes on; unless its run pauses, which may have been unseen before."""
        if not isinstance(entry, Waiting):
            return
        try:
            # A list that was too old may have hidden before where it waits.
            await self.take(replace(entry, place=entry.place + 1), again=True)
        except InvalidInput as error:  # so will it be however often it is tried
            await self._refuse(bytes(entry.message), error)
            return
        if await self._standing.pauses(entry.run):
            await self._steps.withdraw(entry.run, ())
