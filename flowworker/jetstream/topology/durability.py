"""What a namespace outlives, in one word, and what that asks of its streams.

    process   any process, the server's too: one copy, in the hands of the operating system
    power     and the machine's loss of power: the server flushes each write (`sync_interval:
              always`), but for the *tail* of what is made again from records
    machine   and a machine with its disk: three copies or more, on servers of their own

Nothing says it but the streams themselves, so that it cannot be at odds with them.
"""

from __future__ import annotations

__all__ = [
    "COPIES",
    "UNFLUSHED",
    "Durability",
    "check_choice",
    "check_cluster",
    "durability_of",
    "persistence",
]

from typing import Any, Literal, TypeAlias

from flowworker.errors import InvalidInput, TopologyMismatch

Durability: TypeAlias = Literal["process", "power", "machine"]

COPIES: dict[Durability | None, int] = {None: 1, "process": 1, "power": 1, "machine": 3}
"""Replicas of each stream, unless more are asked for."""

UNFLUSHED = 300.0
"""Seconds after which a server has flushed what it writes behind: it does every two minutes, and a
little later where it has much to do."""

_WRITTEN_BEHIND = "async"
_FIXED = "it is fixed when a namespace is created: leave it out, or use another namespace"


def check_choice(durability: Durability, replicas: int | None, storage: str | None) -> None:
    """Raise InvalidInput if these contradict each other."""
    if storage == "memory":
        raise InvalidInput(
            f"durability={durability}: streams in memory outlive nothing; leave one of the two out"
        )
    least, most = (3, None) if durability == "machine" else (1, 1)
    if replicas is None or (replicas >= least and (most is None or replicas <= most)):
        return
    expected = f"{least} or more" if most is None else f"{most}"
    raise InvalidInput(
        f"durability={durability}: expected replicas={expected}, found {replicas}; leave one of "
        "the two out"
    )


def check_cluster(durability: Durability | None, cluster: str) -> None:
    """Raise InvalidInput if what is asked for is not for a server of a cluster.

    A process sees that the server it is connected to was started anew, and no other one.
    """
    if durability == "power" and cluster:
        raise InvalidInput(
            f"durability=power is for a server that stands alone, and this one belongs to cluster "
            f"{cluster!r}: expected durability=machine, with replicas on three of its servers"
        )


def persistence(durability: Durability | None) -> dict[str, str]:
    """What a stream is made with whose content is made again from records."""
    return {"persist_mode": _WRITTEN_BEHIND} if durability == "power" else {}


def durability_of(config: dict[str, Any], asked: Durability | None) -> Durability:
    """What a namespace outlives, as its stream of steps says.

    Raises:
        TopologyMismatch: something else is asked for that no server changes.
    """
    behind = config.get("persist_mode") == _WRITTEN_BEHIND
    found: Durability = "process"
    if behind:
        found = "power"
    elif config.get("num_replicas", 1) > 1:
        found = "machine"
    if asked is not None and behind != (asked == "power"):
        raise TopologyMismatch(
            f"stream {config['name']}: durability={asked} is asked for, found {found}; {_FIXED}"
        )
    return found
