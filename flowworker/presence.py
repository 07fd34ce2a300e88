"""Says in a fleet that a process is there and what it does, until it ends.

It is said every `BEAT` seconds, and within a second when the process drains or its partitions
change: one message for a coordinator, one for each queue of a worker. Nobody decides anything upon
it, so what goes wrong is logged, and the process goes on.
"""

from __future__ import annotations

__all__ = ["BEAT", "TIME_TO_LIVE", "Member", "present"]

import asyncio
import os
import socket
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.presence import presence_keys
from flowworker.errors import FlowworkerError
from flowworker.tasks import TaskSet
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowworker.clock import Clock
    from flowworker.codec.presence import Presence
    from flowworker.ports import Presences

BEAT = 10.0
"""Seconds between two times that a process says it is there."""

TIME_TO_LIVE = 30
"""Seconds after which a process that says nothing any more is not shown: three beats missed."""

LOOK = 1.0
"""Seconds between two looks at whether there is something new to say."""

PARTING = 1.0
"""Seconds that a process which ends takes at most to say so."""


class Member(Protocol):
    """A coordinator or a worker."""

    @property
    def queues(self) -> tuple[str, ...]:
        """Where a worker takes steps from; none of a coordinator."""
        ...

    def presence(self) -> Presence | None:
        """What it does at this moment; None before it has begun."""
        ...


@asynccontextmanager
async def present(presences: Presences, clock: Clock, *members: Member) -> AsyncIterator[None]:
    """Show these members of a fleet, all of this process, for as long as the context lasts."""
    process = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": version("flowworker"),
        "started": clock.now(),
    }
    beats = [_Beats(presences, clock, member, process) for member in members]
    tasks = TaskSet()
    for each in beats:
        tasks.spawn(each.run(), "presence")
    try:
        yield
    finally:
        await tasks.close()
        await asyncio.gather(*(each.end() for each in beats))


class _Beats:
    """Of one member."""

    def __init__(
        self, presences: Presences, clock: Clock, member: Member, process: dict[str, Any]
    ) -> None:
        self._presences = presences
        self._clock = clock
        self._member = member
        self._process = process
        self._said: Presence | None = None
        self._complaint = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = self._clock.monotonic() + BEAT
            self._said = self._member.presence() or self._said
            if self._said is not None:
                await self._say(self._said)
            while self._clock.monotonic() < due and not self._has_changed():
                await self._clock.sleep(LOOK)

    async def end(self) -> None:
        """Take it away at once; if that cannot be done soon, it ends by itself."""
        if self._said is None:
            return
        with suppress(TimeoutError, FlowworkerError):
            async with asyncio.timeout(PARTING):
                for key in presence_keys(self._said, self._member.queues):
                    await self._presences.remove(key)

    def _has_changed(self) -> bool:
        """Whether it is not to wait for the next beat: everything is but a count."""
        found = self._member.presence()
        if found is None:
            return False
        return self._said is None or replace(found, running=0) != replace(self._said, running=0)

    async def _say(self, found: Presence) -> None:
        value = encode(replace(found, at=self._clock.now(), **self._process))
        try:
            for key in presence_keys(found, self._member.queues):
                await self._presences.put(key, value, TIME_TO_LIVE)
            self._complaint = ""
        except FlowworkerError as error:
            if str(error) != self._complaint:
                get_logger().warning("this process is not shown to others", error=str(error))
            self._complaint = str(error)
