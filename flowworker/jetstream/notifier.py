"""Core NATS: at most once, to whoever listens."""

from __future__ import annotations

__all__ = ["CoreNotifier"]

from functools import partial
from typing import TYPE_CHECKING

from flowworker.errors import InvalidInput
from flowworker.jetstream.names import checked_subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.jetstream.connection import Connection


class CoreNotifier:
    """Implements `ports.Notifier`."""

    def __init__(self, connection: Connection) -> None:
        """Over that connection."""
        self._connection = connection
        self._client = connection.client

    async def publish(self, subject: str, data: bytes) -> None:
        """Tell whoever listens."""
        if "*" in subject or ">" in subject:
            raise InvalidInput(f"a subject to publish to may have no wildcards, found {subject!r}")
        self._client.send(checked_subject(subject), "", b"", data)

    async def subscribe(
        self, subject: str, on_message: Callable[[str, bytes], None]
    ) -> Callable[[], object]:
        """Call with subject and data for each message; the result ends it when called."""

        def hand_over(found: bytes, _reply: bytes, data: bytes, _headers: bytes | None) -> None:
            on_message(found.decode(), data)

        sid = self._client.listen(checked_subject(subject), hand_over)
        await self._connection.flush()
        return partial(self._client.unlisten, sid)
