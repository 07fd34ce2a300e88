"""What happens while it is recorded of all that a definition can say, as in `scenarios.py`."""

from __future__ import annotations

from tests.recorded.stage import Stage


async def spoken(stage: Stage) -> None:
    """Values, a condition, and steps that wait: for a moment, a signal, a human."""
    run = "spoken-1"
    await stage.client.start("spoken", run_id=run)
    await stage.until(run, "waiting_human", "ask")
    await stage.tap.until(lambda each: each.subject.endswith(f".timer.at.step.{run}.hear"))
    for _ in range(2):  # the second one is known
        await stage.send(f"signal.{run}.go", b"1", Nats_Msg_Id="spoken-1-go")
    await stage.until(run, "signalled")
    await stage.client.approve(run, output={"yes": True}, reason="why not", actor="somebody")
    await stage.result(run)


async def looped(stage: Stage) -> None:
    """A loop with an instance that fails and may, one with no items, and one that fails."""
    await stage.client.start("looped", run_id="looped-1")
    await stage.client.start("looped.lost", run_id="looped-2")
    for run in ("looped-1", "looped-2"):
        await stage.result(run)


async def repeated(stage: Stage) -> None:
    """Steps that run again after a short while, after a longer one, and too often."""
    await stage.client.start("repeated", run_id="repeated-1")
    await stage.result("repeated-1")


async def nested(stage: Stage) -> None:
    """Runs that are steps of another one: of a workflow, of a group, of a loop; one that fails."""
    await stage.client.start("nested", run_id="nested-1")
    await stage.client.start("nested.lost", run_id="nested-2")
    for run in ("nested-1", "nested-2"):
        await stage.result(run)


async def ended(stage: Stage) -> None:
    """A run that a step ends."""
    await stage.client.start("ended", run_id="ended-1")
    await stage.result("ended-1")


async def answered(stage: Stage) -> None:
    """An approval that is rejected."""
    await stage.client.start("answered", run_id="answered-1")
    await stage.until("answered-1", "waiting_human", "ask")
    await stage.client.reject("answered-1", reason="too late", actor="somebody")
    await stage.result("answered-1")


async def ruled(stage: Stage) -> None:
    """Errors that different rules are for."""
    await stage.client.start("ruled", run_id="ruled-1")
    await stage.result("ruled-1")


async def delayed(stage: Stage) -> None:
    """A run that begins later."""
    await stage.client.start("chain", run_id="delayed-1", delay=8)
    await stage.result("delayed-1")


async def again(stage: Stage) -> None:
    """A run that fails, and others that keep what it has completed."""
    await stage.client.start("again", run_id="again-1")
    await stage.result("again-1")
    await stage.client.retry("again-1", new_id="again-2")
    await stage.result("again-2")
    for run, size in {"again-3": 10, "again-4": 1_100_000}.items():
        await stage.client.rerun(
            "again-2", from_step="fails", latest=True, input={"text": "z" * size}, new_id=run
        )
        await stage.result(run)


SCENARIOS = (spoken, looped, repeated, nested, ended, answered, ruled, delayed, again)
