"""The patterns of other engines in `examples/patterns`, each run to its end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flowworker import App, RunStatus
from flowworker.testing import WorkflowTest

FOLDER = Path(__file__).parents[2] / "examples" / "patterns"

ENDS = {
    "argo-diamond": (RunStatus.COMPLETED, "A B C D", timedelta(0)),
    "argo-exit-handler": (RunStatus.FAILED, "it is over", timedelta(0)),
    "sfn-retry-catch": (RunStatus.COMPLETED, "caught", timedelta(seconds=3)),
    "sfn-wait": (RunStatus.COMPLETED, "ordered remember", timedelta(hours=1)),
    "airflow-branch": (RunStatus.COMPLETED, "left joined", timedelta(0)),
    "airflow-default-args": (RunStatus.FAILED, "", timedelta(minutes=10)),
    "conductor-switch": (RunStatus.COMPLETED, "by courier", timedelta(0)),
    "conductor-optional": (RunStatus.COMPLETED, "delivered", timedelta(0)),
    "kestra-errors": (RunStatus.COMPLETED, "no file", timedelta(0)),
    "kestra-plugin-defaults": (
        RunStatus.COMPLETED,
        "INFO console one WARN console two",
        timedelta(0),
    ),
}
"""How each ends, what its handlers said, and the time that passed."""


def test_there_is_an_end_for_each_pattern():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == ENDS.keys()


@pytest.mark.parametrize("name", ENDS)
def test_a_pattern_runs_to_its_end(name):
    said = []
    app = App()

    @app.step("echo")
    async def echo(ctx, message: str):
        said.append(message)

    @app.step("log")
    async def log(ctx, level: str, target: str, message: str):
        said.extend((level, target, message))

    @app.step("fails")
    async def fails(ctx):
        raise ValueError("no")

    @app.step("flaky")
    async def flaky(ctx):
        raise TimeoutError("slow")

    @app.step("choose")
    async def choose(ctx):
        return {"way": "left"}

    status, words, elapsed = ENDS[name]
    with WorkflowTest(app, FOLDER / f"{name}.yaml") as flow:
        run = flow.run({"carrier": "courier"})

        assert run.status is status
        assert sorted(" ".join(said).split()) == sorted(words.split())
        assert flow.elapsed == elapsed
