"""What happens while it is recorded of limits, as in `scenarios.py`."""

from __future__ import annotations

from flowworker import parse
from tests.recorded.handlers import app
from tests.recorded.stage import Stage
from tests.support.waiting import eventually

_LIMITED = """
name: limited
steps:
  - id: hold
    uses: hold
    repeat: {until: "true"}
    limits: [recorded]
    concurrency: [{key: input.order, limit: 1}]
    throttle: {key: input.order, limit: 10, period: 1s, burst: 2}
"""


async def limited(stage: Stage) -> None:
    """Limits of a step's own and one that is set and deleted; a step holds one of the two."""
    client, name = stage.client, "recorded"
    await client.register(parse(_LIMITED))
    await client.set_limit(name, 1, rate="50/s", burst=5)
    for order, run in enumerate(("limited-1", "limited-2"), 7):
        await client.start("limited", {"order": order}, run_id=run)
        await stage.until("limited-1", "step.started", "hold")

    async def has_waiting() -> bool:
        return (await client.limit(name)).waiting == 1

    await eventually(has_waiting, pause=0.1)
    for run in ("limited-1", "limited-2"):
        app.runtime[run].set()
        await stage.result(run)
    await client.delete_limit(name)
