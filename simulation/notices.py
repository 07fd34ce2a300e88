"""Notifications as one process sends and hears them: each may be lost on its way."""

from __future__ import annotations

__all__ = ["SimNotifier"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.ports import Backend
    from simulation.gate import Gate


class SimNotifier:
    """The `Notifier` port as one process has it."""

    def __init__(self, gate: Gate, backend: Backend) -> None:
        """That of a backend, behind a gate."""
        self._gate = gate
        self._notifier = backend.notifier

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """To all who subscribe, unless it is lost."""
        if not self._lost():
            publish = self._notifier.publish
            await self._gate.call("publish", subject, publish, subject, data, headers)

    async def subscribe(
        self,
        subject: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None] | None = None,  # noqa: ARG002  # nobody knows
    ) -> Callable[[], object]:
        """Until the process dies; some are lost."""

        def take(subject: str, data: bytes) -> None:
            if not self._lost():
                self._gate.process.call(on_message, subject, data)

        end = await self._gate.call("subscribe", subject, self._notifier.subscribe, subject, take)
        self._gate.process.on_death.append(end)
        return end

    def _lost(self) -> bool:
        return self._gate.faults.chance("notice lost", self._gate.faults.rates.notice_lost)
