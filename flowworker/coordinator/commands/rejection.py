"""What happens to a command that cannot be taken: one event with the reason, nothing else."""

from __future__ import annotations

__all__ = [
    "RERUN",
    "Rejected",
    "Rejections",
    "may_reply_to",
    "refused_before",
    "rejected_beside",
]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import EventData, cloud_event, decode_event
from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_REPLY, MSG_ID, Result, ResultStatus
from flowworker.core.event_types import EventType
from flowworker.core.ids import (
    COORDINATOR,
    RUN_ID,
    SUBJECT,
    event_id,
    reserved_for,
    run_id_of_sequence,
)
from flowworker.errors import RunRefused
from flowworker.ports import StoredEvent
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics


RERUN = "rerun."
"""What the subject of a control goes on with that begins a run, and is answered as a start is."""


class Rejected(Exception):
    """A command cannot be taken; the message is the reason, for its sender.

    Attributes:
        error_type: name of the error that a client should raise for it.
        retry_at: when the same may be taken, epoch seconds; 0.0 if nobody knows.
        beside: a run of that id exists, whose history this does not belong to; that of a run which
            has ended is left alone in any case.
    """

    def __init__(
        self, reason: str, error_type: str = "InvalidInput", retry_at: float = 0.0
    ) -> None:
        """Give the reason."""
        super().__init__(reason)
        self.error_type = error_type
        self.retry_at = retry_at
        self.beside = False


def may_reply_to(subject: str, prefixes: tuple[str, ...]) -> bool:
    """Whether results may be published there."""
    return subject.startswith(prefixes) and SUBJECT.fullmatch(subject) is not None


async def refused_before(stores: Stores, run: str, delivery: Delivery) -> Rejected | None:
    """How a start message was rejected for want of a place, by whichever process had it, if so."""
    before = await _rejected_before(stores, run, run, delivery)
    return before if before is not None and before.error_type == RunRefused.__name__ else None


async def rejected_beside(stores: Stores, run: str, delivery: Delivery) -> Rejected | None:
    """How it was rejected since another start had its id, by whichever process had it, if so."""
    before = await _rejected_before(stores, run_id_of_sequence(delivery.sequence), run, delivery)
    if before is not None:
        before.beside = True
    return before


async def _rejected_before(
    stores: Stores, of: str, run: str, delivery: Delivery
) -> Rejected | None:
    wanted = event_id(run, EventType.REJECTED, str(delivery.sequence))
    published = await stores.backend.events.history(of)
    kept = await stores.outbox.kept(of, published)
    published += [StoredEvent(COORDINATOR, one.type, one.data) for one in kept]
    for one in published:
        if one.type == EventType.REJECTED and one.sender == COORDINATOR:
            found = decode_event(one.data)
            if found.id == wanted:
                return Rejected(found.data.reason, found.data.error_type, found.data.retry_at)
    return None


class Rejections:
    """Publishes rejections where the senders of the commands can see them."""

    def __init__(self, stores: Stores, clock: Clock, metrics: Metrics) -> None:
        """Reply only to subjects that the settings allow."""
        self._backend = stores.backend
        self._clock = clock
        self._metrics = metrics
        self._reply_prefixes = stores.settings.reply_prefixes

    async def publish(self, rejected: Rejected, delivery: Delivery) -> None:
        """Publish `workflow.rejected`, and the same as a reply if one was asked for. Idempotent."""
        reason = str(rejected)
        kind, _, name = delivery.subject.partition(".")
        wanted, own = delivery.headers.get(MSG_ID, ""), run_id_of_sequence(delivery.sequence)
        chosen = RUN_ID.fullmatch(wanted) and not reserved_for(wanted)
        run = wanted if chosen else own
        rerun_of = name.removeprefix(RERUN) if kind == "control" and name.startswith(RERUN) else ""
        if rerun_of:
            name = ""
        elif kind != "start":  # control.<action>.<run>, signal.<run>.<name>: about a run
            about = name.partition(".")[0 if kind == "signal" else 2]
            run, name = about if RUN_ID.fullmatch(about) else run, ""
        get_logger().warning("command rejected", subject=delivery.subject, run=run, reason=reason)
        self._metrics.commands_rejected[kind].inc()
        now = self._clock.now()
        data = EventData(
            id=run,
            name=name,
            reason=reason,
            error_type=rejected.error_type,
            rerun_of=rerun_of,
            at=now,
            retry_at=rejected.retry_at,
        )
        event = cloud_event(
            self._backend.namespace, EventType.REJECTED, data, now, str(delivery.sequence)
        )
        events, body = self._backend.events, encode(event)
        if rejected.beside or not await events.publish_before_end(run, event.type, body, event.id):
            await events.publish(own, event.type, body, event.id)
        reply_to = delivery.headers.get(FLOW_REPLY, "")
        if may_reply_to(reply_to, self._reply_prefixes):
            result = Result(
                run,
                name,
                ResultStatus.REJECTED,
                error=reason,
                error_type=rejected.error_type,
                retry_at=rejected.retry_at,
            )
            await self._backend.notifier.publish(reply_to, encode(result))
