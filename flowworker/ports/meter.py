"""What waits at the server: for those who watch a fleet. No decision depends on it."""

from __future__ import annotations

__all__ = ["LaneLevel", "Meter", "StorageLevel"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class LaneLevel:
    """One priority of a queue.

    Attributes:
        pending: steps that no worker got yet.
        in_flight: steps that a worker has, or that were put back for later.
        requests: of workers, which wait for steps.
        oldest: when the first pending step was stored, epoch seconds; 0 if none is pending.
        held: it hands nothing out.
    """

    pending: int
    in_flight: int
    requests: int
    oldest: float = 0.0
    held: bool = False

    def __add__(self, other: LaneLevel) -> LaneLevel:
        """Both together, as of one lane in two shards."""
        return LaneLevel(
            self.pending + other.pending,
            self.in_flight + other.in_flight,
            self.requests + other.requests,
            min(filter(None, (self.oldest, other.oldest)), default=0.0),
            self.held and other.held,
        )


@dataclass(frozen=True, slots=True)
class StorageLevel:
    """What is stored.

    Attributes:
        used: bytes of the account.
        limit: as many it may have; 0 without a limit.
        messages, sizes: of each stream, by its name.
    """

    used: int
    limit: int
    messages: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


class Meter(Protocol):
    """Asks the server. Each call costs some requests: call rarely."""

    async def events(self, partitions: Iterable[int]) -> dict[int, int]:
        """Events not delivered yet, by partition: a request for each."""
        ...

    async def commands(self) -> dict[str, int]:
        """Commands not delivered yet, by lane; and timers that fired, as `timers`."""
        ...

    async def lanes(self) -> dict[tuple[str, str], LaneLevel]:
        """Queues and priorities that have, or had, workers: a request or two for each."""
        ...

    async def schedules(self) -> dict[str, int]:
        """Schedules that are `ACTIVE`, `PAUSED` or `ENDED`: three lists of all, however many.

        And the records of those that have no time to come, some in each request.
        """
        ...

    async def storage(self) -> StorageLevel:
        """What is stored, and what may be."""
        ...
