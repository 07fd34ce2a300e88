"""Why queues pause, for those who look after a namespace."""

from __future__ import annotations

__all__ = ["pauses_of_queues"]

from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_pause
from flowworker.codec.pauses import Pausable, pause_key
from flowworker.errors import CorruptRecord
from flowworker.ports.records import MOST

if TYPE_CHECKING:
    from flowworker.core.standing import PauseRecord
    from flowworker.jetstream.records import BucketRecords


async def pauses_of_queues(records: BucketRecords) -> dict[str, PauseRecord]:
    """What was said of the queues that pause; of one whose record is damaged, nothing."""
    prefix, found = pause_key(Pausable.QUEUE, ""), {}
    for key, (value, _) in (await records.few([f"{prefix}>"], MOST) or {}).items():
        with suppress(CorruptRecord):
            record = decode_pause(key, value)
            if record.paused is not None:
                found[key.removeprefix(prefix)] = record
    return found
