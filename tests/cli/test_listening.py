"""The HTTP port answers probes, no matter what else connects."""

from __future__ import annotations

import socket
import urllib.request
from contextlib import ExitStack, suppress

import pytest
from prometheus_client import CollectorRegistry

from flowworker.cli import listening
from flowworker.cli.health import serve_health
from flowworker.cli.listening import listen
from flowworker.cli.serving import HttpAddress
from flowworker.errors import InvalidInput


def hello(path):
    return 200, "text/plain", path.encode()


@pytest.fixture
def port():
    with listen("127.0.0.1", 0, hello) as (_, port):
        yield port


def get(port, host="127.0.0.1"):
    with urllib.request.urlopen(f"http://{host}:{port}/hello?x", timeout=10) as response:
        return response.read()


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def received(client):
    with client, client.makefile("rb") as stream:
        return stream.read()


def is_closed(client, within):
    client.settimeout(within)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_request_is_answered(port):
    assert get(port) == b"/hello"


def test_unless_configured_only_this_machine_is_served():
    with listen(HttpAddress().host, 0, hello) as (host, port):
        assert host == "127.0.0.1"
        assert get(port) == b"/hello"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_interfaces_can_be_asked_for(host):
    with listen(host, 0, hello) as (shown, port):
        assert shown == host
        assert get(port) == b"/hello"


def test_a_request_has_a_time_however_busy_it_seems(port, monkeypatch):
    monkeypatch.setattr(listening, "REQUEST_TIME", 0.2)
    with connected(port) as slow:
        slow.sendall(b"GET /hello HTTP/1.1\r\n")
        while not is_closed(slow, within=0.05):
            with suppress(ConnectionError):  # closed this very moment
                slow.sendall(b"X: y\r\n")
    assert get(port) == b"/hello"


def test_a_silent_connection_is_closed(port, monkeypatch):
    monkeypatch.setattr(listening, "REQUEST_TIME", 0.1)
    assert received(connected(port)) == b""


def test_a_request_has_a_size(port):
    client = connected(port)
    client.sendall(b"GET / HTTP/1.1\r\nX: ".ljust(listening.MAX_REQUEST, b"x"))
    assert received(client).startswith(b"HTTP/1.0 431 ")


def test_many_open_connections_keep_nobody_out(port):
    with ExitStack() as stack:
        silent = [
            stack.enter_context(connected(port)) for _ in range(2 * listening.MAX_CONNECTIONS)
        ]
        assert get(port) == b"/hello"
        assert is_closed(silent[0], within=20)  # the oldest had to go
        assert not is_closed(silent[-1], within=0.05)


@pytest.mark.parametrize("host", ["no such host", "203.0.113.1", "a..b"])
def test_an_interface_that_is_not_there_is_one_line(host):
    said = rf"--http-host {host} --http-port 8080: .+; choose another one"
    with (
        pytest.raises(InvalidInput, match=said),
        serve_health(HttpAddress(host, 8080), CollectorRegistry(), bool, bool),
    ):
        pass
