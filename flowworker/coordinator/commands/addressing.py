"""Commands to what exists: who sends one, which run it is about, what event it becomes there."""

from __future__ import annotations

__all__ = ["actor_of", "find_run", "publish_to_run"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import cloud_event, run_started_event
from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_ACTOR
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.codec.event_data import EventData
    from flowworker.core.event_types import EventType
    from flowworker.core.records import RunRecord
    from flowworker.ports import Backend, Delivery
    from flowworker.stores.runs import RunStore


_ACTOR = 200
"""Characters of who said something, at most."""


def actor_of(delivery: Delivery) -> str:
    """Who sends a command, as the sender says."""
    return delivery.headers.get(FLOW_ACTOR, "")[:_ACTOR]


async def find_run(
    runs: RunStore, run: str, what: str, delivery: Delivery, now: float
) -> tuple[RunRecord, int]:
    """The record of a run that has not ended, with its revision.

    Args:
        runs: where it is.
        run: its id.
        what: the command, for messages.
        delivery: how that came.
        now: seconds since the Unix epoch.

    Raises:
        NotYet: its start may still be on its way, or be followed: it was sent before the command,
            and is handled beside it.
        Rejected: there is none, or it has ended.
    """
    found = await runs.load(run)
    if found is None or not found[0].is_prepared:
        if may_be_unseen(delivery.time, now):
            raise NotYet
        raise Rejected(f"{what}: no run {run!r} exists")
    if found[0].status in TERMINAL:
        raise _late(what, run, found[0].status)
    return found


async def publish_to_run(
    backend: Backend, record: RunRecord, what: str, kind: EventType, data: EventData, detail: str
) -> CloudEvent:
    """Publish what a run is asked, as its event, unless it has ended meanwhile. Returns that.

    Args:
        backend: whose event log it is.
        record: the run's.
        what: the command, for messages.
        kind: of the event.
        data: of the event.
        detail: what makes the event's id unique.

    Raises:
        Rejected: the run has ended.
    """
    if record.is_early:  # else the start says so; it may never begin, and its id be used again
        data = replace(data, origin=record.origin)
    else:
        # A run's start comes first, though the coordinator that created it may have died.
        started = run_started_event(backend.namespace, record)
        await backend.events.publish(
            record.run, started.type, encode(started), started.id, once=True
        )
    event = cloud_event(backend.namespace, kind, data, data.at, detail)
    body = encode(event)
    if not await backend.events.publish_before_end(record.run, event.type, body, event.id):
        raise _late(what, record.run, "over")
    return event


def _late(what: str, run: str, state: str) -> Rejected:
    """What comes after a run's end: the last event of a run is the last."""
    rejected = Rejected(f"{what}: run {run!r} is {state} already")
    rejected.beside = True
    return rejected
