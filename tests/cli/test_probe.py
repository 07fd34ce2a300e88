"""`flowworker health`: what a container's health check asks, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.ports import free_port
from flowworker.cli.listening import listen

ANSWERS = {
    "/healthz": (200, "text/plain", b"ok\n"),
    "/readyz": (503, "text/plain", b"not ready\x1b[2J\n"),
}


@pytest.fixture
def port() -> Iterator[str]:
    """Of a process that lives and is not ready, on all interfaces."""
    with listen("0.0.0.0", 0, ANSWERS.__getitem__) as (_, port):
        yield str(port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_process_that_lives_is_code_0(flowworker, port, host):
    result = flowworker("health", "--http-port", port, "--http-host", host)

    assert (result.exit_code, result.stdout) == (0, "ok\n")


def test_a_process_that_is_not_ready_is_code_1(flowworker, port):
    result = flowworker("health", "--ready", "--http-port", port)

    assert (result.exit_code, result.stdout) == (1, "not ready\\x1b[2J\n")


def test_a_process_that_is_not_there_is_code_1(flowworker):
    port = free_port()

    result = flowworker("health", "--http-port", str(port))

    assert result.exit_code == 1
    assert result.stderr == f"error: no answer from 127.0.0.1:{port}: Connection refused\n"


def test_a_host_without_a_name_is_code_1(flowworker, port):
    result = flowworker("health", "--http-port", port, "--http-host", "no such host")

    assert result.exit_code == 1
    assert "no answer from no such host" in result.stderr


def test_port_and_host_may_come_from_the_environment(flowworker, port, monkeypatch):
    monkeypatch.setenv("FLOWWORKER_HTTP_PORT", port)
    monkeypatch.setenv("FLOWWORKER_HTTP_HOST", "0.0.0.0")

    assert flowworker("health").exit_code == 0


def test_without_a_port_there_is_nothing_to_ask(flowworker):
    result = flowworker("health")

    assert result.exit_code == 2
    assert "--http-port" in result.stderr
