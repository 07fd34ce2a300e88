"""No slot stays free while a step waits that it could take."""

from __future__ import annotations

__all__ = ["watch_limits", "watch_slots"]

import asyncio
from typing import TYPE_CHECKING, cast

from simulation.expecting import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.memory.steps import MemoryStepQueue
    from flowworker.ports import Backend
    from flowworker.simulate.loop import VirtualLoop
    from flowworker.worker.worker import Worker
    from simulation.process import Process
    from simulation.watch import Watch

_EVERY = 1.0
_LONGEST = 12.0
"""Seconds: several deliveries, one after the other, may each be three seconds on their way."""


async def watch_slots(
    virtual: VirtualLoop,
    backend: Backend,
    workers: Mapping[Process, Worker],
    fail: Callable[[str, object], None],
) -> None:
    """Look every second, for ever, at workers that stand not still."""
    steps = cast("MemoryStepQueue", backend.steps)
    since: dict[Process, float] = {}
    while True:
        await asyncio.sleep(_EVERY)
        waiting, now = steps.waiting(), virtual.moment
        for process, worker in workers.items():
            idle = waiting and worker.free_slots and process.alive and process.stall() == 0
            if not idle:
                since.pop(process, None)
            elif now - since.setdefault(process, now) > _LONGEST:
                fail("a slot stays free", f"{process.name}, while {waiting} step messages wait")
                return


async def watch_limits(virtual: VirtualLoop, watch: Watch) -> None:
    """Look every second, for ever, whether a place under a limit stays free."""
    while True:
        await asyncio.sleep(_EVERY)
        try:
            watch.limits.check_free(virtual.moment, watch.runs, quiet=watch.quiet.is_quiet)
        except Violation as violation:
            watch.fail("a limit", violation)
            return
