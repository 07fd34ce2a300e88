"""What pauses and why, for those who look after a namespace."""

from __future__ import annotations

__all__ = ["pauses_of_queues", "since", "workflows_that_pause"]

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_pause
from flowworker.codec.pauses import Pausable, pause_key
from flowworker.core.paused import Paused
from flowworker.errors import CorruptRecord
from flowworker.ports import Finding
from flowworker.ports.records import MOST

if TYPE_CHECKING:
    from flowworker.core.standing import PauseRecord
    from flowworker.ports import Records


async def pauses_of_queues(records: Records) -> dict[str, PauseRecord]:
    """What was said of the queues that pause; of one whose record is damaged, nothing."""
    return await _pauses(records, Pausable.QUEUE)


async def workflows_that_pause(records: Records) -> list[Finding]:
    """That they do, and why: somebody may have forgotten it."""
    return [
        Finding(
            f"workflow {name}",
            ok=True,
            found=f"paused {since(pause)}",
            advice=f"`flowworker unpause --workflow {name}` lets it go on",
        )
        for name, pause in sorted((await _pauses(records, Pausable.WORKFLOW)).items())
    ]


def since(pause: PauseRecord) -> str:
    """Since when something pauses, who said so, and why."""
    why = pause.paused or Paused()
    by, reason = f" by {why.actor}" if why.actor else "", f": {why.reason}" if why.reason else ""
    moment = datetime.fromtimestamp(pause.at, UTC).isoformat(" ", "seconds")
    return f"since {moment.removesuffix('+00:00')} UTC{by}{reason}"


async def _pauses(records: Records, of: Pausable) -> dict[str, PauseRecord]:
    prefix, found = pause_key(of, ""), {}
    for key, (value, _) in (await records.few([f"{prefix}>"], MOST) or {}).items():
        with suppress(CorruptRecord):
            record = decode_pause(key, value)
            if record.paused is not None:
                found[key.removeprefix(prefix)] = record
    return found
