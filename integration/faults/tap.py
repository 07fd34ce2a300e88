"""Messages for a process that stands still: what the server gives, and when."""

from __future__ import annotations

from typing import Any

from bench.chaos.raw import Raw
from tests.support.waiting import eventually


class Tap:
    """A consumer that gives its messages when it is opened, and not before.

    What is sent to a stopped process may be late: what that had asked for is over soon.
    """

    def __init__(self, raw: Raw, stream: str, consumer: str) -> None:
        self._raw = raw
        self._name = f"{stream}.{consumer}"

    async def close(self) -> None:
        await self._raw.api(f"CONSUMER.PAUSE.{self._name}", {"pause_until": "2200-01-01T00:00:00Z"})

    async def open(self) -> None:
        await self._raw.api(f"CONSUMER.PAUSE.{self._name}", {})

    async def holds(self, count: int) -> bool:
        """Whether that many wait in it, and what it gave before is done."""
        found = await self._found()
        return (found["num_pending"], found["num_ack_pending"]) == (count, 0)

    async def is_asked(self) -> bool:
        return bool((await self._found())["num_waiting"])

    async def gave(self) -> bool:
        """Whether messages went to the one who had asked, once nobody is asking any more."""
        found: dict[str, Any] = {}

        async def over() -> bool:
            found.update(await self._found())
            return found["num_ack_pending"] > 0 or not found["num_waiting"]

        await eventually(over)
        return bool(found["num_ack_pending"])

    async def _found(self) -> dict[str, Any]:
        return await self._raw.api(f"CONSUMER.INFO.{self._name}")
