"""A coordinator and workers as child processes that never outlive us.

All are in one process group, led by a shell that reads from a pipe which we hold open: when we
die, even by SIGKILL, the pipe closes and the shell kills the group. The terminal's Ctrl-C does not
reach the group, so that we can let the processes drain first.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn, Self

from flowworker.settings import CONNECTION, NAMESPACE

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT = 10.0
FOREIGN = {*CONNECTION.values(), NAMESPACE, "FLOWWORKER_HTTP_PORT"}
"""Variables that tell of another fleet, if the caller has one."""


class ProcessEnded(Exception):
    """A process of the fleet ended before its time."""


class Fleet:
    """Child processes, each with a log of its own.

    Args:
        logs: the folder for the logs; it must exist.
        environment: variables for all of them, beside our own.
    """

    def __init__(self, logs: Path, environment: dict[str, str] | None = None) -> None:
        self._logs = logs
        ours = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self._environment = ours | (environment or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, name: str, *command: str, python: tuple[str, ...] = ()) -> None:
        """Start `flowworker COMMAND`; `python` are options for the interpreter."""
        if self._guard is None:
            guard = ("sh", "-c", "read -r _; kill -KILL 0")
            self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, process_group=0)
        with (self._logs / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, *python, "-m", "flowworker", *command],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=self._guard.pid,
            )

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: process.pid for name, process in self._processes.items()}

    async def watch(self) -> NoReturn:
        """Wait until a process ends.

        Raises:
            ProcessEnded: says which one, and what it said last.
        """
        while True:
            for name, process in self._processes.items():
                if (status := process.poll()) is not None:
                    log = self._logs / f"{name}.log"
                    last = log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
                    raise ProcessEnded(f"{name} ended with status {status}: {last or 'no output'}")
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Let all of them drain, and kill those that take over ten seconds."""
        try:
            for process in self._processes.values():
                process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_TIMEOUT
            for process in self._processes.values():
                process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._guard is not None:
                os.killpg(self._guard.pid, signal.SIGKILL)
                self._guard.communicate()
            for process in self._processes.values():
                process.wait()
            self._processes.clear()
            self._guard = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
