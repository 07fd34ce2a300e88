"""`dev --reload`: workers and definitions are loaded anew when one of the user's files changes.

The new version is loaded beside the active one, which is replaced only if that succeeds: a mistake
is printed, and the next change awaited. The old workers then drain, while the new ones already
work.
"""

from __future__ import annotations

__all__ = ["Reloader"]

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from flowworker.cli.changes import Changes
from flowworker.cli.errors import report, say
from flowworker.cli.tables import plain
from flowworker.errors import DefinitionError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.cli.crew import Crew


_WAITING = "waiting for a change"


class Reloader:
    """The workers of `dev`, of the latest version that could be loaded."""

    def __init__(
        self,
        make_crew: Callable[[], Crew],
        register: Callable[[frozenset[str]], Awaitable[tuple[str, ...]]],
        definitions: str | None,
    ) -> None:
        """Watch from now on; `run` begins.

        Args:
            make_crew: describes workers.
            register: loads the definitions and publishes them, given the names of all handlers;
                returns the queues of their steps.
            definitions: where they are.
        """
        self._make_crew = make_crew
        self._register = register
        self._changes = Changes(Path.cwd(), None if definitions is None else Path(definitions))
        self._crews: set[Crew] = set()
        self._current: Crew | None = None
        self._following: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the latest version at work, until all are drained."""
        async with asyncio.TaskGroup() as group:
            self._following = group.create_task(self._follow(group))

    async def drain(self) -> None:
        """End in order: all workers, also those that an earlier change asked to."""
        if self._following is not None:
            self._following.cancel()
        await asyncio.gather(*(crew.drain() for crew in self._crews))

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Load what there is, and again after each change, also if that is not done yet."""
        while True:
            async with asyncio.TaskGroup() as attempt:
                loading = attempt.create_task(self._load(group))
                changed = await self._changes.next()
                loading.cancel()
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            say(f"{plain(str(changed[0]))}{more} changed: loading anew")

    async def _load(self, group: asyncio.TaskGroup) -> None:
        """Have what there is now at work in place of what was, if it can be loaded."""
        old, new = self._current, self._make_crew()
        self._crews.add(new)
        try:
            loaded = await new.load()
            self._changes.watch(loaded.files)
            queues = await self._register(loaded.handlers)
        except (InvalidInput, DefinitionError) as error:
            report(error)
            say(_WAITING if old is None else f"{_WAITING}; the version before goes on")
        else:
            self._current = new
            if old is not None:
                group.create_task(self._retire(old))
                say("loaded: steps that begin from now on are run by this version")
            group.create_task(self._work(new, queues))
        finally:
            if self._current is not new:
                await self._retire(new)

    async def _work(self, crew: Crew, queues: tuple[str, ...]) -> None:
        try:
            await crew.work(queues)
        except* InvalidInput as error:
            report(error)
            say(_WAITING)
            await self._retire(crew)

    async def _retire(self, crew: Crew) -> None:
        await crew.drain()
        self._crews.discard(crew)
