"""The removal of a run: everything that it leaves behind, in one list.

    start message   only looked at: as long as it is not acknowledged it would begin the run again
    step messages   queued, scheduled, or delivered and not acknowledged
    timers          of start and timeout; that of its retention is what the removal follows from
    payloads        its input, outputs, links of outputs, and what was uploaded for it
    history         its events
    records         of its steps, of what it emitted, its signals and index entries, and what an
                    outbox has of it; its own last

A removal that was cut short is repeated, by the retention's timer or by a process that finds the
run expired, because the run's own record is still there.

Safety: a run id may be used again once its run is removed. So a removal that took longer than
`_LIMIT` stops: another process may have completed it, and the rest would be of the next run.
"""

from __future__ import annotations

__all__ = ["remove_run"]

from functools import partial
from typing import TYPE_CHECKING

from flowworker.codec.keys import START, TIMEOUT, outbox_key
from flowworker.codec.subjects import CommandKind
from flowworker.core.ids import run_id_of_sequence, sequence_of
from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.records import RunRecord
    from flowworker.ports import Backend
    from flowworker.stores.stores import Stores

_LIMIT = 5.0
"""Seconds for a removal: well below the time after which another process would repeat it."""


async def remove_run(stores: Stores, run: str, record: RunRecord | None, clock: Clock) -> None:
    """Remove an ended run, or what is left of one whose record is gone. Idempotent.

    Raises:
        Unavailable: it took too long, or its start message is not acknowledged yet.
    """
    backend = stores.backend
    if record is not None and await _would_begin_again(backend, record):
        raise Unavailable(f"the start message of run {run} is not acknowledged yet")
    until = clock.monotonic() + _LIMIT
    removals = [
        partial(backend.steps.drop, run),
        partial(backend.timers.clear, run, TIMEOUT),  # a late repetition may have set it
        partial(backend.timers.clear, run, START),
        partial(stores.payloads.purge, run),
        partial(backend.events.drop, run),
    ]
    if backend.tail is not None:
        removals.append(partial(backend.runs.purge, outbox_key(run, "*")))
    if record is not None:
        removals.append(partial(stores.runs.purge, record))
    for removal in removals:
        if clock.monotonic() > until:
            raise Unavailable(f"the removal of run {run} took too long")
        await removal()


async def _would_begin_again(backend: Backend, record: RunRecord) -> bool:
    sequence = sequence_of(record.origin)
    if not sequence:
        return False
    kind = CommandKind.RERUN if record.rerun_of else CommandKind.START
    start = await backend.commands.waiting(sequence - 1, kind)
    if start is None or start.sequence != sequence:
        return False
    return (start.message_id or run_id_of_sequence(sequence)) == record.run
