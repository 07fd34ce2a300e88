"""What follows for a schedule when a time has come, a run has ended, or an operator has acted.

Pure: the record and what was found out in, the record out. All that is to be done stands in it:
runs that are STARTING are to be started, and those with `stop` are to be stopped. Both may be done
again, so a coordinator that dies in between leaves nothing undone: the next one finds it.

Safety: a time is in `running` before its run is started, and behind `passed` from then on. Each of
the two is one write, by compare-and-set, so that of several coordinators that follow the schedule
at once one decides, whatever their clocks say.
"""

from __future__ import annotations

__all__ = ["AT_A_TIME", "Turn", "follow", "rests", "settled"]

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from flowworker.core.occurrence import (
    MAX_FOLLOWED,
    MAX_RECENT,
    MAX_WAITING,
    Occurrence,
    OccurrenceState,
    ScheduleRecord,
)
from flowworker.core.schedule import Overlap, due_at, run_of_time
from flowworker.core.schedule_events import ScheduleEventType, Unpublished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowworker.core.status import RunStatus

AT_A_TIME = 100
"""Times that are decided upon in one turn; for more there are further turns."""

_WITHOUT_RUN = {
    OccurrenceState.SKIPPED: ScheduleEventType.SKIPPED,
    OccurrenceState.MISSED: ScheduleEventType.MISSED,
    OccurrenceState.REJECTED: ScheduleEventType.REJECTED,
}
"""What is published of times that begin none; of others their runs say it."""

_STOPPING = frozenset({Overlap.CANCEL_OTHER, Overlap.TERMINATE_OTHER})


class Turn(NamedTuple):
    """The record as it is now, and when the schedule is to be looked at again: None for never."""

    record: ScheduleRecord
    wake: float | None


def follow(
    record: ScheduleRecord,
    at: float,
    now: float,
    times: Callable[[float], Iterator[float]],
    ended: Mapping[str, RunStatus | None],
) -> Turn:
    """Decide upon what has come.

    Args:
        record: as it is kept.
        at: up to when times have come, by the server's clock, which is the same for all.
        now: by this process's clock, which says how late it is.
        times: all times of the schedule after a moment, the earliest first.
        ended: runs of `running` that are over, and how they ended; None for one that is gone.
    """
    draft = _Draft(record, now)
    draft.end(ended)
    draft.go_on()
    for occurrence in record.asked:
        draft.admit(occurrence)
    wake = draft.pass_by(at, times)
    draft.end_with(wake)
    return draft.turn(wake)


def settled(record: ScheduleRecord, refused: Mapping[str, str], now: float) -> ScheduleRecord:
    """The record when all that was STARTING is begun, but for those that were refused, and why.

    What it had to tell is published. One that was refused has begun no run, so if it would have
    been the last of `max_runs`, another time is: then the schedule needs another turn.
    """
    draft = _Draft(replace(record, outbox=()), now)
    draft.begin(refused)
    draft.end_if_all_have_begun()
    return draft.turn(None).record


def rests(record: ScheduleRecord) -> bool:
    """Whether a turn would find nothing to do until an operator acts."""
    is_left = record.asked or record.waiting or record.running or record.outbox
    return bool(record.paused or record.ended) and not is_left


class _Draft:
    """The lists of a record while they change."""

    def __init__(self, record: ScheduleRecord, now: float) -> None:
        self._record = record
        self._schedule = record.schedule
        self._now = now
        self._paused = record.paused
        self._passed = record.passed
        self._started, self._skipped, self._missed = record.started, record.skipped, record.missed
        self._waiting = list(record.waiting)
        self._running = list(record.running)
        self._recent = list(record.recent)
        self._ended = record.ended
        self._outbox = list(record.outbox)

    def turn(self, wake: float | None) -> Turn:
        record = replace(
            self._record,
            paused=self._paused,
            passed=self._passed,
            started=self._started,
            skipped=self._skipped,
            missed=self._missed,
            asked=(),
            waiting=tuple(self._waiting),
            running=tuple(self._running),
            recent=tuple(self._recent[-MAX_RECENT:]),
            ended=self._ended,
            outbox=tuple(self._outbox),
        )
        return Turn(record, wake)

    def end(self, ended: Mapping[str, RunStatus | None]) -> None:
        """Take off the list what has ended."""
        left = []
        for one in self._running:
            if one.run not in ended:
                left.append(one)
                continue
            status = ended[one.run]
            if status is None:
                self._over(one, one.state, "it was removed before its end was seen")
            else:
                self._over(one, OccurrenceState[status.name])
        self._running = left

    def begin(self, refused: Mapping[str, str]) -> None:
        """All that was STARTING is RUNNING, or over."""
        left = []
        for one in self._running:
            if one.state is not OccurrenceState.STARTING:
                left.append(one)
            elif one.run in refused:
                self._started -= not one.asked
                self._over(one, OccurrenceState.REJECTED, refused[one.run])
            else:
                left.append(replace(one, state=OccurrenceState.RUNNING, began=self._now))
        self._running = left

    def go_on(self) -> None:
        """Start the first that has waited for a run to end, if none is left."""
        if self._running:
            return
        for place, one in enumerate(self._waiting):
            if one.asked or not self._paused:
                del self._waiting[place]
                self._start(one)
                return

    def pass_by(self, at: float, times: Callable[[float], Iterator[float]]) -> float | None:
        """Decide upon all times up to `at`, or as many as a turn may; when the next one comes."""
        if self._paused:
            return None
        for seen, time in enumerate(times(self._passed)):
            if self._is_used_up:
                return None
            due = due_at(self._schedule, time)
            if due > at:
                return due
            if seen == AT_A_TIME:
                # What is much too late is not looked at one by one: it may be millions.
                self._leave_out(min(at, self._latest_missed()))
                return at
            self._passed = time
            self.admit(Occurrence(time, run_of_time(self._schedule.id, time), due))
        return None

    def end_with(self, wake: float | None) -> None:
        """No time is left, if it is not to be looked at again and none waits."""
        starting = OccurrenceState.STARTING
        open_ = self._is_used_up and any(one.state is starting for one in self._running)
        left = wake is not None or open_ or any(not one.asked for one in self._waiting)
        if not (left or self._paused or self._ended):
            self._ended = True
            self._tell(ScheduleEventType.ENDED, repr(self._record.said_at))

    def end_if_all_have_begun(self) -> None:
        """No time is left, if so many have begun runs as may; none of these was refused."""
        if self._is_used_up:
            self.end_with(None)

    def admit(self, one: Occurrence) -> None:
        """A time has come: it begins a run, waits, or does not."""
        if any(one.run == other.run for other in (*self._running, *self._waiting)):
            return
        late = self._now - one.due
        if not one.asked and late > self._schedule.catchup_window:
            self._missed += 1
            self._over(one, OccurrenceState.MISSED, f"{late:.0f} s late")
            return
        overlap = one.overlap or self._schedule.overlap
        if overlap is Overlap.ALLOW_ALL or not (self._running or self._waiting):
            self._start(one)
        elif overlap in _STOPPING:
            self._replace(one)
        elif self._may_wait(overlap):
            self._waiting.append(one)
        else:
            before = (*self._running, *self._waiting)[0]
            self._skip(one, f"run {before.run} had not ended")

    @property
    def _is_used_up(self) -> bool:
        """So many times have begun a run as may, or will when others have ended."""
        begun = self._started + sum(not one.asked for one in self._waiting)
        return 0 < self._schedule.max_runs <= begun

    def _may_wait(self, overlap: Overlap) -> bool:
        room = {Overlap.BUFFER_ONE: 1, Overlap.BUFFER_ALL: MAX_WAITING}
        return len(self._waiting) < room.get(overlap, 0)

    def _replace(self, one: Occurrence) -> None:
        """It waits for what runs to stop, in place of what waited for the same."""
        for other in [other for other in self._waiting if not other.asked]:
            self._waiting.remove(other)
            self._skip(other, f"the time of {one.run} has come")
        self._waiting.append(one)
        self._running = [replace(other, stop=True) for other in self._running]

    def _start(self, one: Occurrence) -> None:
        self._started += not one.asked
        self._running.append(replace(one, state=OccurrenceState.STARTING))
        while len(self._running) > MAX_FOLLOWED and (
            self._running[0].state is OccurrenceState.RUNNING
        ):
            self._recent.append(self._running.pop(0))

    def _skip(self, one: Occurrence, reason: str) -> None:
        self._skipped += 1
        self._over(one, OccurrenceState.SKIPPED, reason)

    def _over(self, one: Occurrence, state: OccurrenceState, reason: str = "") -> None:
        self._recent.append(replace(one, state=state, reason=reason, stop=False))
        if state in _WITHOUT_RUN:
            # One that was asked for may be asked for again, and become the same.
            detail = f"{one.run}/{self._now!r}" if one.asked else one.run
            self._tell(_WITHOUT_RUN[state], detail, one.time, one.run, reason)
        failed = state in {OccurrenceState.FAILED, OccurrenceState.REJECTED}
        if failed and self._schedule.pause_on_failure and not self._paused:
            self._paused = f"run {one.run} is {state}"
            self._tell(ScheduleEventType.PAUSED, one.run, run=one.run, reason=self._paused)

    def _leave_out(self, until: float) -> None:
        """Miss all times up to one, however many they are."""
        if until > self._passed:
            self._passed = until
            reason = "all up to this one are too late: they are not looked at one by one"
            self._tell(ScheduleEventType.MISSED, f"until {until!r}", until, reason=reason)

    def _tell(
        self,
        kind: ScheduleEventType,
        detail: str,
        time: float = 0.0,
        run: str = "",
        reason: str = "",
    ) -> None:
        self._outbox.append(Unpublished(kind, self._now, detail, time, run, reason))

    def _latest_missed(self) -> float:
        """All times up to this one are too late."""
        late = self._schedule.catchup_window + self._schedule.jitter
        return self._now - late - 1.0
