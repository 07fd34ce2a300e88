"""`flowworker dev`: how it starts, and how it ends, with its server and workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from integration.cli.commands import ROOT, Commands, ended, until, url_of
from integration.cli.processes import DEV, children, is_reachable, until_unreachable
from tests.support.waiting import WAIT_LIMIT


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
