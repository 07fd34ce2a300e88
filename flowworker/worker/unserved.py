"""Steps whose handler this worker lacks: put back for a worker that has it, and reported.

Such a step waits for as long as it takes, unless the settings say otherwise: that a handler is
missing says nothing about the step, and the next deployment may have it. It holds no claim
meanwhile, so a fence, and with it a cancel or the workflow's timeout, ends it at once.

It costs little: each attempt comes again with growing pauses, and all together not more often than
a hundred times a second in one worker, however many they are.
"""

from __future__ import annotations

__all__ = ["Unserved"]

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.errors import Unavailable
from flowworker.worker.attempt import id_of

if TYPE_CHECKING:
    from flowworker.codec.messages import StepMessage
    from flowworker.ports import Delivery
    from flowworker.worker.attempt import AttemptId
    from flowworker.worker.reporting import Reporter
    from flowworker.worker.resources import Resources

_SHORTEST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
"""Seconds after which a step is offered again."""

_APART = 0.01
"""Seconds between two of all the steps that are offered again."""

_REMEMBERED = 10_000
"""Attempts that are remembered, the latest ones."""

_BETWEEN_WARNINGS = 60.0
_HANDLERS = 1000
"""Handlers whose last warning is remembered."""


@dataclass(slots=True)
class _Waiting:
    """An attempt that was put back. `waited` is the sum of its pauses."""

    pause: float = _SHORTEST_PAUSE
    waited: float = 0.0
    published: bool = False


class Unserved:
    """What one worker was offered and could not run."""

    def __init__(self, resources: Resources, reporter: Reporter) -> None:
        """Nothing yet."""
        self._resources = resources
        self._reporter = reporter
        self._waiting: OrderedDict[AttemptId, _Waiting] = OrderedDict()
        self._warned: dict[str, float] = {}
        self._next = 0.0

    def is_overdue(self, message: StepMessage) -> bool:
        """Whether it has waited for the settings' `handler_grace`, so that the attempt fails.

        Only the pauses made here count: before them it may have been in the queue, or with other
        workers, for long.
        """
        grace = self._resources.settings.handler_grace
        if grace is None:
            return False
        waiting = self._waiting.get(id_of(message))
        return grace <= (0.0 if waiting is None else waiting.waited)

    async def put_back(self, delivery: Delivery, message: StepMessage) -> None:
        """Leave the step to others for a while."""
        resources = self._resources
        waiting = self._remembered(message)
        pause = waiting.pause
        if (grace := resources.settings.handler_grace) is not None:
            pause = min(pause, grace - waiting.waited)
        waiting.waited += pause
        waiting.pause = min(2 * waiting.pause, _LONGEST_PAUSE)
        resources.metrics.handlers_missing[message.uses].inc()
        self._warn(message)
        if not waiting.published:
            await self._publish(message, waiting)
        now = resources.clock.monotonic()
        self._next = max(self._next + _APART, now)
        await delivery.nak(max(pause, self._next - now))

    def _remembered(self, message: StepMessage) -> _Waiting:
        waiting = self._waiting.setdefault(id_of(message), _Waiting())
        self._waiting.move_to_end(id_of(message))
        if len(self._waiting) > _REMEMBERED:
            self._waiting.popitem(last=False)
        return waiting

    def _warn(self, message: StepMessage) -> None:
        now = self._resources.clock.monotonic()
        if now - self._warned.get(message.uses, -_BETWEEN_WARNINGS) < _BETWEEN_WARNINGS:
            return
        if len(self._warned) >= _HANDLERS:
            self._warned.clear()
        self._warned[message.uses] = now
        self._resources.log.warning(
            "a step waits for a worker that has its handler",
            handler=message.uses,
            run=message.run,
            step=message.step,
            queue=message.queue,
        )

    async def _publish(self, message: StepMessage, waiting: _Waiting) -> None:
        try:
            await self._reporter.waiting(message)
        except Unavailable as error:  # it waits nevertheless, and is published next time
            self._resources.log.warning("a waiting step was not published", error=str(error))
        else:
            waiting.published = True
