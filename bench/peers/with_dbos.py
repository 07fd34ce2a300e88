"""DBOS: a library that keeps workflows in a database; they are executed in the process itself."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bench.peers.contender import About

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Dbos:
    """Runs of one workflow."""

    def __init__(self, start: Any) -> None:
        """Call `start` for a run; it returns what waits for its result."""
        self._start = start

    def one(self) -> None:
        """See `Contender`."""
        self._start().get_result()

    def many(self, runs: int) -> None:
        """See `Contender`."""
        for run in [self._start() for _ in range(runs)]:
            run.get_result()


def about() -> About:
    """What is measured."""
    how = "all steps within one call in the client's own process; a SQLite file"
    return About(how, {name: version(name) for name in ("dbos", "sqlalchemy")})


@contextmanager
def started(folder: Path) -> Iterator[Dbos]:
    """Everything that it needs, as long as it is open."""
    from dbos import DBOS

    from bench.peers.dbos_app import chain

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder / 'dbos.sqlite'}",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )
    DBOS.launch()
    try:
        yield Dbos(lambda: DBOS.start_workflow(chain))
    finally:
        DBOS.destroy()
