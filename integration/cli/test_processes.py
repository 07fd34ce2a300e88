"""The long-running commands: how they start, and how they end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, ROOT, WORKFLOWS, Commands, ended, until, url_of
from tests.support.ports import free_port
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

DEV = ("dev", "--app", APP, "--workflows", str(WORKFLOWS), "--port", "0")


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


def is_reachable(url: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = url.removeprefix("nats://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def until_unreachable(url: str) -> None:
    blocking_eventually(lambda: not is_reachable(url))


def children(process: subprocess.Popen[str], arguments: str) -> list[int]:
    """Its children whose command line contains that."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if arguments in line]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_dev_drains_and_takes_its_server_with_it(workers):
    with Commands("").running(*DEV, "--workers", workers) as process:
        dev = Commands(url_of(process))
        dev("start", "sum", "--wait")
        run = dev("start", "long", "--input", '{"seconds": 2}').strip()
        with dev.running("watch", run, "--json") as watch:
            assert watch.stdout is not None
            types = (json.loads(line)["type"] for line in watch.stdout)
            assert "workflow.step.started" in types
            stderr = ended(process)
            # The step was finished before the end, not given up.
            assert "workflow.step.completed" in types
    assert process.returncode == 0
    assert "Traceback" not in stderr
    assert not is_reachable(dev.url)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_plain_function_that_never_returns_does_not_keep_a_process_alive(workers):
    with Commands("", FLOWWORKER_DRAIN="0.5").running(*DEV, "--workers", workers) as process:
        dev = Commands(url_of(process))
        dev("start", "sum", "--wait")
        run = dev("start", "stuck").strip()
        with dev.running("watch", run, "--json") as watch:
            assert watch.stdout is not None
            types = (json.loads(line)["type"] for line in watch.stdout)
            assert "workflow.step.started" in types
            stderr = ended(process)
    assert process.returncode == 0
    assert "handlers that did not return are left behind\n" in stderr
    until_unreachable(dev.url)


@pytest.mark.chaos
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_dev_at_once(workers):
    with Commands("").running(*DEV, "--workers", workers) as process:
        dev = Commands(url_of(process))
        dev("start", "sum", "--wait")
        dev("start", "long", "--id", "nap-1")
        until(dev, "nap-1", "RUNNING")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("draining" in line for line in process.stderr)
        stderr = ended(process)
    assert process.returncode == 130
    assert "stopping at once\n" in stderr
    until_unreachable(dev.url)


@pytest.mark.chaos
def test_nothing_survives_a_killed_dev():
    with Commands("").running(*DEV, "--workers", "2") as process:
        dev = Commands(url_of(process))
        dev("start", "sum", "--wait")
        ended(process, signal.SIGKILL)
    until_unreachable(dev.url)


@pytest.mark.chaos
def test_dev_replaces_a_worker_that_dies():
    with Commands("").running(*DEV, "--workers", "2") as process:
        dev = Commands(url_of(process))
        dev("start", "sum", "--wait")
        workers = children(process, "spawn_main")
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert process.stderr is not None
        assert any("starting another" in line for line in process.stderr)
        assert json.loads(dev("start", "sum", "--wait"))["status"] == "COMPLETED"
        ended(process)
    assert len(workers) == 2
    assert process.returncode == 0


@pytest.mark.chaos
def test_dev_ends_when_its_server_does():
    with Commands("").running(*DEV) as process:
        dev = Commands(url_of(process))
        dev("list")
        [pid] = children(process, "nats-server -c")
        os.kill(pid, signal.SIGKILL)
        _, stderr = process.communicate(timeout=WAIT_LIMIT)
    assert process.returncode == 4
    assert "error: nats-server ended" in stderr
    assert "Traceback" not in stderr


MOMENTS = {
    "connects": "CONNECT ",
    "creates streams": "STREAM.CREATE.FLOWWORKER_STEPS",
    "registers": "$KV.flowworker_definitions.latest.",
    "takes partitions": "$KV.flowworker_locks.partition.",
    "creates consumers": "CONSUMER.CREATE.FLOWWORKER_COMMANDS",
    "takes commands": "CONSUMER.MSG.NEXT.FLOWWORKER_COMMANDS.",
    "lets go of consumers": "drain:UNSUB",
    "gives partitions up": "drain:$KV.flowworker_locks.partition.",
}
"""What `dev` is about to do, and what it sends then."""


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("moment", "workers"),
    [
        *((moment, "1") for moment in MOMENTS),
        ("creates consumers", "2"),
        ("lets go of consumers", "2"),
    ],
)
def test_dev_says_that_its_server_ended_whatever_it_was_about_to_do(moment, workers):
    doomed = [sys.executable, "-m", "integration.cli.doomed", MOMENTS[moment]]
    command = [*doomed, *DEV, "--workers", workers]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=WAIT_LIMIT
    )

    assert result.returncode == 4, result.stderr
    [error] = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert error.startswith("error: nats-server ended; see ")
    assert "Traceback" not in result.stderr


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
        assert 'flowworker_runs_finished_total{status="COMPLETED"} 1.0' in get(one, "/metrics")[1]
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


def test_whoever_closes_the_pipe_gets_no_complaint(dev):
    run = json.loads(dev("start", "sum", "--wait"))["id"]
    script = f"{sys.executable} -m flowworker history {run} --nats-url {dev.url} | head -n 1"

    result = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, timeout=WAIT_LIMIT
    )

    assert "workflow.started" in result.stdout
    assert result.stderr == ""
