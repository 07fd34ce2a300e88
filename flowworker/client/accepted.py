"""Starts that were accepted, and that no coordinator has taken in yet."""

from __future__ import annotations

__all__ = ["NotBegun", "find_accepted"]

from typing import TYPE_CHECKING

from flowworker.client.views import RunView
from flowworker.codec.subjects import CommandKind
from flowworker.core.ids import RUN_ID_OF_SEQUENCE
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from flowworker.ports import CommandQueue, WaitingStart

LOOKED_AT = 64
"""Starts among which one with a chosen id is looked for; where so many wait, a fleet is at work."""

_LAST = 2**63 - 1
"""More than any sequence."""

_WAITS = "accepted, and waiting for a coordinator; is one running? see `flowworker doctor`"


class NotBegun(Unavailable):
    """A run was accepted, and has no record yet."""

    def __init__(self, view: RunView) -> None:
        """Keep what can be shown of it."""
        self.view = view
        super().__init__(f"run {view.id} is {_WAITS}")


async def find_accepted(commands: CommandQueue, run: str, sequence: int = 0) -> RunView | None:
    """The run whose start waits, by the sequence of the start if it is known.

    The sequence is what an id of generated form says. A chosen id is looked for among the first
    starts that wait.
    """
    if RUN_ID_OF_SEQUENCE.fullmatch(run):
        sequence = min(int(run.removeprefix("seq-")), _LAST)
    for kind in CommandKind:
        start = await _find(commands, run, sequence, kind)
        if start is not None:
            is_start = kind is CommandKind.START
            return RunView(
                run,
                start.about if is_start else "",
                "",
                RunStatus.PENDING,
                0.0,
                rerun_of="" if is_start else start.about,
                problems=(_WAITS,),
            )
    return None


async def _find(
    commands: CommandQueue, run: str, sequence: int, kind: CommandKind
) -> WaitingStart | None:
    after = max(0, sequence - 1)
    for _ in range(1 if sequence else LOOKED_AT):
        start = await commands.waiting(after, kind)
        if start is None:
            return None
        after = start.sequence
        if start.sequence == sequence or (not sequence and start.message_id == run):
            return start
    return None
