"""Finds the record of a run, or says why there is none.

A start is durable before its run has a record: a run without one may be unknown, or rejected, or
its start waits for a coordinator. Of the runs that a client has started itself it knows that they
exist, will exist or are rejected.
"""

from __future__ import annotations

__all__ = ["Lookup", "check_active"]

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.client.accepted import NotBegun, find_accepted
from flowworker.client.looking import no_such_run
from flowworker.client.results import rejected_start
from flowworker.client.starting import check_run_id
from flowworker.codec.defaults import filled, has_defaults
from flowworker.codec.json import UNREADABLE, decode_value, encode
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR, event_id
from flowworker.core.status import TERMINAL
from flowworker.errors import InvalidInput, RunIdTaken
from flowworker.stores.payloads import input_digest
from flowworker.stores.sealing import INPUT

if TYPE_CHECKING:
    from flowworker.client.starting import StartCommand
    from flowworker.client.views import RunView, Views
    from flowworker.clock import Clock
    from flowworker.core.records import Rerun, RunRecord
    from flowworker.errors import WorkflowNotFound
    from flowworker.stores.stores import Stores

APPEARS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0)
"""Pauses while the record of a run that was just started is awaited."""
REMEMBERED = 10_000
"""Started runs that a client remembers, to know that their records are yet to come."""


class Lookup:
    """The runs of a fleet, as one client finds them."""

    def __init__(self, stores: Stores, clock: Clock, views: Views) -> None:
        self._commands = stores.backend.commands
        self._events = stores.backend.events
        self._payloads = stores.payloads
        self._stores = stores
        self._clock = clock
        self._views = views
        self._started: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def started(self, run: str, sequence: int, digest: bytes) -> None:
        """This client started that run, by the command with that sequence.

        The digest is that of the input, if another start may have had the same id; else empty.
        """
        self._started[run] = sequence, digest
        if len(self._started) > REMEMBERED:
            self._started.popitem(last=False)

    def is_expected(self, run: str) -> bool:
        """Whether this client started it, so that its record may be about to be written."""
        return run in self._started

    def digest(self, run: str) -> bytes:
        """The digest that `started` was given."""
        return self._started.get(run, (0, b""))[1]

    def forget(self, run: str) -> None:
        """The run has ended."""
        self._started.pop(run, None)

    async def record(self, run: str) -> RunRecord | None:
        """The run's record, if there is one; raises if its start was rejected."""
        record = await self._views.record(run)
        if record is None and (reason := await self._rejection(run)) is not None:
            raise reason
        return record

    async def record_to_come(self, run: str, *, seen: bool) -> RunRecord | None:
        """The run's record; None if it is about to be written.

        Raises:
            RunNotFound: there will be none; or there was one, as the caller has seen, and it has
                been removed.
        """
        record = await self.record(run)
        if record is None and not seen:
            if self.is_expected(run) or await self._accepted(run):
                return None
            record = await self.record(run)  # it may have been written between the two looks
        if record is None:
            raise no_such_run(run)
        return record

    async def find(self, run: str) -> RunRecord:
        """The run's record; that of a run started here is awaited for a while.

        Raises:
            NotBegun: its start is accepted, and waits for a coordinator.
            RunNotFound: there is no such run.
            InvalidInput: its start was rejected.
        """
        check_run_id(run)
        for pause in (*APPEARS, 0.0):
            if (record := await self.record(run)) is not None:
                return record
            if not self.is_expected(run):
                break
            await self._clock.sleep(pause)
        if (accepted := await self._accepted(run)) is not None:
            raise NotBegun(accepted)
        if (record := await self.record(run)) is not None:
            return record  # written between the two looks
        raise no_such_run(run)

    async def find_active(self, run: str) -> RunRecord:
        """As `find`; raises InvalidInput if the run has ended."""
        return check_active(await self.find(run))

    async def check_free(self, start: StartCommand) -> StartCommand:
        """Raise RunIdTaken if a run of that id exists, of another workflow or input, or a rerun.

        The start with a digest that its run's input has.
        """
        record = await self._views.record(start.run)
        if record is None:
            return start
        if record.workflow != start.workflow:
            raise RunIdTaken(
                f"run id {start.run} is taken by a run of {record.workflow}; choose another id"
            )
        if record.rerun_of:
            raise RunIdTaken(
                f"run id {start.run} is taken by a run that is a rerun of {record.rerun_of}; "
                "choose another id"
            )
        plan = await self._stores.plan(record)
        schema = None if plan is None else plan.workflow.input_schema
        if start.digest and has_defaults(schema):
            body = encode(filled(schema, decode_value("input", start.body)))
            start = replace(start, digest=input_digest(body))
        await self.compare(record, start.digest)
        return start

    async def check_same(self, start: StartCommand, of: str, wanted: Rerun) -> None:
        """Raise RunIdTaken if a run of that id exists, unless it is this very rerun."""
        record = await self._views.record(start.run)
        if record is None:
            return
        if (record.rerun_of, record.rerun) != (of, wanted):
            raise RunIdTaken(f"run id {start.run} is taken by another run; choose another id")
        await self.compare(record, start.digest)

    async def compare(self, record: RunRecord, digest: bytes) -> None:
        """Raise RunIdTaken if the run was started with another input; no digest fits all."""
        if not digest or record.sent == digest.hex():
            return
        known = await self._payloads.load(record.input, record.run, INPUT)
        if input_digest(known) != digest:
            raise RunIdTaken(
                f"run id {record.run} is taken by a run with another input; choose another id"
            )

    async def _accepted(self, run: str) -> RunView | None:
        """A run without a record whose start waits for a coordinator."""
        sequence, _ = self._started.get(run, (0, b""))
        return await find_accepted(self._commands, run, sequence)

    async def _rejection(self, run: str) -> InvalidInput | WorkflowNotFound | None:
        """Why the start of a run was rejected, if it was and that is still known."""
        command, _ = self._started.get(run, (None, b""))
        for stored in reversed(await self._events.history(run)):
            if stored.sender != COORDINATOR:
                continue
            try:
                event = msgspec.json.decode(stored.data, type=_Rejected)
            except UNREADABLE:
                continue
            # A rejected control is about no start or rerun; another start's event has another id.
            ours = command is None or event.id == event_id(run, event.type, str(command))
            begins = event.data.get("name") or event.data.get("rerun_of")
            if event.type == EventType.REJECTED and begins and ours:
                said = event.data
                retry_at = float(said.get("retry_at", 0.0))
                reason, error_type = str(said.get("reason")), str(said.get("error_type"))
                return rejected_start(run, reason, error_type, retry_at)
        return None


def check_active(record: RunRecord) -> RunRecord:
    """The record; raises InvalidInput if its run has ended."""
    if record.status in TERMINAL:
        raise InvalidInput(f"run {record.run} has ended already: it is {record.status}")
    return record


class _Rejected(msgspec.Struct):
    id: str
    type: str
    data: dict[str, Any] = {}
