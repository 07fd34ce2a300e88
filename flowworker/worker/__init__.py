"""Runs handlers: from a step message in hand to its outcome in the record.

loop       the worker
shift      a worker at work, from its start to the end of its drain
workbench  what the parts of one worker share
lanes      credit and priorities: what is asked for, taken, put back
executor   one delivery, from claim to acknowledgement
claims     the step's record: claimed, written, published
inputs     a step's merged input
attempt    one handler call: its timeout, its cancellation, how it ended
settling   how an attempt ended -> record, event, acknowledgement
inflight   the attempts in this process: found to be cancelled, or to be blamed
heartbeat  claims stay alive whatever a handler does to the event loop
heartbeat_thread, lag   the thread that renews them, and watches the event loop
lifespan   what an App opens for a worker, and closes
"""

from __future__ import annotations

__all__ = ["Worker"]

from flowworker.worker.loop import Worker
