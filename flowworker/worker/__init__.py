"""Runs handlers: from a step message in hand to its outcome in the record.

registry   what the user registers: `App`
handlers   a function and its signature: typed arguments in, JSON out
context    what a handler gets: `StepContext`
inputs     a step's merged input
emits      what handlers tell the world, once
locks      locks for handlers
current    the seed's functions, which find the run in which they are called
surroundings  what handlers reach beyond their step
heartbeat  claims stay alive whatever a handler does to the event loop
claims     the step's record: claimed, settled, told
attempt    one handler call: its timeout, its cancellation, how it ended
execute    one delivery, from claim to acknowledgement
lanes      credit and priorities
shift      a worker at work, and its drain
loop       the worker
"""

from __future__ import annotations

__all__ = ["App", "StepContext", "Worker"]

from flowworker.worker.context import StepContext
from flowworker.worker.loop import Worker
from flowworker.worker.registry import App
