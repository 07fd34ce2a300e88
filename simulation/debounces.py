"""Starts that replace each other: which workflows have them so, and what must hold.

A run begins only if its key's record says that it has, and that names no earlier start once it has
named a later one. So of those that come close together one begins: the last, not before its time,
and not if one that was acknowledged before has come later. Who is replaced had not begun, and has
somebody behind it who is there.
"""

from __future__ import annotations

__all__ = ["Debounces", "Debouncing"]

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import decode_debounce
from flowworker.core.debounce import Debounce, debounce_id
from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id, sequence_of, time_of
from flowworker.simulate.clock import EPOCH
from simulation.expecting import expect
from simulation.keys import KEYED, key_of
from simulation.sayings import has_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowworker.core.debounce import DebounceRecord
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from simulation.focus import Focus
    from simulation.quiet import Quiet
    from simulation.truth import Truth

_WORLDS, _SHARE = 0.1, 0.7
"""Share of worlds in which starts replace each other, and of the workflows there."""

_SAYS = (Debounce(1.0), Debounce(4.0), Debounce(3.0, 5.0), Debounce(8.0, 12.0))

_LATE, _APART = 3.0, 0.01
"""Seconds by which one begins late where nothing goes wrong, at most, and for which times differ
that are the same."""

_UNSURE = 10.0
"""Seconds for which it is open whether a run was seen to be over by a start that came."""


class Debouncing:
    """Draws which workflows have starts that replace each other."""

    def __init__(self, seed: int, focus: Focus) -> None:
        """Draw whether there are some at all, unless there always are."""
        self._random = random = Random(f"debounce of {seed}")
        usual = not focus.backlog and random.random() < _WORLDS
        self._wanted = focus.debounced or usual

    def applied(self, workflows: list[Workflow]) -> list[Workflow]:
        """The same, many of them so if there are to be any."""
        return [self._debounced(one) for one in workflows] if self._wanted else workflows

    def _debounced(self, workflow: Workflow) -> Workflow:
        random = self._random
        says = replace(random.choice(_SAYS), key=random.choice(list(KEYED)))
        return replace(workflow, debounce=says if random.random() < _SHARE else None)


@dataclass(slots=True)
class _Start:
    """One that is a run.

    Attributes:
        truth: the run.
        came: when its record was made.
        acked: when its message was acknowledged; None if it was not.
        marked: when its key's record said that it has begun; None if it did not.
        replaced: it was asked to stop, since another one has come.
        over: when its record said that it stops; None if it did not.
    """

    truth: Truth
    came: float
    acked: float | None = None
    marked: float | None = None
    replaced: bool = False
    over: float | None = None

    @property
    def order(self) -> tuple[float, int]:
        """Its place among those of its key."""
        return _order(self.truth.created.origin)


@dataclass(slots=True)
class _Key:
    """One key.

    Attributes:
        record: what it says.
        starts: those that are runs, by their messages.
        firsts: of a message that took the place of others, or may, when the first of those was
            sent.
    """

    record: DebounceRecord | None = None
    starts: dict[str, _Start] = field(default_factory=dict)
    firsts: dict[str, float] = field(default_factory=dict)


class Debounces:
    """What is durable of them."""

    def __init__(self, quiet: Quiet) -> None:
        """Nobody has come."""
        self._quiet = quiet
        self._keys: dict[str, _Key] = {}

    def created(self, truth: Truth) -> None:
        """A run was made."""
        record, workflow = truth.created, truth.plan.workflow
        of_message = not (record.parent or record.rerun_of or record.schedule)
        wanted = workflow.debounce is not None and of_message
        expect(bool(record.debounce) is wanted, "a run waits for others, or does not", record.run)
        if workflow.debounce is None or not wanted:
            return
        if not has_unknown(truth.given):
            right = debounce_id(workflow.name, key_of(workflow.debounce.key, truth.given))
            expect(record.debounce == right, "a start has another key", record.run)
        key = self._keys.setdefault(record.debounce, _Key())
        key.starts[record.origin] = _Start(truth, self._quiet.moment)
        key.firsts.setdefault(record.origin, self._first(key, record.origin))

    def written(self, name: str, value: bytes, _runs: Mapping[str, Truth]) -> None:
        """A key's record was written."""
        key = self._keys.setdefault(name.partition(".")[2], _Key())
        record, before = decode_debounce(name, value), key.record
        start = key.starts.get(record.origin)
        if before is not None:
            later = _order(record.origin) >= _order(before.origin)
            expect(later, "an earlier start takes the place of a later one", f"{before} {record}")
            same = record.origin == before.origin
            kept = not same or record.begun >= before.begun
            expect(kept, "it is forgotten that a run has begun", f"{before} {record}")
        if not record.begun and (before is None or record.origin != before.origin):
            key.firsts[record.origin] = self._first(key, record.origin)
        key.record = record
        if record.begun and start is not None and start.marked is None:
            start.marked = self._quiet.moment

    def removed(self, pattern: str) -> None:
        """A key's record was: nobody is left whom an earlier start could replace."""
        key = self._keys[pattern.partition(".")[2]]
        key.record = None

    def acked(self, truth: Truth) -> None:
        """The message of a start was acknowledged."""
        start = self._of(truth.created)
        if start is not None and start.acked is None:
            start.acked = self._quiet.moment

    def run_written(self, before: RunRecord, record: RunRecord, slack: float) -> None:
        """A run's record was overwritten; the clocks of processes may differ by so many seconds."""
        start = self._of(record)
        if start is None:
            return
        if record.stop is not None and start.over is None:
            start.over = self._quiet.moment
        if before.begins_at and not record.begins_at:
            self._check_begins(record, start, slack)

    def published(self, truth: Truth, event: str) -> None:
        """An event of a run was, for the first time."""
        start = self._of(truth.created)
        if event != event_id(truth.run, EventType.CANCEL_REQUESTED, "debounce"):
            return
        expect(start is not None, "a run is replaced that cannot be", truth.run)
        if start is None:
            return
        begun = not truth.record.begins_at
        expect(not begun, "a run is replaced that has begun", truth.run)
        start.replaced = True

    def lost(self) -> list[str]:
        """Runs in whose place nobody has come."""
        return [
            f"{start.truth.run}: replaced by nobody"
            for key in self._keys.values()
            for start in key.starts.values()
            if start.replaced
            # One that its own limits have refused since was there
            and not any(other.order > start.order for other in key.starts.values())
        ]

    def _behind(self, key: _Key, start: _Start) -> Iterator[_Start]:
        """Those that have come later and are there."""
        for other in key.starts.values():
            if other.order > start.order and not other.truth.record.refused:
                yield other

    def _check_begins(self, record: RunRecord, start: _Start, slack: float) -> None:
        """Its time has come, and nobody is known to be behind it."""
        run, now, key = record.run, self._quiet.moment, self._keys[record.debounce]
        marked = start.marked
        if marked is None:
            expect(False, "a run begins, and is not known to be the last", run)  # noqa: FBT003
            return
        for other in self._behind(key, start):
            stopped = other.over is not None  # perhaps before it came here
            late = stopped or other.acked is None or other.acked >= marked
            expect(late, "a run begins though another has come", f"{run} {other.truth.run}")
        says = start.truth.plan.workflow.debounce
        if says is None:
            return
        due = anew = start.order[0] - EPOCH + says.period
        if says.timeout:
            due = min(due, key.firsts[record.origin] + says.timeout)
        where = f"{run}: {now:.3f}, not {due:.3f}"
        expect(now + slack + _APART >= due, "a run begins though others may come", where)
        # Behind one that somebody stopped it counts anew, from when that is known.
        stopped = any(
            other.over is not None and not other.replaced and other.order < start.order
            for other in key.starts.values()
        )
        on_time = now <= max(anew if stopped else due, start.came) + _LATE
        expect(on_time or not self._quiet.is_quiet, "a run begins late that nobody follows", where)

    def _first(self, key: _Key, origin: str) -> float:
        """When the first of those was sent that this one comes close to."""
        before, sent = key.record, time_of(origin) - EPOCH
        if before is None or before.begun or before.origin not in key.firsts:
            return sent
        known = key.starts.get(before.origin)
        longest = _LATE if self._quiet.is_quiet else _UNSURE
        if known and known.over is not None and self._quiet.moment - known.over > longest:
            return sent
        return key.firsts[before.origin]

    def _of(self, record: RunRecord) -> _Start | None:
        return self._keys[record.debounce].starts.get(record.origin) if record.debounce else None


def _order(origin: str) -> tuple[float, int]:
    return (time_of(origin), sequence_of(origin)) if origin else (0.0, 0)
