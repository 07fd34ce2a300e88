"""Runs handlers: from a step message in hand to its outcome in the record.

loop       the worker
shift      a worker at work, from its start to the end of its drain
workbench  what the parts of one worker share
lanes      credit and priorities: what is asked for, taken, put back
execute    one delivery, from claim to acknowledgement
claims     the step's record: claimed, written, told
inputs     a step's merged input
attempt    one handler call: its timeout, its cancellation, how it ended
settle     how an attempt ended -> record, event, acknowledgement
under_way  the attempts in this process: found to be cancelled, or to be blamed
heartbeat  claims stay alive whatever a handler does to the event loop
heartbeat_thread, lag   the thread that renews them, and watches the event loop
patience   repeats what is safe to repeat while the outside is away

lifespan   what an App opens for a worker, and closes
registry   what the user registers: `App`
handlers   a function and its signature: typed arguments in, JSON out
annotations  whether JSON can become what a signature promises, and the reverse
context    what a handler gets: `StepContext`
emits      what handlers tell the world, once
current    the seed's functions, which find the run in which they are called
surroundings  what handlers reach beyond their step
"""

from __future__ import annotations

__all__ = ["App", "StepContext", "Worker"]

from flowworker.worker.context import StepContext
from flowworker.worker.loop import Worker
from flowworker.worker.registry import App
