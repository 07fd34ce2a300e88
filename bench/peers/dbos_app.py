"""A workflow of DBOS."""

from __future__ import annotations

from dbos import DBOS

from bench.peers.contender import STEPS


@DBOS.step()
def noop() -> dict[str, int]:
    """Nothing."""
    return {}


@DBOS.workflow()
def chain() -> None:
    """Steps, one after the other."""
    for _ in range(STEPS):
        noop()
