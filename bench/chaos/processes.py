"""The fleet's processes: any of them may be killed, stopped, and replaced.

All are in one process group, led by a shell that reads from a pipe which we hold open: when we
die, even by SIGKILL, the pipe closes and the shell kills the group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from bench.chaos.cluster import HOST, resident, resume
from bench.ports import free_port

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT = 15.0
END_TIMEOUT = 120.0
"""Seconds that one may take to end that is to be replaced, on the slowest machine."""

SETTINGS = {
    "FLOWWORKER_LEASE": "3",
    "FLOWWORKER_PARTITION_LEASE": "2",
    "FLOWWORKER_HANDLER_GRACE": "5",
    "FLOWWORKER_SHORT_DELAY": "2",
    "FLOWWORKER_SWEEP": "3",
    "FLOWWORKER_DRAIN": "3",
    "FLOWWORKER_CONCURRENCY": "16",
}
"""Short leases, so that minutes hold many takeovers."""


class Processes:
    """Coordinators and workers by name.

    Args:
        folder: for logs and notes; it must exist.
        namespace: which fleet.
        settings: environment variables of all of them.
    """

    def __init__(
        self, folder: Path, namespace: str, settings: dict[str, str] | None = None
    ) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir(exist_ok=True)
        self.logs = folder / "logs"
        self.logs.mkdir(exist_ok=True)
        self._environment = os.environ | (SETTINGS if settings is None else settings)
        self._environment |= {
            "FLOWWORKER_NAMESPACE": namespace,
            "CHAOS_NOTES": str(self.notes),
        }
        self._commands: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def names(self) -> list[str]:
        """Of all that were started, running or not."""
        return list(self._processes)

    def start(self, name: str, url: str, *command: str) -> int:
        """Start `flowworker COMMAND`; its process id."""
        if self._guard is None:
            guard = ("sh", "-c", "read -r _; kill -KILL 0")
            self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, process_group=0)
        self._commands[name] = (url, command)
        port = self._ports.setdefault(name, free_port())
        variables = {"FLOWWORKER_NATS_URL": url, "FLOWWORKER_HTTP_PORT": str(port)}
        with (self.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "flowworker", *command],
                cwd=ROOT,
                env=self._environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=self._guard.pid,
            )
        return self._processes[name].pid

    def again(self, name: str) -> int:
        """Replace a process that has ended by a new one of the same kind."""
        url, command = self._commands[name]
        self._processes[name].wait(END_TIMEOUT)
        return self.start(name, url, *command)

    def pid(self, name: str) -> int:
        """Of the present process of that name."""
        return self._processes[name].pid

    def ended(self, name: str) -> int | None:
        """Its exit status, or None while it runs."""
        return self._processes[name].poll()

    def is_ready(self, name: str) -> bool:
        """Whether it says so itself."""
        with (
            suppress(OSError),
            urlopen(f"http://{HOST}:{self._ports[name]}/readyz", timeout=5) as it,
        ):
            return bool(it.status == HTTPStatus.OK)
        return False

    def send(self, name: str, number: signal.Signals) -> None:
        """A signal; harmless if it has ended."""
        self._processes[name].send_signal(number)

    def memory(self) -> dict[str, int]:
        """Resident bytes by name."""
        return {name: resident(one.pid) for name, one in self._processes.items()}

    def stop(self) -> None:
        """Let all of them drain, and kill those that take too long."""
        for one in self._processes.values():
            if one.poll() is None:
                resume(one.pid)
                one.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT
        for one in self._processes.values():
            try:
                one.wait(max(deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        self._processes.clear()
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
