"""Core NATS: at most once, to whoever listens."""

from __future__ import annotations

__all__ = ["CoreNotifier"]

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
        self,
        subject: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None] | None = None,
    ) -> Callable[[], object]:
        """Call with subject and data for each message; the result ends it when called.

        `on_lost` is called when the connection is lost, and what is told meanwhile with it.
        """

        def hand_over(found: bytes, _reply: bytes, data: bytes, _headers: bytes | None) -> None:
            on_message(found.decode(), data)

        sid = self._client.listen(checked_subject(subject), hand_over)
        await self._connection.flush()
        lost = self._connection.on_disconnected
        if on_lost is not None:
            lost.append(on_lost)

        def end() -> None:
            self._client.unlisten(sid)
            if on_lost in lost:
                lost.remove(on_lost)

        return end
