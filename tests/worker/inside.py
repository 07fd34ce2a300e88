"""Runs a test's own code as a handler."""

from __future__ import annotations

from flowworker.errors import FlowworkerError
from flowworker.testing.clock import settle
from tests.support.waiting import eventually


async def inside(fleet, body, **fields):
    """What `body` returned or raised, run as a handler."""
    results = []

    async def handler(ctx):
        try:
            results.append(await body(ctx))
        except Exception as error:
            results.append(error)
            raise

    name = f"handler{len(fleet.app.handlers)}"
    fleet.app.step(name)(handler)
    if not fleet.workers:
        await fleet.worker()
    await fleet.run(name, **fields)
    await eventually(lambda: results)  # it may use threads
    await settle()
    return results[0]


async def inside_thread(fleet, body, **fields):
    results = []

    def handler(ctx):
        try:
            results.append(body(ctx))
        except FlowworkerError as error:
            results.append(error)

    fleet.app.step("plain")(handler)
    await fleet.worker()
    await fleet.run("plain", **fields)
    await fleet.ended(fields.get("run", "r1"))
    return results[0]
