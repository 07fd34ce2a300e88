"""Attempts that fall under limits: asked for before they are enqueued, given back when over.

An attempt asks for its limits one after the other, in an order that is the same for all, and is
enqueued when it has all of them. From then on it is as any other.

A delayed attempt asks when its time has come: until then it stands on the list of its first limit
with a ticket for that time, and a timer of its step says when to look.
"""

from __future__ import annotations

__all__ = ["Slots"]

import asyncio
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.keys import step_timer
from flowworker.coordinator.limits.desk import Desk
from flowworker.coordinator.limits.standing import Standing
from flowworker.core.limit import name_of
from flowworker.errors import ExpressionError, FlowworkerError, InvalidInput
from flowworker.ports import StepAddress
from flowworker.stores.limits import Place
from flowworker.tasks import all_over
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.codec.limits import Waiting
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.limit import LimitRecord
    from flowworker.core.state import RunState
    from flowworker.evaluation.terms import Terms
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

_TICKETS = 1_000_000
"""Tickets that differ within a millisecond."""

_MOST_DESKS = 10_000
"""Limits whose records are remembered."""


class Slots:
    """One for all runs of a coordinator."""

    def __init__(
        self,
        stores: Stores,
        terms: Terms,
        refuse: Callable[[bytes, FlowworkerError], Awaitable[None]],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Keep who holds limits and who waits in the stores' records.

        An attempt that has waited and whose message cannot be enqueued is ended by `refuse`.
        """
        self._refuse = refuse
        self._store = stores.limits
        self._steps = stores.backend.steps
        self._timers = stores.backend.timers
        self._terms = terms
        self._standing = Standing(stores, clock)
        self._clock = clock
        self._metrics = metrics
        self._numbers = count()
        self._desks: dict[str, Desk] = {}
        self._awaited: Counter[str] = Counter()

    async def take(self, entry: Waiting, due: float = 0.0, *, again: bool = False) -> None:
        """Enqueue an attempt once its limits let it in, not before `due` (0: at once).

        Durable when it returns. Who does it again, for whatever reason, says so.

        Raises:
            Conflict: a later attempt of the step was let in, so the view of who asks is old.
        """
        if due > self._clock.now():
            await self._later(entry, due, again=again)
            return
        ticket = self._ticket(self._clock.now())
        while entry.place < len(entry.uses):
            desk = self._desk(entry.uses[entry.place].limit)
            if not await desk.ask(entry, ticket, again=again):
                return
            entry = replace(entry, place=entry.place + 1)
        address = StepAddress(entry.queue, entry.priority, entry.run, entry.step)
        await self._steps.enqueue(address, bytes(entry.message), entry.id)

    async def _later(self, entry: Waiting, due: float, *, again: bool) -> None:
        """Have an attempt ask at that time."""
        limit = entry.uses[0].limit
        place = Place(limit, self._ticket(due), entry.run, entry.step)
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
            await self._desk(place.limit).look()
        return bool(places)

    async def look(self, limit: str) -> None:
        """Somebody has changed how many a limit lets in."""
        await self._desk(limit).look(verify=True)

    def over(self, plan: Plan, state: RunState, fact: Fact) -> asyncio.Task[None] | None:
        """Give back the limits of an attempt that is over by a durable fact, if it had some."""
        step = getattr(fact, "step", "")
        if not plan.limited or not step or not plan.knows(step):
            return None
        defined = plan.step(step)
        if not (defined.limits or defined.concurrency):
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
        held = [use.limit for use in uses if use.rate is None]  # a throttle is not held
        await all_over([self._desk(limit).over(over) for limit in held])

    async def stop(self) -> None:
        """Decide no more."""
        await asyncio.gather(*(desk.stop() for desk in self._desks.values()))

    async def forget(self, run: str) -> None:
        """Nothing of a run is to begin, for now or for ever."""
        await self._store.forget(run)

    async def backlog(self) -> dict[str, list[str]]:
        """Steps that something durable moves on: with messages, timers, or a place on a list."""
        found = await self._steps.backlog()
        places = await self._store.waiting()
        self._awaited = Counter(place.limit for place in places)
        for place in places:
            found.setdefault(place.run, []).append(place.step)
        return found

    async def sweep(self, is_ours: Callable[[str], bool]) -> None:
        """Look after the limits that somebody waited for at the latest look at the backlog."""
        ours = sorted(filter(is_ours, self._awaited))
        named = {limit: name for limit in ours if (name := name_of(limit))}
        waiting = {name: float(self._awaited[limit]) for limit, name in named.items()}
        for limit in ours:
            try:
                await self._desk(limit).look(verify=True)
            except FlowworkerError as error:
                get_logger().warning("limit: will try again", limit=limit, error=str(error))
        self._report(waiting, {name: self._desk(limit).record for limit, name in named.items()})

    def _report(self, waiting: dict[str, float], records: dict[str, LimitRecord]) -> None:
        """Have metrics say how named limits are that somebody waits for."""
        metrics, now = self._metrics, self._clock.now()
        metrics.limits_waiting.replace(waiting)
        metrics.limits_held.replace({name: len(one.holders) for name, one in records.items()})
        rates = {name: one.rate for name, one in records.items()}
        metrics.limits_rate.replace({n: rate.per_second for n, rate in rates.items() if rate})
        opens = {name: one.opens_at(now) for name, one in records.items()}
        metrics.limits_next.replace({name: at for name, at in opens.items() if at})

    async def _admit(self, entry: Waiting) -> None:
        """One that has waited goes on; unless its run pauses, which may have been unseen before."""
        try:
            await self.take(replace(entry, place=entry.place + 1))
        except InvalidInput as error:  # so will it be however often it is tried
            await self._refuse(bytes(entry.message), error)
            return
        if await self._standing.pauses(entry.run):
            await self._steps.withdraw(entry.run, ())

    def _desk(self, limit: str) -> Desk:
        desk = self._desks.get(limit)
        if desk is None:
            while len(self._desks) >= _MOST_DESKS:
                eldest, oldest = next(iter(self._desks.items()))
                del self._desks[eldest]
                if oldest.is_busy:
                    self._desks[eldest] = oldest
                    break
            desk = Desk(limit, self._store, self._standing, self._admit, self._clock)
            self._desks[limit] = desk
        return desk

    def _ticket(self, at: float) -> str:
        """For a place on a list, behind all that have an earlier one."""
        return f"{int(at * 1000):014d}-{next(self._numbers) % _TICKETS:06d}"
