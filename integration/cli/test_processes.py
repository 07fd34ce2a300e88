"""The long-running commands but `dev`: how they start, and how they end."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from bench.ports import free_port
from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, WORKFLOWS, Commands, ended, until, url_of
from integration.cli.processes import DEV
from tests.support.waiting import WAIT_LIMIT, blocking_eventually


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


def test_a_taken_port_is_one_line(server):
    port = server.url.rpartition(":")[2]

    result = Commands("").process("server", "--port", port)

    assert result.returncode == 2
    assert result.stderr == f"error: --port {port}: Address already in use; choose another\n"


def test_the_server_keeps_its_data(tmp_path):
    store = str(tmp_path / "data")
    for expected in ("", "sum"):
        with Commands("").running("server", "--port", "0", "--store", store) as process:
            commands = Commands(url_of(process))
            if expected:
                commands("start", "sum")
            commands("setup")
            commands("register", str(WORKFLOWS))
            assert ended(process, signal.SIGTERM) == ""
        assert process.returncode == 0


SERVER = ("server", "--port", "0")


def test_the_server_ends_however_often_it_is_asked():
    for _ in range(3):
        with Commands("").running(*SERVER) as process:
            url_of(process)
            for _ in range(2000):
                process.send_signal(signal.SIGTERM)
            assert ended(process, signal.SIGTERM) == ""
        # A signal that meets the very end of the interpreter means what it does by default
        assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.chaos
@pytest.mark.parametrize("first", [DEV, SERVER], ids=["dev", "server"])
@pytest.mark.parametrize("second", [DEV, SERVER], ids=["dev", "server"])
def test_a_folder_has_one_server(tmp_path, first, second):
    store = ("--store", str(tmp_path / "data"))
    with Commands("").running(*first, *store) as process:
        commands = Commands(url_of(process))
        commands("setup")
        commands("register", str(WORKFLOWS))

        # When a second one is started on the folder
        refused = Commands("").process(*second, *store)

        # Then it says who has it, and the first one goes on
        assert refused.returncode == 2
        assert refused.stderr == (
            f"error: {store[1]} is in use by the server that process {process.pid} started: "
            "stop that one, or choose another folder\n"
        )
        commands("register", str(WORKFLOWS))

        # And when the first one is killed, the folder can be used with what is in it
        process.kill()
        with Commands("").running(*second, *store) as other:
            Commands(url_of(other))("start", "sum")
            ended(other)
        assert other.returncode == 0


def get(port: int, path: str) -> tuple[int, str]:
    """The answer, once there is one and it is not that it is not ready."""

    def answered() -> tuple[int, str] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return (error.code, error.read().decode()) if error.code != 503 else None
        except OSError:
            return None

    return blocking_eventually(answered)


def test_a_fleet_of_processes_serves_health_and_drains(server):
    commands, namespace = Commands(server.url), ("--namespace", "fleet")
    one, other = free_port(), free_port()
    commands("setup", *namespace)
    commands("register", str(WORKFLOWS), *namespace)
    with (
        commands.running("coordinator", *namespace, "--http-port", str(one)) as coordinator,
        commands.running("worker", "--app", APP, *namespace, "--http-port", str(other)) as worker,
    ):
        assert get(one, "/readyz") == (200, "ok\n")
        assert get(other, "/readyz") == (200, "ok\n")
        assert get(other, "/healthz") == (200, "ok\n")
        assert get(other, "/nosuch")[0] == 404
        assert json.loads(commands("start", "sum", "--wait", *namespace))["status"] == "COMPLETED"
        assert (
            'flowworker_attempts_total{handler="add",outcome="completed"} 2.0'
            in (get(other, "/metrics")[1])
        )
        ended_runs = 'flowworker_runs_finished_total{status="COMPLETED",workflow="sum"} 1.0'
        assert ended_runs in get(one, "/metrics")[1]
        commands("doctor", *namespace)
        for process in (worker, coordinator):
            assert "Traceback" not in ended(process, signal.SIGTERM)
            assert process.returncode == 0


@pytest.mark.chaos
def test_a_second_signal_ends_a_worker_at_once(server):
    commands = Commands(server.url)
    commands("setup")
    commands("register", str(WORKFLOWS))
    with commands.running("coordinator"), commands.running("worker", "--app", APP) as worker:
        run = commands("start", "long").strip()
        until(commands, run, "RUNNING")
        blocking_eventually(lambda: commands.json("status", run)["steps"][0]["status"] == "RUNNING")

        worker.send_signal(signal.SIGINT)
        ended(worker, signal.SIGTERM)
    # Two that wait to be heard have no order
    assert worker.returncode in {128 + signal.SIGINT, 128 + signal.SIGTERM}


def test_a_taken_http_port_is_code_2(server):
    port = server.url.rpartition(":")[2]

    result = Commands(server.url).process("coordinator", "--http-port", port)

    assert result.returncode == 2
    assert f"--http-port {port}" in result.stderr.splitlines()[-1]


def test_a_coordinator_waits_for_its_server():
    port = str(free_port())
    with Commands(f"nats://127.0.0.1:{port}").running("coordinator") as coordinator:
        time.sleep(1.0)  # it has tried: nobody sees that from outside
        with EmbeddedServer(port=int(port)) as server:
            commands = Commands(server.url)
            blocking_eventually(lambda: commands.code("list") == 0)  # it makes the namespace
            commands("register", str(WORKFLOWS))
            run = commands("start", "long").strip()
            until(commands, run, "RUNNING")
            assert "Traceback" not in ended(coordinator, signal.SIGTERM)
        assert coordinator.returncode == 0


def test_watch_shows_all_runs_until_it_is_interrupted(dev):
    with dev.running("watch", "--json") as watch:
        assert watch.stdout is not None
        ready: list = []
        while not ready:  # it may not listen yet
            dev("start", "sum")
            ready, _, _ = select.select([watch.stdout], [], [], 0.5)
        run = json.loads(dev("start", "sum", "--wait"))["id"]
        events = (json.loads(line) for line in watch.stdout)
        types = (event["type"] for event in events if event["data"]["id"] == run)
        assert next(types) == "workflow.started"
        assert "workflow.completed" in types
        stderr = ended(watch)
    assert watch.returncode == 130
    assert stderr.strip() == ""


def test_one_who_closes_the_pipe_gets_no_complaint(dev):
    run = json.loads(dev("start", "sum", "--wait"))["id"]
    script = f"{sys.executable} -m flowworker history {run} --nats-url {dev.url} | head -n 1"

    result = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, timeout=WAIT_LIMIT
    )

    assert "workflow.started" in result.stdout
    assert result.stderr == ""
