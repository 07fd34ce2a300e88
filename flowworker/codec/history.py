"""A run's history as whoever rebuilds the run needs it."""

from __future__ import annotations

__all__ = ["Told"]

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.json import Decoder

from flowworker.codec.cloudevents import decode_event, to_fact
from flowworker.core.commands import EventType
from flowworker.core.events import HumanDecided

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.events import Event

_REQUESTS = frozenset({EventType.HUMAN_DECIDED, EventType.CANCEL_REQUESTED, EventType.TIMED_OUT})
"""Facts that stand in no record before a coordinator has followed them."""


class _Glimpse(Struct):
    id: str
    type: str = ""


_glimpse = Decoder(_Glimpse).decode


class Told:
    """What has been told of a run.

    Attributes:
        requests: what was asked for, oldest first. Whoever has such an event in hand may not have
            followed it yet, so records alone do not tell what the run is about to do. An answer
            that came before a step waited (again) is not meant for it, and left out.
    """

    def __init__(self, history: Iterable[bytes]) -> None:
        """Read events of any type, oldest first."""
        self.requests: list[Event] = []
        self._ids: set[str] = set()
        for raw in history:
            seen = _glimpse(raw)
            self._ids.add(seen.id)
            if seen.type in _REQUESTS or seen.type == EventType.WAITING_HUMAN:
                self._note(decode_event(raw))

    def __contains__(self, event_id: object) -> bool:
        return event_id in self._ids

    def add(self, event: CloudEvent) -> None:
        """It has been told now."""
        self._ids.add(event.id)
        self._note(event)

    def _note(self, event: CloudEvent) -> None:
        if event.type is EventType.WAITING_HUMAN:
            self.requests = [
                request for request in self.requests if not _answers(request, event.data.step_id)
            ]
        elif event.type in _REQUESTS and (fact := to_fact(event)) is not None:
            self.requests.append(fact)


def _answers(request: Event, step: str) -> bool:
    return isinstance(request, HumanDecided) and request.step in ("", step)
