"""What happens while it is recorded of limits, as in `scenarios.py`."""

from __future__ import annotations

from contextlib import suppress

from flowworker import RunRefused, parse
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
    fairness: {key: "'all'", weight: 2}
"""

_SINGLE = """
name: single
concurrency:
  - {key: labels.tenant, limit: 1}
  - {limit: 5, strategy: cancel_newest}
  - {limit: 5, strategy: cancel_oldest}
singleton: {key: input.order}
steps: [{id: hold, uses: hold}]
"""

_RATED = """
name: rated
throttle: {key: input.order, limit: 10, period: 1s, burst: 2}
rate_limit: {key: input.order, limit: 1, period: 1h}
steps: [{id: say, uses: say}]
"""


_DEBOUNCED = """
name: debounced
debounce: {key: input.order, period: 3s, timeout: 10s}
steps: [{id: say, uses: say}]
"""


async def limited(stage: Stage) -> None:
    """Limits of a step's own, turns, and a limit that is set and deleted; one holds, one waits.

    Then one run that holds two limits, one that waits for its second, and one that is refused.
    """
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
    await _single(stage)
    await client.register(parse(_RATED))
    for run in ("limited-6", "limited-7"):
        await client.start("rated", {"order": 1}, run_id=run)
        with suppress(RunRefused):
            await stage.result(run)
    await client.register(parse(_DEBOUNCED))
    await client.start("debounced", {"order": 1}, run_id="limited-8")
    await stage.tap.until(lambda each: "_runs.debounce." in each.subject)  # it is the first one
    await client.start("debounced", {"order": 1}, run_id="limited-9")
    for run in ("limited-8", "limited-9"):
        await stage.result(run)
    await client.start("debounced", {"order": 1}, run_id="limited-0")  # behind one that has begun
    await stage.result("limited-0")


async def _single(stage: Stage) -> None:
    client = stage.client
    await client.register(parse(_SINGLE))
    await client.start("single", {"order": 1}, run_id="limited-3", labels={"tenant": "a"})
    await stage.until("limited-3", "step.started", "hold")
    await client.start("single", {"order": 2}, run_id="limited-4", labels={"tenant": "a"})

    async def is_waiting() -> bool:
        return any(one.waiting for one in await client.limits())

    await eventually(is_waiting, pause=0.1)
    await client.start("single", {"order": 1}, run_id="limited-5", labels={"tenant": "b"})
    with suppress(RunRefused):
        await stage.result("limited-5")
    for run in ("limited-3", "limited-4"):
        app.runtime[run].set()
        await stage.result(run)
