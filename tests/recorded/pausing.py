"""What happens while it is recorded of pauses, as in `scenarios.py`."""

from __future__ import annotations

from flowworker import parse
from flowworker.codec.messages import MSG_ID
from tests.recorded.handlers import app
from tests.recorded.stage import Stage


async def paused(stage: Stage) -> None:
    """Held while an attempt runs, and going on, for which that has another message."""
    run = "paused-1"
    await stage.client.start("held", run_id=run)
    await stage.until(run, "step.started", "hold")
    await stage.client.pause(run, "to look first", actor="ops")
    record = f"$KV.flowworker_runs.run.{run}"
    await stage.tap.until(lambda each: each.subject == record and b'"paused"' in each.data)
    await stage.client.unpause(run, actor="ops")
    await stage.tap.until(lambda each: f"{run}/hold/run/1.1/" in each.headers.get(MSG_ID, ""))
    app.runtime[run].set()
    await stage.result(run)


async def withheld(stage: Stage) -> None:
    """A workflow that pauses while a run of it waits for nobody, and goes on."""
    run = workflow = "withheld-1"
    text = f"{{name: {workflow}, steps: [{{id: only, uses: say, queue: withheld}}]}}"
    await stage.client.register(parse(text))
    await stage.client.start(workflow, run_id=run)
    await stage.tap.until(lambda each: ".step.withheld." in each.subject)
    await stage.client.pause_workflow(workflow, "to look first", actor="ops")
    record = f"$KV.flowworker_runs.run.{run}"
    await stage.tap.until(lambda each: each.subject == record and b'"held"' in each.data)
    await stage.client.unpause_workflow(workflow, actor="ops")
    await stage.tap.until(lambda each: f"{run}/only/run/1.1/" in each.headers.get(MSG_ID, ""))
    await stage.client.terminate(run)
    await stage.result(run)


async def halted(stage: Stage) -> None:
    """A queue that pauses, which nobody serves, and goes on."""
    queue = "halted-1"
    text = f"{{name: halting, steps: [{{id: only, uses: say, queue: {queue}}}]}}"
    await stage.client.register(parse(text))
    await stage.client.start("halting", run_id=queue)
    await stage.tap.until(lambda each: f".step.{queue}." in each.subject)
    await stage.client.pause_queue(queue, "to look first", actor="ops")
    await stage.client.unpause_queue(queue, actor="ops")
    await stage.client.terminate(queue)
    await stage.result(queue)
