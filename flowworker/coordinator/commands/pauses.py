"""Commands about queues and workflows -> their records, and what follows from these.

Safety: what was sent last is what stands in the record. Of a queue, lanes are brought to what it
says. Of coordinators that follow different commands at the same time each looks at the record again
after it has held or released the lanes, so the last one to do so leaves them as the record says.
Of a workflow, each coordinator brings the runs that it drives to it (`driving.holding`): at once
if it was the one that followed the command, else when it looks next.

Liveness: a coordinator that dies between the two leaves a record that is not `followed`, and a
message that comes again, by which all is brought to the record again, whichever command it is of.
"""

from __future__ import annotations

__all__ = ["PauseCommands"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import UNREADABLE
from flowworker.codec.pauses import NAMES, Pausable, PauseAction, decode_pause_command
from flowworker.coordinator.commands.addressing import actor_of
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.ids import origin_of
from flowworker.core.paused import Paused
from flowworker.core.records import shortened
from flowworker.core.standing import said
from flowworker.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.standing import PauseRecord
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores


class PauseCommands:
    """Takes `control.<queue|workflow>.<action>.<name>` in."""

    def __init__(self, stores: Stores, on_workflow: Callable[[], None]) -> None:
        """Write to the stores' records, hold the backend's lanes, and say that a workflow is."""
        self._store = stores.pauses
        self._definitions = stores.definitions
        self._lanes = stores.backend.lanes
        self._on_workflow = on_workflow

    async def take(self, rest: str, delivery: Delivery) -> None:
        """One message; `rest` is its subject after `control.`.

        Raises:
            Rejected: it cannot be followed.
            Conflict, Unavailable: it is to be tried again.
        """
        kind, _, more = rest.partition(".")
        word, _, name = more.partition(".")
        of = Pausable(kind)
        if word not in set(PauseAction) or not NAMES[of].fullmatch(name):
            actions = ", ".join(PauseAction)
            raise Rejected(f"control.{rest}: expected control.{of}.<{actions}>.<{of}>")
        try:
            command = decode_pause_command(delivery.data or b"{}")
        except UNREADABLE as error:
            raise Rejected(f"control.{of}.{word}: {error}") from error
        paused = None
        if word == PauseAction.PAUSE:
            paused = Paused(shortened(command.reason), actor_of(delivery))
        await self._say(of, name, origin_of(delivery.sequence, delivery.time), paused)

    async def _say(self, of: Pausable, name: str, last: str, paused: Paused | None) -> None:
        found, revision = await self._store.load(of, name) or (None, 0)
        record = said(found, last, paused)
        if found is None:
            await self._check(of, name, record)
        if record is not found:
            await self._store.save(of, name, record, revision)
        await self._follow(of, name)

    async def _check(self, of: Pausable, name: str, record: PauseRecord) -> None:
        """Refuse what does not exist."""
        if of is Pausable.WORKFLOW:
            if not await self._definitions.is_registered(name):
                raise Rejected(f"no workflow {name!r} is registered", NotFound.__name__)
        elif not await self._bring(of, name, record):
            raise Rejected(
                f"no queue {name!r} exists: no worker has served it, and no step was put into it",
                NotFound.__name__,
            )

    async def _follow(self, of: Pausable, name: str) -> None:
        """Bring lanes or runs to what the record says, and say that they are."""
        done = 0
        while (found := await self._store.load(of, name)) is not None and found[1] != done:
            record, revision = found
            await self._bring(of, name, record)
            done = revision
            if not record.followed:
                done = await self._store.save(of, name, replace(record, followed=True), revision)

    async def _bring(self, of: Pausable, name: str, record: PauseRecord) -> bool:
        """Whether there was something to bring to it: a queue may have no lanes."""
        if of is Pausable.WORKFLOW:
            self._on_workflow()
            return True
        if record.paused is None:
            return await self._lanes.release(name)
        return await self._lanes.hold(name)
