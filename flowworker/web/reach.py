"""The fleet as endpoints see it."""

from __future__ import annotations

__all__ = ["Fleet"]

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from flowworker.client import Client
    from flowworker.ports import Finding
    from flowworker.stores.stores import Stores


class Fleet(Protocol):
    """The fleet that is looked at and acted on; raises Unavailable while it cannot be reached."""

    @property
    def client(self) -> Client:
        """Its remote control."""
        ...

    @property
    def stores(self) -> Stores:
        """What it keeps, for what no client shows."""
        ...

    async def examined(self) -> list[Finding]:
        """What `flowworker doctor` finds."""
        ...
