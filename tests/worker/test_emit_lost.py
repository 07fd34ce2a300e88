"""What handlers emit outlives a stream of events that loses what it has acknowledged."""

from __future__ import annotations

import msgspec
import pytest

from flowworker.codec.keys import emit_key
from tests.support.tails import Unflushed
from tests.worker.inside import inside

MARK = emit_key("default", "r1", "order.paid")


async def body(ctx):
    await ctx.emit("order.paid", {"order_id": 7})


async def emitted(fleet):
    return [event for event in await fleet.history() if event["type"] == "order.paid"]


@pytest.mark.parametrize("loses", [False, True])
async def test_where_events_may_be_lost_the_mark_has_the_event(fleet, loses):
    fleet.rewire(tail=Unflushed(fleet.backend).backend.tail if loses else None)

    await inside(fleet, body)

    mark, _ = await fleet.backend.runs.read(MARK)
    said = {"v": 1, "id": "r1/emit/order.paid"}
    said |= {"event": (await emitted(fleet))[0]} if loses else {}
    assert msgspec.json.decode(mark) == said


async def test_what_is_lost_before_it_has_its_mark_is_published_again(fleet):
    # Else a coordinator may have looked in between
    server, log, records = Unflushed(fleet.backend), fleet.backend.events, fleet.backend.runs
    fleet.rewire(tail=server.backend.tail)
    write = records.write

    async def late(key, value, revision):
        if key == MARK:
            await log.drop("r1")
            log._window._seen.clear()
            server.incarnation = "second"
        return await write(key, value, revision)

    records.write = late
    await inside(fleet, body)

    assert len(await emitted(fleet)) == 1
