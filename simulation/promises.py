"""What was acknowledged stays in the histories of runs, whatever fails, until these are removed.

That is: what a command became, or why it was not followed, once the command is acknowledged; what
a handler has emitted; and of a run that has ended its end, with all that its records tell of. What
they do not any more (attempts that were tried again, what an answer led to) may be lost.
"""

from __future__ import annotations

__all__ = ["Promises"]

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from flowworker.client.watching import decode
from flowworker.core.event_types import END_OF, EventType
from flowworker.core.ids import event_id
from flowworker.core.status import TERMINAL
from flowworker.stores.signals import signal_id
from simulation.commands import REQUESTS
from simulation.history import recorded

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from flowworker.ports import Delivery, StoredEvent
    from simulation.truth import Truth

_OF_COMMANDS = {*REQUESTS, EventType.SIGNALLED}


class Promises:
    """Of all runs of a world."""

    def __init__(self) -> None:
        """Nothing is promised."""
        self.counted = False
        self._by_detail: dict[str, set[tuple[str, str]]] = {}
        self._made: dict[str, set[str]] = {}

    def published(self, run: str, event: str) -> None:
        """An event is in the history of a run, or of a command without one."""
        about, _, detail = event.rpartition("/")
        if about.rpartition("/")[2] in _OF_COMMANDS:
            self._by_detail.setdefault(detail, set()).add((run, event))

    def acked(self, delivery: Delivery) -> None:
        """A command is acknowledged."""
        sequence = str(delivery.sequence)
        made = self._by_detail.get(sequence, set())
        made |= self._by_detail.get(signal_id(delivery.sequence, delivery.time), set())
        # One that came again may be refused since it was followed; that is the answer then.
        refused = {one for one in made if f"/{EventType.REJECTED}/" in one[1]}
        said = refused or made
        places = Counter(event for _, event in said)
        for run, event in said:
            if places[event] == 1:  # else it came again when the run was over, and is in one of two
                self._made.setdefault(run, set()).add(event)

    def emitted(self, run: str, event_type: str, key: str) -> None:
        """A handler was let go on after that."""
        digest = sha256(key.encode()).hexdigest()[:16]
        self._made.setdefault(run, set()).add(event_id(run, f"emit/{event_type}", digest))

    def lost(self, runs: Mapping[str, Truth], known: Container[str]) -> None:
        """The power has failed, and these events are left."""
        self.counted = True
        for truth in runs.values():
            if truth.ended and event_id(truth.run, END_OF[truth.record.status]) not in known:
                truth.ended = False

    def beside(self, runs: Container[str]) -> list[str]:
        """Histories of no run, as of commands that began none."""
        return [history for history in self._made if history not in runs]

    def broken(
        self, run: str, truth: Truth | None, history: Iterable[StoredEvent] | None
    ) -> list[str]:
        """What is missing, once everything is at rest; nothing if it is not known what is there."""
        if history is None or not self.counted:
            return []
        found = {event["id"] for one in history if (event := decode(one.data)) is not None}
        expected = set(self._made.get(run, ()))
        if truth is not None and truth.record.status in TERMINAL:
            expected |= {*recorded(truth), event_id(run, END_OF[truth.record.status])}
        return sorted(expected - found)
