"""Runs that fall under limits: they ask before they begin, and give back what they have in the end.

    its record, PENDING       before it asks: so that who holds a limit can be looked up
    ask for each limit        in an order that is the same for all
    all let it in             its record says RUNNING, by compare-and-set; then it is announced
    one has no place          it stands on the list of that, and holds those before it; who
                              gives a place back goes on with it from there. Or it is turned away;
                              or those are cancelled that have to give way
    its record is terminal    what it holds is given back, and it is taken off the list

What if a coordinator dies? Who has asked asks again, by the message, the step or the schedule that
it is from, or by the recovery of runs: that is done twice without harm. Who was let in and has not
begun still stands on a list, or asks again; what is not given back is found by the sweep.
"""

from __future__ import annotations

__all__ = ["Gate", "TurnedAway"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import timestamp
from flowworker.codec.index import entry_of
from flowworker.codec.limits import WaitingRun
from flowworker.coordinator.limits.cancelling import Cancelling, allowed
from flowworker.coordinator.limits.desks import Desks
from flowworker.coordinator.limits.run_standing import RunStanding
from flowworker.coordinator.limits.verdict import Full
from flowworker.core.attempt import UNATTEMPTED
from flowworker.core.limit import Strategy
from flowworker.core.limiting import Over
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import Conflict, FlowworkerError, Unavailable
from flowworker.stores.limits import Place
from flowworker.tasks import TaskSet, all_over
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.coordinator.beginning import Beginning
    from flowworker.core.limit import LimitRecord
    from flowworker.core.records import RunRecord
    from flowworker.stores.stores import Stores

_TRIES = 20
"""Conflicts in a row after which it has to be tried again later."""

_NAMED = 3
"""Runs that a reason names."""


class TurnedAway(Exception):
    """A run is not to be, since there is no place for it; the message is the reason.

    Attributes:
        strategy: what is to become of it.
        retry_at: when another one may be, of a rate, epoch seconds; 0.0 if nobody knows.
    """

    def __init__(self, why: str, strategy: Strategy, retry_at: float = 0.0) -> None:
        """Give the reason."""
        super().__init__(why)
        self.strategy = strategy
        self.retry_at = retry_at


class Gate:
    """One for all runs of a coordinator.

    Attributes:
        desks: of the limits that runs fall under.
        cancelling: stops runs for others.
    """

    def __init__(self, stores: Stores, beginning: Beginning, clock: Clock) -> None:
        """Keep who holds limits and who waits in the stores' records."""
        self._store = stores.limits
        self._runs = stores.runs
        self._beginning = beginning
        self._clock = clock
        self._tasks = TaskSet()
        self.cancelling = Cancelling(stores, clock)
        self.desks = Desks(self._store, RunStanding(stores, clock), self._admit, clock)

    async def enter(self, record: RunRecord) -> None:
        """Begin a run that asks for its limits once they let it in. Idempotent.

        Durable when it returns: it has begun, or will by itself.

        Raises:
            TurnedAway: there is no place, and it does not wait for one.
        """
        admission = record.admission
        if admission is None or admission.refused:
            return
        entry = WaitingRun(record.run, admission.uses, admission.ticket)
        if not await self._go_on(entry):
            await self._runs.list_early(record)

    async def enter_or_cancel(self, record: RunRecord) -> None:
        """The same of a run that others know of: it is cancelled if it does not wait."""
        try:
            await self.enter(record)
        except TurnedAway as turned_away:
            await self.cancelling.cancel(record, str(turned_away))

    async def close(self, record: RunRecord, why: TurnedAway) -> TurnedAway | None:
        """See to it that a run that nobody knows of yet never begins; None if it was let in.

        Its record says so until it is removed: nobody else goes on with it, but to remove it. Who
        comes second gives the reason of the first one: so it is refused in one way.
        """
        for _ in range(_TRIES):
            found = await self._runs.load(record.run)
            known = None if found is None else found[0]
            admission = None if known is None else known.admission
            if known is None and may_be_unseen(record.created_at, self._clock.now()):
                raise Unavailable(f"what was read of run {record.run} may be stale")
            if found is None or known is None or admission is None or record.admission is None:
                return why  # another process has removed it
            if admission.ticket != record.admission.ticket:
                return why
            if admission.refused:
                return TurnedAway(admission.refused, why.strategy, admission.retry_at)
            if known.status in TERMINAL:
                return None
            if not known.is_asking:  # who let it in may die before others know of it
                await self._beginning.again(known)
                return None
            refused = replace(admission, refused=str(why), retry_at=why.retry_at)
            closed = replace(known, admission=refused)
            try:
                await self._runs.save(closed, found[1])
            except Conflict:
                continue
            await self.over(closed)
            return why
        raise Unavailable(f"run {record.run} changes all the time, or what was read is stale")

    async def over(self, record: RunRecord) -> None:
        """Give back what a run has that has ended."""
        admission = record.admission
        if admission is None or not admission.ticket:
            return
        over = Over(record.run, "", UNATTEMPTED, admission.ticket)
        if not admission.admitted:
            for use in admission.uses:
                await self._store.leave(Place(use.limit, admission.ticket, record.run, ""))
        held = [use.limit for use in admission.uses if use.rate is None]  # a rate is not held
        await all_over([self.desks.of(limit).over(over) for limit in held])

    async def stop(self) -> None:
        """Decide no more."""
        await self._tasks.close()
        await self.desks.stop()

    async def _go_on(self, entry: WaitingRun) -> bool:
        """Ask for what a run does not have; whether it has begun."""
        while entry.place < len(entry.uses):
            use = entry.uses[entry.place]
            try:
                if not await self.desks.of(use.limit).ask(entry, entry.ticket, again=False):
                    if use.strategy is Strategy.CANCEL_OLDEST:
                        await self.cancelling.make_room(use)
                    return False
            except Full as full:
                opens_at = full.record.opens_at(self._clock.now())
                why = _reason(entry.run, full.record, opens_at)
                raise TurnedAway(why, use.strategy, opens_at) from None
            entry = replace(entry, place=entry.place + 1)
        await self._begin(entry)
        return True

    async def _admit(self, entry: Entry) -> None:
        """One that has waited goes on."""
        if isinstance(entry, WaitingRun):
            await self._go_on(replace(entry, place=entry.place + 1))

    async def _give_back(self, record: RunRecord) -> None:
        try:
            await self.over(record)
        except FlowworkerError as error:  # the sweep finds it
            get_logger().warning("limit: not given back", run=record.run, error=str(error))

    async def _begin(self, entry: WaitingRun) -> None:
        """All limits have let it in; what follows may have been done before, and is again."""
        for _ in range(_TRIES):
            found = await self._runs.load(entry.run)
            record = None if found is None else found[0]
            admission = None if record is None else record.admission
            if found is None or record is None or admission is None:
                since = Place("", entry.ticket, entry.run, "").since
                if may_be_unseen(since, self._clock.now()):
                    raise Unavailable(f"what was read of run {entry.run} is stale")
                return  # it was removed; the sweep finds what it holds
            if admission.ticket > entry.ticket:
                return  # that one is removed, and this is another
            if admission.ticket < entry.ticket:
                raise Unavailable(f"what was read of run {entry.run} is of one before it")
            if record.status in TERMINAL or admission.refused:
                if record.is_asking and not admission.refused:
                    # It ended before it was listed: recovery does the rest of it
                    await self._runs.index(entry_of(record, RunStatus.PENDING))
                self._tasks.spawn(
                    self._give_back(record)
                )  # at a desk that may wait for this to return
                return
            if not record.is_asking:
                await self._beginning.again(record)
                return
            try:
                await self._beginning.begin(record, found[1])
            except Conflict:
                continue
            return
        raise Unavailable(f"run {entry.run} changes all the time, or what was read is stale")


def _reason(run: str, limit: LimitRecord, opens_at: float) -> str:
    """Why there is no place for a run."""
    if limit.rate is not None:
        often = f"{limit.rate}, {limit.rate.at_once:,} at once"
        when = timestamp(opens_at)
        return f"run {run} comes too early: its workflow allows {often}; the next at {when}"
    holders = sorted(limit.holders, key=lambda one: one.ticket)
    names = ", ".join(one.run for one in holders[:_NAMED])
    rest = f" and {len(holders) - _NAMED} others" if len(holders) > _NAMED else ""
    most = allowed(limit.concurrency)
    return f"run {run} is one too many: its workflow allows {most}, and there is {names}{rest}"
