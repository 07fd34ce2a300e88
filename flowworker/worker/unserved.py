"""Steps whose handler this worker does not have: put back for a worker that has it, and told.

Such a step waits for as long as it takes, unless the settings say otherwise: that a handler is
missing says nothing about the step, and a deployment that lacks one is mended by the next. It holds
no claim meanwhile, so a fence, and with it a cancel or the workflow's timeout, ends it at once.

It costs little: each attempt comes again with growing pauses, and all together not more often than
a hundred times a second in one worker, however many they are.
"""

from __future__ import annotations

__all__ = ["Unserved"]

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from flowworker.codec.messages import StepMessage
    from flowworker.ports import Delivery
    from flowworker.worker.workbench import Workbench

_SHORTEST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
"""Seconds after which a step is offered again."""

_APART = 0.01
"""Seconds between two of all the steps that are offered again."""

_REMEMBERED = 10_000
"""Attempts of which it is known that they were told, the latest ones."""

_BETWEEN_WARNINGS = 60.0
_HANDLERS = 1000
"""Handlers of which it is known when they were warned of."""


@dataclass(slots=True)
class _Waiting:
    pause: float = _SHORTEST_PAUSE
    waited: float = 0.0
    told: bool = False


class Unserved:
    """What one worker was offered and could not run."""

    def __init__(self, bench: Workbench) -> None:
        """Nothing yet."""
        self._bench = bench
        self._waiting: OrderedDict[tuple[object, ...], _Waiting] = OrderedDict()
        self._warned: dict[str, float] = {}
        self._next = 0.0

    async def put_back(self, delivery: Delivery, message: StepMessage) -> bool:
        """Leave the step to others; False if they had their time, and the attempt is to fail.

        Counted in pauses made here: it may have waited in other hands, or in the queue, for long.
        """
        bench = self._bench
        key = (message.run, message.step, message.kind, message.turn, message.attempt)
        waiting = self._waiting.pop(key, None) or _Waiting()
        grace = bench.settings.handler_grace
        left = _LONGEST_PAUSE if grace is None else grace - waiting.waited
        if left <= 0:
            return False
        if not await bench.claims.is_free(delivery, message):
            return True  # it is dealt with, and waits for nobody
        self._remember(key, waiting)
        pause = min(waiting.pause, left)
        waiting.waited += pause
        waiting.pause = min(2 * waiting.pause, _LONGEST_PAUSE)
        bench.metrics.handlers_missing.labels(message.uses).inc()
        self._warn(message)
        if not waiting.told:
            await self._tell(message, waiting)
        now = bench.clock.monotonic()
        self._next = max(self._next + _APART, now)
        await delivery.nak(max(pause, self._next - now))
        return True

    def _remember(self, key: tuple[object, ...], waiting: _Waiting) -> None:
        self._waiting[key] = waiting
        if len(self._waiting) > _REMEMBERED:
            self._waiting.popitem(last=False)

    def _warn(self, message: StepMessage) -> None:
        now = self._bench.clock.monotonic()
        if now - self._warned.get(message.uses, -_BETWEEN_WARNINGS) < _BETWEEN_WARNINGS:
            return
        if len(self._warned) >= _HANDLERS:
            self._warned.clear()
        self._warned[message.uses] = now
        self._bench.log.warning(
            "a step waits for a worker that has its handler",
            handler=message.uses,
            run=message.run,
            step=message.step,
            queue=message.queue,
        )

    async def _tell(self, message: StepMessage, waiting: _Waiting) -> None:
        try:
            await self._bench.claims.tell_waiting(message)
        except Unavailable as error:  # it waits nevertheless, and is told next time
            self._bench.log.warning("a waiting step was not told", error=str(error))
        else:
            waiting.told = True
