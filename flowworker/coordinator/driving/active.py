"""The runs that a coordinator holds in memory: begun or rebuilt, followed, forgotten.

They are a cache of records, and never more: what is forgotten can be rebuilt at any time. A run
whose effects were not all performed, for whatever reason, is forgotten, since what is in memory
says that they were.

A view of a partition is right as long as this coordinator alone gets its events. Each view has a
number, its generation: a run that is held from an earlier one is rebuilt before it is followed. So
are all after a start of the server, where that may have lost events (`ports.Tail`).

Decisions about a run are made one after the other. A question is answered, and decided upon, before
the next fact is followed. Effects overlap if they are nothing but step messages: the order in which
these are enqueued does not matter. Every other effect waits until the step messages of earlier
decisions are durable, and is performed alone.

Safety: an event is acknowledged when its own effects are durable, whatever becomes of those of
others. If some fail, their event comes again and the run is forgotten; what was decided meanwhile
followed from facts, and holds. Liveness: nothing waits but for effects of earlier events.
"""

from __future__ import annotations

__all__ = ["ActiveRuns"]

import itertools
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from flowworker.codec.facts import begun_run
from flowworker.coordinator.driving.newness import Newness
from flowworker.coordinator.driving.settled import Settled
from flowworker.coordinator.history import History
from flowworker.coordinator.live import ForgottenOnFailure, LiveRun, only_dispatches, passed_on
from flowworker.coordinator.steps.answers import questions
from flowworker.core.decide import decide
from flowworker.core.facts import Signalled
from flowworker.core.rebuild import rebuild
from flowworker.core.staleness import may_be_unseen
from flowworker.core.state import initial
from flowworker.errors import Conflict, Unavailable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from flowworker.clock import Clock
    from flowworker.codec.senders import Published
    from flowworker.coordinator.driving.shared import Shared
    from flowworker.core.effects import Effect
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

    _Perform = Callable[[LiveRun, Sequence[Effect]], Awaitable[None]]

_CANDIDATES = 16
"""Runs that are looked at to find some that can be forgotten."""

_OVERLAPPING = 64
"""Events of one run whose effects are in flight at a time."""


class ActiveRuns:
    """Those of one partition, by their ids.

    Attributes:
        generation: of the partition's view; raised when others may have seen events.
        newness: which starts are believed.
    """

    def __init__(
        self,
        stores: Stores,
        shared: Shared,
        most: Callable[[], int],
        is_busy: Callable[[str], bool],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Hold no more than `most` says, but forget none that `is_busy`."""
        self.generation = 0
        self.newness = Newness(stores.backend.tail)
        self._loses = stores.backend.tail is not None
        self._runs = stores.runs
        self._events = stores.backend.events
        self._outbox = stores.outbox
        self._definitions = stores.definitions
        self._performer = shared.performer
        self._answers = shared.answers
        self._slots = shared.slots
        self._holding = shared.holding
        self._clock = clock
        self._metrics = metrics
        self._rebuilds = shared.rebuilds
        self._most = most
        self._is_busy = is_busy
        self._held: dict[str, LiveRun] = {}
        self._settled = Settled(clock)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, run: str) -> LiveRun | None:
        """A run if it is in memory, of whatever generation: to look at, not to follow."""
        return self._held.get(run)

    def records(self, workflow: str) -> list[RunRecord]:
        """Those of the runs of a workflow that are in memory."""
        every = (live.state.record for live in self._held.values())
        return [record for record in every if record.workflow == workflow]

    def delayed(self) -> list[asyncio.Task[None]]:
        """Dispatches of all runs that wait for a short delay."""
        return [task for live in self._held.values() for task in live.delayed]

    async def view(
        self, run: str, cause: Published, *, generation: int, redelivered: bool
    ) -> LiveRun | None:
        """The run that an event is about; None if it is gone, or nothing follows.

        It is what is in memory, if that is of the present generation. Else it is rebuilt, unless
        the event is the run's start, comes for the first time and carries the whole record, and
        its workflow does not pause.

        Args:
            run: its id.
            cause: the event that is to be followed.
            generation: the present one when the event came.
            redelivered: another coordinator may have followed the event before.

        Raises:
            Conflict, Unavailable: as `rebuild`.
        """
        if self._loses:
            self.generation += self.newness.is_lost()
        live = self._held.get(run)
        if live is not None and live.generation == self.generation:
            return live
        if live is None and self._settled.covers(run, self.generation, cause):
            return None
        event = cause.event
        if live is None and self.newness.is_new(event, redelivered=redelivered):
            record, server = begun_run(event), self.newness.incarnation
            if not self._holding.owes(record):
                plan = await self._definitions.by_hash(record.definition)
                state = initial(plan, record, event.data.revision)
                return self._hold(plan, state, generation, server)
        return await self.rebuild(run, cause=cause)

    async def rebuild(
        self, run: str, *, cause: Published | None = None, abandoned: bool = False
    ) -> LiveRun | None:
        """A run from its records, with whatever may have been lost repeated; None if it is gone.

        Args:
            run: its id.
            cause: an event that the records have to reflect as well, if it is believed.
            abandoned: no worker executes any attempt of it, whatever leases say.

        Raises:
            Conflict: another coordinator changed the run meanwhile.
            Unavailable: among others, if the records are older than what was published of them.
        """
        generation, live = self.generation, self._held.get(run)
        if live is not None:
            await live.inflight.at_most(0)  # what is not there yet would be enqueued twice
            self.forget(live)
        async with self._rebuilds:
            return await self._rebuild(run, generation, cause, abandoned=abandoned)

    async def _rebuild(
        self, run: str, generation: int, cause: Published | None, *, abandoned: bool
    ) -> LiveRun | None:
        # The history first, so that the records must know all of it.
        server = self.newness.incarnation
        published = await self._events.history(run)
        kept = await self._outbox.kept(run, published)
        found = await self._runs.load(run)
        plan = None
        if found is not None and found[0].definition:  # else a checkpoint that was not resumed
            plan = await self._definitions.by_hash(found[0].definition)
        steps = {} if found is None else await self._runs.load_steps(run, plan)
        history = History(run, plan, published, "" if found is None else found[0].origin)
        lost = history.lost(kept)  # also what causes this, if it came before the server's start
        if cause is not None and cause.event.id not in history:
            history.add(cause.event, cause.sender)
        unbegun = found is not None and not found[0].has_begun
        revision, now = 0 if found is None else found[1], self._clock.now()
        unseen = found is None and cause is not None and may_be_unseen(cause.stored, now)
        if unseen or history.is_ahead(revision, steps, now, unbegun=unbegun):
            raise Unavailable(f"what was read of run {run} is stale")
        if found is None:
            return None
        record, revision = found
        if plan is None or not record.is_prepared:
            await self._runs.relist(record)
            return None
        await self._holding.tell(record, history)
        requests = history.requests
        state, effects = rebuild(
            plan, record, revision, steps, now, abandoned=abandoned, requests=requests
        )
        live = self._hold(plan, state, generation, server)
        self._metrics.recoveries.inc()
        with ForgottenOnFailure(live, self.forget):
            await self._performer.restore(live, effects, steps, history, lost)
            await self._answer(live, effects, partial(self._restore_more, history))
            # Last: recovery does not find an ended run once it is not listed as unfinished
            await self._runs.relist(live.state.record)
        if live.ended or live.state.record.is_early:  # its start is not to be missed
            self.forget(live)
            self._settled.note(run, generation, history)
        return live

    async def follow(
        self, live: LiveRun, fact: Fact, pass_on: Callable[[], None] | None = None
    ) -> bool:
        """Decide what follows from a fact and do it; whether the fact changed anything.

        Args:
            live: the run; its facts are followed one after the other.
            fact: what happened.
            pass_on: called if the next fact of the run may be followed while effects are in flight.

        Raises:
            Conflict: what is in memory is stale: somebody else changed the run, or effects failed
                that it takes for performed. Not once `pass_on` was called.
        """
        before = live.state
        given_back = self._slots.over(live.plan, before, fact)
        state, effects = decide(live.plan, before, fact, self._clock.now())
        # Also steps that look again at what they wait for.
        changed = state is not before or bool(effects) or isinstance(fact, Signalled)
        overlaps = pass_on is not None and only_dispatches(effects)
        if effects:
            await live.inflight.at_most(_OVERLAPPING - 1 if overlaps else 0)
            if self._held.get(before.record.run) is not live:
                raise Conflict(f"effects of earlier events of run {before.record.run} failed")
        live.state = state
        with ForgottenOnFailure(live, self.forget):
            if pass_on is None or not overlaps:
                await self._performer.perform(live, effects)
                await self._answer(live, effects, self._performer.perform)
            else:
                with live.inflight, passed_on:
                    pass_on()
                    await self._performer.perform(live, effects)
        if given_back is not None and (pass_on is None or not changed):
            await given_back  # after what changes nothing the run is rebuilt
        elif given_back is not None and pass_on is not None:
            with passed_on:
                pass_on()  # many attempts may end while a place is given to another one
                await given_back
        return changed

    async def _answer(self, live: LiveRun, effects: Sequence[Effect], perform: _Perform) -> None:
        """Answer what was asked, and do what follows from that, until nothing more is asked."""
        asked = deque(questions(effects))
        while asked:
            fact = await self._answers.to(live.plan, live.state, asked.popleft())
            if fact is None:
                continue
            live.state, more = decide(live.plan, live.state, fact, self._clock.now())
            await perform(live, more)
            asked.extend(questions(more))

    async def _restore_more(
        self, history: History, live: LiveRun, effects: Sequence[Effect]
    ) -> None:
        await self._performer.restore(live, effects, {}, history)

    def forget(self, live: LiveRun) -> None:
        """Hold it no more; its delayed dispatches are not made."""
        run = live.state.record.run
        if self._held.get(run) is live:
            del self._held[run]
        for task in live.delayed:
            task.cancel()

    def _hold(self, plan: Plan, state: RunState, generation: int, server: str) -> LiveRun:
        live = LiveRun(plan, state, generation, self._clock.monotonic(), server)
        self._held[state.record.run] = live
        surplus = len(self._held) - self._most()
        if surplus > 0:
            # Those that were taken in first, unless they are being worked on.
            eldest = list(itertools.islice(self._held, _CANDIDATES))
            idle = (one for run in eldest if self._is_idle(run, one := self._held[run]))
            for one in itertools.islice(idle, surplus):
                self.forget(one)
        return live

    def _is_idle(self, run: str, live: LiveRun) -> bool:
        return not (self._is_busy(run) or live.delayed or live.inflight)
