"""`pause`, `unpause` and `pauses` of a queue and of a workflow, and who sees that it is paused."""

from __future__ import annotations

import signal
from contextlib import ExitStack

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, WORKFLOWS, Commands, ended, until
from tests.support.waiting import blocking_eventually


def test_a_paused_queue_holds_every_worker_and_outlives_the_server(tmp_path):
    with EmbeddedServer(store=tmp_path) as server:
        fleet = Commands(server.url)
        fleet("setup")
        fleet("register", str(WORKFLOWS))
        with fleet.running("coordinator") as coordinator, fleet.running("worker", "--app", APP):
            blocking_eventually(lambda: fleet.lines("workers"), "a worker")

            # When its only queue is paused, and its server killed
            said = fleet("pause", "--queue", "default", "--reason", "look first", "--actor", "ops")
            assert said.startswith("queue default is paused since 20")
            server.kill()
            server.restart()
            run = fleet("start", "sum").strip()

            # Then nobody gets a step of it, and everybody says why
            def said_why() -> bool:
                return "by ops: look first\n  -> flowworker unpause --queue" in fleet("why", run)

            blocking_eventually(said_why)
            assert "is paused" in fleet("status", run)
            assert [one["paused"] for one in fleet.lines("workers")] == [["default"]]
            assert " default(paused) " in fleet("workers")
            [listed] = fleet.lines("pauses")
            assert (listed["queue"], listed["paused"]["reason"]) == ("default", "look first")
            assert "default" in fleet("pauses").splitlines()[1]
            found = {one["check"]: one for one in fleet.lines("doctor")}["queue default"]
            assert found["ok"]
            assert "UTC by ops: look first" in found["found"]

            # Nor a worker that comes later
            with fleet.running("worker", "--app", APP) as late:
                blocking_eventually(lambda: len(fleet.lines("workers")) == 2, "two workers")
                ended(late, signal.SIGTERM)
            assert fleet.json("status", run)["steps"][0]["status"] == "PENDING"

            # Until it goes on
            dry = fleet("unpause", "--queue", "default", "--dry-run")
            assert dry == "queue default is paused now\n"
            assert fleet.json("unpause", "--queue", "default") == {
                "queue": "default",
                "paused": None,
            }
            until(fleet, run, "COMPLETED")
            assert fleet("pauses") == "no queue and no workflow is paused\n"
            assert (
                fleet("pause", "--queue", "default", "--dry-run") == "queue default goes on now\n"
            )
            assert "no queue 'defualt' exists" in fleet.error("pause", "--queue", "defualt", code=3)
            ended(coordinator, signal.SIGTERM)


def test_a_paused_workflow_holds_its_runs_whichever_coordinator_drives_them(tmp_path):
    with EmbeddedServer(store=tmp_path) as server:
        fleet = Commands(server.url)
        fleet("setup")
        fleet("register", str(WORKFLOWS))
        before = fleet("start", "sum").strip()
        with fleet.running("coordinator") as first:
            until(fleet, before, "RUNNING")

            # When its workflow is paused, and the only coordinator is killed
            said = fleet("pause", "--workflow", "sum", "--reason", "look first", "--actor", "ops")
            assert said.startswith("workflow sum is paused since 20")
            ended(first, signal.SIGKILL)
        meanwhile = fleet("start", "sum").strip()

        with fleet.running("coordinator") as second, ExitStack() as workers:
            # Then everybody says that its runs pause, and why
            for run in (before, meanwhile):
                until_said(fleet, run)
                until_held(fleet, run)
                assert "workflow paused:" in fleet("status", run)

            # And nothing of them begins, once it is so: the first one died before it was
            workers.enter_context(fleet.running("worker", "--app", APP))
            blocking_eventually(lambda: fleet.lines("workers"), "a worker")
            found = {one["id"] for one in fleet.lines("list", "--where", "paused=yes")}
            assert found == {before, meanwhile}
            [listed] = fleet.lines("pauses")
            assert (listed["workflow"], listed["paused"]["actor"]) == ("sum", "ops")
            assert "workflow sum" in fleet("pauses").splitlines()[1]
            found = {one["check"]: one for one in fleet.lines("doctor")}["workflow sum"]
            assert (found["ok"], found["found"][-19:]) == (True, "UTC by ops: look first"[-19:])
            steps = fleet.json("status", before)["steps"]
            assert {step["status"] for step in steps} == {"PENDING"}

            # Until it goes on
            dry = fleet("unpause", "--workflow", "sum", "--dry-run")
            assert dry == "workflow sum is paused now\n"
            said = fleet.json("unpause", "--workflow", "sum")
            assert said == {"workflow": "sum", "paused": None}
            for run in (before, meanwhile):
                until(fleet, run, "COMPLETED")
            refused = fleet.error("pause", "--workflow", "smu", code=3)
            assert "no workflow 'smu' is registered" in refused
            ended(second, signal.SIGTERM)


def until_held(fleet: Commands, run: str) -> None:
    """Until its coordinator has followed that its workflow pauses."""

    def is_held() -> bool:
        held = fleet.json("status", run)["held"]
        return held is not None and held["reason"] == "look first"

    blocking_eventually(is_held)


def until_said(fleet: Commands, run: str) -> None:
    """Until it is said that its workflow pauses."""
    why = "by ops: look first\n  -> flowworker unpause --workflow sum"
    blocking_eventually(lambda: why in fleet("why", run))


def test_a_queue_is_paused_or_a_workflow_is_or_runs_are(dev):
    both = ["pause", "run-1", "--queue", "default"]
    wholes = ["pause", "--queue", "default", "--workflow", "sum"]
    for arguments in (
        both,
        wholes,
        ["pause"],
        ["unpause", "--where", "state=running", "--queue", "q"],
    ):
        assert dev.code(*arguments) == 2
    assert dev.code("pause", "--queue", "default", "--rate", "5") == 2
    assert "a queue must be one token" in dev.error("pause", "--queue", "a.b", code=2)
