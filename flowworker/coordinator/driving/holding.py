"""Workflows that pause: what was said last of each, and which of their runs have not heard it.

The truth is a record for each workflow (`core.standing`), which every coordinator looks at now and
then. A run that is not as it says is sent an event, `workflow.held` or `workflow.released`. That is
followed as a pause of the run alone is, and outlives what that outlives. Compared are

    a run that begins, or is rebuilt      before anything of it begins
    a run that has heard of another one   since more may have been said by then
    all runs of a workflow                once after each change of its record, and once after
                                          their partition was taken over

Safety: what a run has heard last stands in its record, and the event of one command has one id, so
to compare again is always right. Liveness: a comparison that fails is made again by the next look.
A coordinator that does not know of a change yet begins what it has; by its next look it knows.
"""

from __future__ import annotations

__all__ = ["LOOKS", "Holding"]

import asyncio
from typing import TYPE_CHECKING, Protocol

from flowworker.codec.event_data import EventData
from flowworker.codec.index import moment_of
from flowworker.codec.pauses import Pausable
from flowworker.coordinator.commands.addressing import publish_to_run
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id, partition_of, sequence_of
from flowworker.core.paused import Paused
from flowworker.core.standing import is_owed
from flowworker.core.status import ACTIVE, RunStatus
from flowworker.errors import CorruptRecord
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.codec.index import Entry
    from flowworker.coordinator.history import History
    from flowworker.coordinator.live import LiveRun
    from flowworker.core.records import RunRecord
    from flowworker.core.standing import PauseRecord
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

LOOKS = 5
"""How often it is looked within the time of one sweep."""

_TOGETHER = 8
"""Runs whose records are read at a time."""

_KNOWN = 60.0
"""Seconds after which every coordinator knows of a change, and no run begins as it was before."""

_BEGUN = tuple(status for status in ACTIVE if status is not RunStatus.PENDING)


class Driven(Protocol):
    """The runs of one partition, as long as it is driven."""

    def get(self, run: str) -> LiveRun | None:
        """A run if it is in memory."""
        ...

    def forget(self, live: LiveRun) -> None:
        """Hold it no more."""
        ...

    def records(self, workflow: str) -> list[RunRecord]:
        """Those of the runs of a workflow that are in memory."""
        ...


class Holding:
    """What one coordinator knows of workflows that pause."""

    def __init__(
        self, stores: Stores, adopts: Callable[[str], bool] | None, metrics: Metrics
    ) -> None:
        """Nothing is known before `read`; runs that it does not adopt are left alone."""
        self._metrics = metrics
        self._backend = stores.backend
        self._runs = stores.runs
        self._pauses = stores.pauses
        self._adopts = adopts
        self._said: dict[str, PauseRecord] = {}
        self._compared: dict[Driven, dict[str, PauseRecord]] = {}
        self._looking = asyncio.Lock()

    async def read(self) -> None:
        """Know what was said last of each."""
        self._said = await self._pauses.said(Pausable.WORKFLOW)
        paused = (name for name, said in self._said.items() if said.paused is not None)
        self._metrics.workflows_paused.replace(dict.fromkeys(paused, 1))

    def owes(self, record: RunRecord) -> bool:
        """Whether a run is to hear what was said last of its workflow."""
        said = self._said.get(record.workflow)
        return said is not None and is_owed(said, record)

    async def tell(self, record: RunRecord, history: History | None = None) -> bool:
        """Let a run hear what was said last of its workflow, if it is to; False if it has ended.

        A `history` of it has that afterwards. What is in it, and not followed yet, is not said
        again.
        """
        said = self._said.get(record.workflow)
        if said is None or not is_owed(said, record):
            return True
        kind = EventType.RELEASED if said.paused is None else EventType.HELD
        detail = str(sequence_of(said.last))  # one command is one event of a run
        if history is not None and event_id(record.run, kind, detail) in history:
            return True
        data, what = _data(record, said), f"pause of {record.workflow}"
        try:
            event = await publish_to_run(self._backend, record, what, kind, data, detail)
        except Rejected:
            return False
        if history is not None:
            history.add(event)
        return True

    async def look(self, partitions: Mapping[int, Driven]) -> None:
        """Read again, and compare with all runs that are driven what has changed for them."""
        async with self._looking:
            await self.read()
            self._compared = {one: self._compared.get(one, {}) for one in partitions.values()}
            for workflow, said in self._said.items():
                late = {
                    partition: runs
                    for partition, runs in partitions.items()
                    if self._compared[runs].get(workflow) != said
                }
                if late:
                    await self._compare(workflow, said, late)
                for runs in late.values():
                    self._compared[runs][workflow] = said

    async def _compare(
        self, workflow: str, said: PauseRecord, partitions: Mapping[int, Driven]
    ) -> None:
        """Those in memory first: another that comes to be there is compared by itself."""
        for runs in partitions.values():
            for record in runs.records(workflow):
                ended = not await self.tell(record)
                # Another one has driven it: what is said of it once it is removed would stay
                if ended and (live := runs.get(record.run)) is not None:
                    runs.forget(live)
        for status in _BEGUN:
            listed = await self._runs.listed(status, workflow)
            absent = [one.run for one in listed if self._is_absent(one, said, partitions)]
            for at in range(0, len(absent), _TOGETHER):
                await asyncio.gather(*map(self._tell_absent, absent[at : at + _TOGETHER]))

    def _is_absent(self, entry: Entry, said: PauseRecord, partitions: Mapping[int, Driven]) -> bool:
        """Whether only its record says what a run has heard: one of ours that is not in memory."""
        runs = partitions.get(partition_of(entry.run, self._backend.events.partitions))
        if runs is None or runs.get(entry.run) is not None:
            return False
        if self._adopts is not None and not self._adopts(entry.run):
            return False
        return said.paused is not None or entry.moment < moment_of(said.at + _KNOWN)

    async def _tell_absent(self, run: str) -> None:
        try:
            found = await self._runs.load(run)
        except CorruptRecord as error:
            get_logger().warning("pause: run skipped", run=run, error=str(error))
            return
        if found is not None:
            await self.tell(found[0])


def _data(record: RunRecord, said: PauseRecord) -> EventData:
    why = said.paused or Paused()
    return EventData(
        id=record.run,
        name=record.workflow,
        version=record.version,
        at=said.at,
        reason=why.reason,
        actor=why.actor,
    )
