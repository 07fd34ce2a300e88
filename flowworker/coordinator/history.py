"""What a run's history says that its records do not."""

from __future__ import annotations

__all__ = ["History"]

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.json import Decoder
from msgspec.structs import replace

from flowworker.codec.cloudevents import decode_event
from flowworker.codec.facts import to_fact
from flowworker.codec.json import UNREADABLE
from flowworker.codec.senders import is_of_earlier_run, is_of_later_run, refusal
from flowworker.core.event_types import EventType
from flowworker.core.facts import HumanDecided
from flowworker.core.ids import COORDINATOR, instance_id
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowworker.codec.cloudevents import CloudEvent, EventData
    from flowworker.core.facts import Fact
    from flowworker.core.graph import Plan
    from flowworker.core.records import StepRecord
    from flowworker.ports import StoredEvent
    from flowworker.stores.outbox import Lost

_REQUESTS = frozenset(
    {
        EventType.HUMAN_DECIDED,
        EventType.CANCEL_REQUESTED,
        EventType.PAUSED,
        EventType.UNPAUSED,
        EventType.HELD,
        EventType.RELEASED,
        EventType.TIMED_OUT,
    }
)
"""Facts that stand in no record before a coordinator has followed them."""

_DECODED = {*_REQUESTS, EventType.WAITING_HUMAN}
_TYPES = frozenset(EventType)
_OF_RUNS = _TYPES - {EventType.REJECTED}
_OF_AN_ORIGIN = {*_REQUESTS, EventType.STARTED}


class _Glimpse(Struct):
    id: str
    type: str = ""


class _About(Struct):
    kind: Kind | None = None
    step_id: str = ""
    index: int | None = None
    revision: int = 0
    at: float = 0.0
    origin: str = ""

    @property
    def step(self) -> str:
        return self.step_id if self.index is None else instance_id(self.step_id, self.index)


class _Brief(Struct):
    data: _About


_glimpse = Decoder(_Glimpse).decode
_brief = Decoder(_Brief).decode


class History:
    """What has been published of a run, by those who may.

    Another worker's events are left out: ids that it makes up must not pass for what was published,
    nor its revisions for what the records lack.

    Attributes:
        requests: what was asked for, oldest first. A coordinator may have such an event and not
            have followed it yet, so that it is in no record. Answers are those to the step that
            waited when they came, and name it; others were ignored then, and are left out.
    """

    def __init__(
        self, run: str, plan: Plan | None, history: Iterable[StoredEvent], origin: str = ""
    ) -> None:
        """Read events of any type, oldest first; what is no event is not ours.

        Without a plan no worker is believed. What was asked of a run that had the id before the one
        with that `origin` is left out.
        """
        self._run = run
        self._origin = origin
        self._plan = plan
        self.requests: list[Fact] = []
        self._ids: set[str] = set()
        self._waiting: set[str] = set()
        self._latest: dict[str, tuple[int, float]] = {}
        self._started: float | None = None
        self._later: float | None = None
        for stored in history:
            with suppress(*UNREADABLE):
                self._read(stored)

    def __contains__(self, event_id: object) -> bool:
        return event_id in self._ids

    def add(self, event: CloudEvent, sender: str = COORDINATOR) -> None:
        """It has been published now; nothing, if it is not believed."""
        if self._is_refused(sender, event.type, event.id, event.data):
            return
        self._ids.add(event.id)
        if event.type in _OF_RUNS:
            self._rank(event.type, event.data)
        self._note(event)

    def lost(self, kept: Iterable[Lost]) -> list[Lost]:
        """Those that it lacks: the caller publishes them. What they ask for counts as asked."""
        lost = [one for one in kept if one.id not in self._ids]
        for one in lost:
            if one.type in _TYPES:
                self.add(decode_event(one.data))
        return lost

    def missing(self, events: Iterable[CloudEvent]) -> Iterator[CloudEvent]:
        """Those that have not been published: the caller publishes each when it gets it."""
        for event in events:
            if event.id not in self._ids:
                yield event
                self._ids.add(event.id)

    def is_ahead(
        self,
        revision: int,
        steps: Mapping[str, tuple[StepRecord, int]],
        now: float,
        *,
        unbegun: bool = False,
    ) -> bool:
        """Whether these records lack what was published of them, so that they are stale.

        Args:
            revision: of the run's record; 0 if there is none.
            steps: records and revisions by step. All were read after the history.
            now: epoch seconds.
            unbegun: the run's record says that it has not begun.
        """
        if self._later is not None and may_be_unseen(self._later, now):
            return True  # the record is of a run that had the id before
        if unbegun and self._started is not None and may_be_unseen(self._started, now):
            return True
        shown = {step: entry[1] for step, entry in steps.items()} | {"": revision}
        return any(
            published > shown.get(key, 0) and may_be_unseen(at, now)
            for key, (published, at) in self._latest.items()
        )

    def _read(self, stored: StoredEvent) -> None:
        seen = _glimpse(stored.data)
        if seen.type != stored.type:
            return
        brief = _brief(stored.data).data if seen.type in _OF_RUNS else None
        if self._is_refused(stored.sender, seen.type, seen.id, brief):
            return
        self._ids.add(seen.id)
        if brief is not None:
            self._rank(seen.type, brief)
        if seen.type in _DECODED:
            self._note(decode_event(stored.data))

    def _is_refused(
        self, sender: str, event_type: str, identity: str, data: EventData | _About | None
    ) -> bool:
        step = "" if data is None else data.step
        return bool(refusal(self._run, sender, event_type, identity, step, self._plan))

    def _note(self, event: CloudEvent) -> None:
        if event.type is EventType.WAITING_HUMAN:
            self._waits(event.data.step)
            return
        if event.type not in _REQUESTS or is_of_earlier_run(event.data.origin, self._origin):
            return
        fact = to_fact(event)
        if isinstance(fact, HumanDecided):
            self._answered(fact)
        elif fact is not None:
            self.requests.append(fact)

    def _rank(self, event_type: str, data: EventData | _About) -> None:
        """Keep the latest revision that was published of each record."""
        if event_type == EventType.STARTED:  # of whichever revision, if it was to begin later
            self._started = data.at
        if event_type in _OF_AN_ORIGIN and is_of_later_run(data.origin, self._origin):
            self._later = data.at
        if data.kind is None:  # of the run, which must exist for that
            key, revision = "", max(data.revision, 1)
        else:
            key, revision = data.step, data.revision
        self._latest[key] = max(self._latest.get(key, (0, 0.0)), (revision, data.at))

    def _waits(self, step: str) -> None:
        """From now on; what came before was not meant for this."""
        self._waiting.add(step)
        self.requests = [
            request
            for request in self.requests
            if not (isinstance(request, HumanDecided) and request.step == step)
        ]

    def _answered(self, answer: HumanDecided) -> None:
        """As `core.human` understands it: the one that waits need not be named."""
        only = next(iter(self._waiting)) if len(self._waiting) == 1 else ""
        step = answer.step or only
        if step in self._waiting:
            self._waiting.remove(step)
            self.requests.append(replace(answer, step=step))
