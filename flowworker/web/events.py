"""The endpoints by which one hears what happens: of one run, or of all."""

from __future__ import annotations

__all__ = ["EVENTS"]

from contextlib import aclosing
from typing import TYPE_CHECKING

from flowworker.core.event_types import ENDS
from flowworker.web.endpoint import Endpoint, Events
from flowworker.web.hub import frame

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.client import Client
    from flowworker.web.endpoint import Call
    from flowworker.web.hub import Hub
    from flowworker.web.streams import EventStream

END = b"event: end\ndata: {}\n\n"
"""Sent after a run's last event: there is nothing to come back for."""


async def _of_all(call: Call) -> EventStream:
    _ = call.fleet.client  # or say at once that it cannot be reached
    return call.streams.open(call.key, _heard(call.hub, call.last_event))


async def _heard(hub: Hub, last: str) -> AsyncGenerator[bytes, None]:
    with hub.listen(last) as listener:
        async with aclosing(listener.frames()) as frames:
            async for said in frames:
                yield said


async def _of_run(call: Call) -> EventStream | None:
    client, run = call.fleet.client, call.path["run"]
    history = await client.history(run)
    ids = [event["id"] for event in history]
    known = ids[: ids.index(call.last_event) + 1] if call.last_event in ids else []
    if known and len(known) == len(ids) and history[-1]["type"] in ENDS:
        return None
    return call.streams.open(call.key, _seen(client, run, set(known)))


async def _seen(client: Client, run: str, known: set[str]) -> AsyncGenerator[bytes, None]:
    async with aclosing(client.watch(run)) as events:
        async for event in events:
            if event["id"] not in known:
                yield frame(event)
    yield END


EVENTS = (
    Endpoint("GET", "/events", "watchAll", "What happens in all runs.", _of_all, Events),
    Endpoint(
        "GET",
        "/runs/{run}/events",
        "watchRun",
        "What has happened in a run and will, until its end; 204 if all was seen.",
        _of_run,
        Events,
    ),
)
