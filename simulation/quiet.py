"""What holds where nothing goes wrong: all is done at once, and nothing needs to heal."""

from __future__ import annotations

__all__ = ["Quiet"]

from collections import defaultdict
from typing import TYPE_CHECKING

from flowworker.codec.index import entry_of
from flowworker.core.records import StopReason
from simulation.expecting import expect

if TYPE_CHECKING:
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.ports import Delivery
    from flowworker.simulate.loop import VirtualLoop
    from simulation.truth import Truth

_AT_ONCE = 3.0
"""Seconds in which a run ends that is terminated, whatever its workers do."""


class Quiet:
    """A world's index and moments, as long as it is quiet; looks at nothing in others."""

    def __init__(self, virtual: VirtualLoop, *, quiet: bool) -> None:
        """Tell moments by the loop's time."""
        self._virtual = virtual
        self._quiet = self.is_quiet = quiet
        self._listed: defaultdict[str, set[str]] = defaultdict(set)
        self._terminated: dict[str, float] = {}
        self._useless: set[tuple[str, int]] = set()

    @property
    def moment(self) -> float:
        """The loop's time."""
        return self._virtual.moment

    def listed(self, key: str) -> None:
        """An entry of the index was written."""
        self._listed[key.rpartition(".")[2]].add(key)

    def unlisted(self, pattern: str) -> None:
        """An entry was removed, or all of a run that are alike."""
        keys, tokens = self._listed[pattern.rpartition(".")[2]], pattern.split(".")
        for key in tuple(keys):
            pairs = zip(tokens, key.split("."), strict=True)
            if all(token in {"*", found} for token, found in pairs):
                keys.remove(key)

    def run_written(self, record: RunRecord) -> None:
        """A run's record was written."""
        stop, now = record.stop, self._virtual.moment
        if self._quiet and stop is not None and stop.reason is StopReason.TERMINATED:
            late = now > self._terminated.setdefault(record.run, now) + _AT_ONCE
            expect(not late, "a terminated run waited for a worker", record.run)

    def step_written(self, record: StepRecord) -> None:
        """A step's record was written."""
        expect(not (self._quiet and record.lost), "a claim was lost for no reason", record.run)
        due = max(record.wakes_at, record.started_at)  # a moment may be past
        late = record.wakes_at and not record.child and record.finished_at > due + _AT_ONCE
        expect(not (self._quiet and late), "a wait ended long after its time", record.run)

    def handed_out(self, delivery: Delivery, *, useless: bool) -> None:
        """A step message is on its way to a worker: for the last time if its attempt is over."""
        message = (delivery.subject, delivery.sequence)
        came = self._quiet and message in self._useless
        expect(not came, "a message comes again that is of no use", delivery.subject)
        if useless:
            self._useless.add(message)

    def put_back(self, delivery: Delivery) -> None:
        """A worker that had no slot for a step message gave it back, and has not looked at it."""
        self._useless.discard((delivery.subject, delivery.sequence))

    def ended(self, truth: Truth) -> None:
        """All events of a run that is over are acknowledged."""
        right = {entry_of(truth.record).key}
        found = self._listed[truth.run]
        unmade = truth.gone or bool(truth.record.refused)  # that is about to be removed
        listed = unmade or not self._quiet or found == right
        expect(listed, "an ended run is listed otherwise", f"{truth.run} {found}")
