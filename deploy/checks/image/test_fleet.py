"""A fleet whose every process is of the image, with a root that nobody can write."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from bench.ports import free_port
from deploy.checks.image.container import VOLUME, Container, Image
from tests.support.waiting import blocking_eventually

USER = 10001


class Fleet:
    """A server, a coordinator and two workers."""

    def __init__(self, image: Image, app_image: Image, folder: Path, stack: ExitStack) -> None:
        self.app_image = app_image
        self.processes: dict[str, Container] = {}
        self.ports: dict[str, str] = {}
        port = str(free_port())
        self.url = f"nats://127.0.0.1:{port}"
        os.chown(folder, USER, USER)
        server = ("server", "--port", port, "--store", VOLUME)
        self.processes["server"] = stack.enter_context(
            image.running("server", *server, volume=folder)
        )
        worker = ("worker", "--app", "hello.handlers:app")
        for name, of, arguments in (
            ("coordinator", image, ("coordinator",)),
            ("worker-1", app_image, worker),
            ("worker-2", app_image, worker),
        ):
            self.ports[name] = str(free_port())
            self.processes[name] = stack.enter_context(
                of.running(name, *arguments, environment=self.environment(name))
            )

    def environment(self, name: str) -> dict[str, str]:
        return {"FLOWWORKER_NATS_URL": self.url, "FLOWWORKER_HTTP_PORT": self.ports[name]}

    def is_ready(self, name: str) -> bool:
        result = self.app_image.run(
            "flowworker", "health", "--ready", environment=self.environment(name)
        )
        return result.returncode == 0

    def flowworker(self, *arguments: str) -> str:
        """What a command prints, run as a process of the image as well."""
        result = self.app_image.run(
            "flowworker", *arguments, environment={"FLOWWORKER_NATS_URL": self.url}
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture
def fleet(image: Image, app_image: Image, tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(image, app_image, tmp_path, stack)
        for log in [*image.logs.iterdir(), *app_image.logs.iterdir()]:
            print(f"--- {log.name}", log.read_text("utf-8"), sep="\n")


def test_a_fleet_runs_a_workflow_and_ends_when_asked_to(fleet, image):
    check = image.config["Healthcheck"]["Test"][1:]
    for name in fleet.ports:
        blocking_eventually(partial(fleet.is_ready, name), f"{name} ready", pause=0.5)
        assert image.run(*check, environment=fleet.environment(name)).stdout == "ok\n"
    for process in fleet.processes.values():
        assert process.users == {str(USER)}

    fleet.flowworker("register", "hello")
    result = json.loads(fleet.flowworker("start", "hello", "--input", '{"who": "Ada"}', "--wait"))

    assert result["output"] == {"shout": {"text": "HELLO, ADA!"}}
    for name in ("worker-1", "worker-2", "coordinator", "server"):
        assert fleet.processes[name].end() == 0, name


def test_a_process_that_does_not_listen_is_not_well(image):
    port = str(free_port())

    result = image.run(
        *image.config["Healthcheck"]["Test"][1:], environment={"FLOWWORKER_HTTP_PORT": port}
    )

    assert result.returncode == 1
    assert "no answer" in result.stderr


@pytest.mark.parametrize("place", ["/app", "/tmp", "/opt/flowworker", "/var/tmp"])
def test_no_place_can_be_written(app_image, place):
    result = app_image.run("touch", f"{place}/file")

    assert result.returncode == 1
    assert "Read-only file system" in result.stderr


def test_a_process_cannot_become_root(image):
    status = image.run("cat", "/proc/self/status").stdout

    assert "CapEff:\t0000000000000000" in status
    assert "Uid:\t10001\t10001\t10001\t10001" in status
