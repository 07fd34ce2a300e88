"""`pause`, `unpause` and `pauses` of a queue, and who sees that it is paused."""

from __future__ import annotations

import signal

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
            assert fleet("pauses") == "no queue is paused\n"
            assert (
                fleet("pause", "--queue", "default", "--dry-run") == "queue default goes on now\n"
            )
            assert "no queue 'defualt' exists" in fleet.error("pause", "--queue", "defualt", code=3)
            ended(coordinator, signal.SIGTERM)


def test_a_queue_is_paused_or_runs_are(dev):
    both = ["pause", "run-1", "--queue", "default"]
    for arguments in (both, ["pause"], ["unpause", "--where", "state=running", "--queue", "q"]):
        assert dev.code(*arguments) == 2
    assert dev.code("pause", "--queue", "default", "--rate", "5") == 2
    assert "a queue must be one token" in dev.error("pause", "--queue", "a.b", code=2)
