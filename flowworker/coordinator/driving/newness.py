"""Which starts of runs are what they say: of runs that nobody has begun.

The start of a run carries its whole record, so that who gets it need not read any. That is right if
it is delivered for the first time. A server that was started anew may have lost that it was
delivered (`ports.Tail`), but not which revision a record had: runs whose records are younger than
one that was written since the server's start were made since.
"""

from __future__ import annotations

__all__ = ["Newness"]

import sys
from typing import TYPE_CHECKING

from flowworker.core.event_types import EventType

if TYPE_CHECKING:
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.ports import Tail


class Newness:
    """Of what a partition's coordinator is delivered."""

    def __init__(self, tail: Tail | None) -> None:
        """Believe all starts where nothing is lost, and none before `believe` elsewhere."""
        self._tail = tail
        self._incarnation = self.incarnation
        self._after = 0 if tail is None else sys.maxsize
        self._lost = False

    @property
    def incarnation(self) -> str:
        """That of the server; empty where that makes no difference."""
        return "" if self._tail is None else self._tail.incarnation()

    def is_lost(self) -> bool:
        """Whether the server was started anew since this was asked last."""
        self._look()
        lost, self._lost = self._lost, False
        return lost

    def believe(self, revision: int, incarnation: str) -> None:
        """A record got that revision in that life of the server, which may be over."""
        self._look()
        if incarnation == self._incarnation:
            self._after = min(self._after, revision)

    def is_new(self, event: CloudEvent, *, redelivered: bool) -> bool:
        """Whether it is the start of a run that nobody has begun, with its record."""
        is_start = event.type is EventType.STARTED and event.data.revision > self._after
        return is_start and not redelivered

    def _look(self) -> None:
        if self._incarnation != (now := self.incarnation):
            self._incarnation, self._after, self._lost = now, sys.maxsize, True
