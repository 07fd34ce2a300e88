"""What is asked for when a namespace is created."""

from __future__ import annotations

__all__ = ["DEFAULT_PARTITIONS", "TopologyOptions"]

from typing import Literal

from msgspec import Struct

from flowworker.errors import InvalidInput
from flowworker.jetstream.topology.durability import COPIES, Durability, check_choice
from flowworker.settings import check_numbers

DEFAULT_PARTITIONS = 16


class TopologyOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """How streams are created. What is left None takes a default, or whatever exists already.

    Attributes:
        replicas: of every stream and bucket; 1 unless given.
        storage: `file` unless given.
        events_age: seconds after which a run's history is dropped whatever its retention; 30 days.
        partitions: of runs over coordinators, fixed at creation; 16 unless given.
        shards: of runs over streams, fixed at creation; 1 unless given.
        durability: what may fail without a loss: `process`, `power` or `machine`; as `replicas`
            say unless given.
    """

    replicas: int | None = None
    storage: Literal["file", "memory"] | None = None
    events_age: float | None = None
    partitions: int | None = None
    shards: int | None = None
    durability: Durability | None = None

    def __post_init__(self) -> None:
        """Refuse what no server takes, and what contradicts itself."""
        check_numbers(self)
        if self.shards is not None and self.shards > (self.partitions or DEFAULT_PARTITIONS):
            raise InvalidInput(
                f"shards={self.shards}: expected at most as many as partitions, which are "
                f"{self.partitions or DEFAULT_PARTITIONS}: each shard has some of them"
            )
        if self.durability is not None:
            check_choice(self.durability, self.replicas, self.storage)

    @property
    def copies(self) -> int:
        """Replicas of a stream that is created."""
        return self.replicas or COPIES[self.durability]
