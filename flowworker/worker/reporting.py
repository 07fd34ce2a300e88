"""What becomes known of attempts: events in the run's history, metrics, log lines.

An event's id follows from its step and attempt: published again, it is stored once.
"""

from __future__ import annotations

__all__ = ["Reporter"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import (
    attempt_events,
    settled_event,
    started_event,
)
from flowworker.codec.json import encode
from flowworker.codec.waiting import waiting_event
from flowworker.core.status import Outcome
from flowworker.retrying import retry_unavailable

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.codec.messages import StepMessage
    from flowworker.core.records import StepRecord
    from flowworker.ports import Delivery
    from flowworker.worker.resources import Resources


class Reporter:
    """Reports the attempts of one worker."""

    def __init__(self, resources: Resources) -> None:
        """Publish, count and log where the worker does."""
        self._resources = resources
        self._namespace = resources.namespace
        self._log = resources.log
        self._metrics = resources.metrics

    def begin_started(
        self, message: StepMessage, record: StepRecord, revision: int
    ) -> asyncio.Task[None]:
        """Publish that a step began, in a task of its own: its handler need not wait for that."""
        task = asyncio.create_task(self._started(message, record, revision))
        task.add_done_callback(self._log_unpublished)
        return task

    async def _started(self, message: StepMessage, record: StepRecord, revision: int) -> None:
        # A turn of the loop later, to be sent together with the outcome if the handler returns at
        # once: two writes to the server would cost a step a tenth of its time.
        await asyncio.sleep(0)
        event = started_event(self._namespace, message.workflow, message.version, record, revision)
        await self._publish(message, event)

    def _log_unpublished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.warning("a step's start was not published", error=repr(error))

    async def outcome(self, message: StepMessage, record: StepRecord, revision: int) -> None:
        """Publish how an attempt ended."""
        event = settled_event(self._namespace, message.workflow, message.version, record, revision)
        if event is not None:
            await self._publish(message, event)

    async def start_and_outcome(
        self, message: StepMessage, record: StepRecord, revision: int
    ) -> None:
        """Publish how an attempt ended, and before it the start, which may not be published yet."""
        for event in attempt_events(
            self._namespace, message.workflow, message.version, record, revision
        ):
            await self._publish(message, event)

    async def waiting(self, message: StepMessage) -> None:
        """Publish that an attempt waits for a worker that has its handler; tried once."""
        resources = self._resources
        now = resources.clock.now()
        event = waiting_event(self._namespace, message, resources.worker, now)
        await resources.events.publish(
            message.run, event.type, encode(event), event.id, sender=message.queue
        )

    def began(self, delivery: Delivery, message: StepMessage, record: StepRecord) -> None:
        """Count and log that an attempt was claimed, and its handler is about to be called."""
        waited = max(record.started_at - delivery.time, 0.0)
        self._metrics.schedule_to_start[message.queue].observe(waited)
        if record.lost > message.lost:
            self._metrics.takeovers[message.queue].inc()
        self._log.debug("attempt started", run=message.run, step=message.step, handler=message.uses)

    def ended(
        self,
        delivery: Delivery,
        message: StepMessage,
        record: StepRecord,
        cause: BaseException | None = None,
    ) -> None:
        """Count and log how an attempt ended, and after how long, from its message on."""
        took = max(record.finished_at - delivery.time, 0.0)
        self._metrics.step_seconds[message.workflow].observe(took)
        self._metrics.attempts[message.uses, record.outcome.lower()].inc()
        if record.outcome is Outcome.FAILED:
            self._log.warning(
                "attempt failed", error=str(record.error), exc_info=cause, **_names(message)
            )
        else:
            self._log.debug("attempt ended", outcome=record.outcome.value, **_names(message))

    def given_back(self, message: StepMessage) -> None:
        """Count and log that a worker gave a claim back."""
        self._metrics.attempts[message.uses, "released"].inc()
        self._log.warning("attempt given back", **_names(message))

    def lost(self, message: StepMessage) -> None:
        """Count and log that another worker has the claim, so that no outcome is written."""
        self._metrics.claims_lost.inc()
        self._metrics.attempts[message.uses, "lost"].inc()
        self._log.warning(
            "refused: the claim was lost", worker=self._resources.worker, **_names(message)
        )

    async def _publish(self, message: StepMessage, event: CloudEvent) -> None:
        resources = self._resources
        until = resources.clock.monotonic() + resources.settings.lease / 3
        body = encode(event)
        await retry_unavailable(
            resources.clock,
            until,
            lambda: resources.events.publish(
                event.data.id, event.type, body, event.id, sender=message.queue
            ),
        )


def _names(message: StepMessage) -> dict[str, object]:
    return {
        "run": message.run,
        "step": message.step,
        "kind": message.kind.value,
        "attempt": message.number,
        "handler": message.uses,
    }
