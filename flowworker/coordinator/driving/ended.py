"""Looks in rounds whether every run that has ended will be removed, behind all other work.

The timer of a retention is set before a run leaves the list of what is unfinished. After that it
can only be lost at the server: with its tail (`ports.Tail`), or since a person purged a stream.
Nothing else would ever come back to that run. What a coordinator's start costs must not depend on
how many are retained, nor may the look take what live runs need.

So all runs are looked at slowly, the newest first, because what a server loses is of late. A round
begins with the first sweep of who takes partition 0, with the first one after each start of a
server that may have lost its tail, and `ROUND` seconds after the last one began.

Safety: a timer is set to the moment that follows from the record, by any process, however often.
Liveness: what has no answer is asked for again; who has partition 0 next begins a round anew.
"""

from __future__ import annotations

__all__ = ["RATE", "ROUND", "EndedRuns"]

from typing import TYPE_CHECKING

from flowworker.codec.index import entry_of, time_of
from flowworker.core.status import TERMINAL
from flowworker.errors import CorruptRecord, Unavailable
from flowworker.stores.walk import Walk
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from flowworker.clock import Clock
    from flowworker.codec.index import Entry
    from flowworker.stores.stores import Stores

ROUND = 6 * 3600.0
"""Seconds after which a round begins again."""

RATE = 100
"""Runs in a second: a million takes less than three hours, and a hundredth of a processor."""

_TOGETHER = 50
"""Runs that are asked for at a time."""

_AHEAD = 60.0
"""Seconds by which clocks of coordinators may be ahead of this one."""

_PAUSES = (0.5, 15.0)
"""Seconds after which something is tried again that had no answer: first, and at most."""


class _OverError(Exception):
    """The round is to end: another one is due, or another coordinator makes it."""


class EndedRuns:
    """The rounds of one coordinator."""

    def __init__(
        self,
        stores: Stores,
        restore: Callable[[Sequence[str]], Awaitable[None]],
        is_ours: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Have the retention of runs restored as long as that is this coordinator's to do."""
        self._runs = stores.runs
        self._records = stores.backend.runs
        self._restore = restore
        self._is_ours = is_ours
        self._clock = clock
        self._anew = self._looking = self._listed_anew = False
        self._began = clock.monotonic()
        self._oldest = 0.0
        self._pause = 0.0

    def look_anew(self) -> None:
        """Let the next look begin a round, and end one that is being made."""
        self._anew = True

    async def look(self) -> None:
        """Make a round if one is due; nothing if one is being made."""
        is_due = self._anew or self._clock.monotonic() - self._began >= ROUND
        if self._looking or not is_due or not self._is_ours():
            return
        self._looking, self._anew, self._began = True, False, self._clock.monotonic()
        self._oldest, self._listed_anew = self._clock.now() + _AHEAD, False
        try:
            while not await self._go_on():
                pass
        except _OverError:
            pass
        finally:
            self._looking = False

    async def _go_on(self) -> bool:
        """Go on with the round where it stands; whether it came to its end."""
        try:
            if not self._listed_anew:
                for entry in await self._runs.former():
                    await self._list_anew(entry)
                self._listed_anew = True
            await Walk(self._records, self._visit).back_from(self._oldest)
        except Unavailable as error:
            first, most = _PAUSES
            self._pause = min(max(first, 2 * self._pause), most)
            get_logger().warning("ended runs: no answer, will go on", error=str(error))
            await self._clock.sleep(self._pause)
            self._check()
            return False
        return True

    async def _visit(self, entries: Sequence[Entry]) -> None:
        for first in range(0, len(entries), _TOGETHER):
            some = entries[first : first + _TOGETHER]
            ended = [entry.run for entry in some if entry.status in TERMINAL]
            if ended:
                self._check()
                await self._restore(ended)
                self._pause = 0.0
                await self._clock.sleep(len(ended) / RATE)
            self._oldest = time_of(some[-1].place)

    async def _list_anew(self, entry: Entry) -> None:
        """List an ended run by its time that a former release has listed without."""
        if entry.status not in TERMINAL:
            return  # a sweep does so
        try:
            found = await self._runs.load(entry.run)
        except CorruptRecord as error:
            get_logger().warning("ended runs: one skipped", run=entry.run, error=str(error))
            return
        if found is not None:
            await self._runs.index(entry_of(found[0]))
        await self._runs.unindex(entry)

    def _check(self) -> None:
        if self._anew or not self._is_ours():
            raise _OverError
