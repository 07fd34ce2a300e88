"""A rerun message -> a new run that goes on from what another one has completed.

Step by step, and what happens if the coordinator dies after each:

    judge what is asked          the message comes again
    create the record, PENDING   again: the record is found; what it says is done, whatever would be
                                 refused by now
    copy what is kept            again: each record is created once
    the record is RUNNING        again: index and event are idempotent
    acknowledge                  done

Nobody else drives the run or acts on it before its record is RUNNING. Its first event says that it
has to be read, so that its scheduler makes its state from the records, as after any crash.
"""

from __future__ import annotations

__all__ = ["Reruns"]

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE, encode
from flowworker.codec.keys import RETENTION
from flowworker.codec.messages import decode_rerun
from flowworker.codec.trace import new_trace
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.inputs import forget_input, input_name
from flowworker.coordinator.commands.lateness import is_late, look_again
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import parse_start, run_of
from flowworker.coordinator.commands.uploads import check_upload, load_upload, open_sealed
from flowworker.coordinator.history import History
from flowworker.coordinator.results import brief_result
from flowworker.core.event_types import ENDS
from flowworker.core.ids import COORDINATOR, RUN_ID, origin_of
from flowworker.core.records import Rerun, RunRecord
from flowworker.core.rerun import plan_rerun
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import (
    Conflict,
    CorruptRecord,
    DefinitionError,
    InvalidInput,
    NewerRelease,
    RunIdTaken,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.stores.payloads import input_digest
from flowworker.stores.reruns import load_past, prepare
from flowworker.stores.sealing import INPUT
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.messages import RerunCommand
    from flowworker.coordinator.commands.starts import Starts
    from flowworker.coordinator.retention import Retention
    from flowworker.core.graph import Plan
    from flowworker.ports import Delivery
    from flowworker.stores.reruns import Past
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

_AT_A_TIME = 4
"""Reruns that are prepared at a time: each may copy thousands of steps."""

_NEAR = 60.0
"""Seconds before a run's removal is due in which its records may be going already, by the clock of
another coordinator: its history goes first."""

_ANNOUNCED = frozenset({RunStatus.RUNNING, RunStatus.FAILED})
"""What a rerun may be when it has been prepared and nobody knows of it yet."""


class Reruns:
    """Takes `control.rerun.<run>` in."""

    def __init__(
        self, stores: Stores, starts: Starts, retention: Retention, clock: Clock, metrics: Metrics
    ) -> None:
        """Create runs in these stores, and announce them as other starts."""
        self._stores = stores
        self._backend = stores.backend
        self._runs = stores.runs
        self._payloads = stores.payloads
        self._starts = starts
        self._retention = retention
        self._clock = clock
        self._metrics = metrics
        self._gate = asyncio.Semaphore(_AT_A_TIME)

    async def take(self, of: str, delivery: Delivery) -> None:
        """One message about the run `of`: a run, or Rejected.

        Raises:
            NotYet: others are being prepared, or the run may be on its way; or another process
                writes the same, so that the message is to be looked at again.
            Unavailable: it is to be tried again.
        """
        if self._gate.locked():
            raise NotYet
        async with self._gate:
            try:
                await self._take(of, run_of(delivery), delivery)
            except Conflict:
                raise NotYet from None

    async def _take(self, of: str, run: str, delivery: Delivery) -> None:
        past: Past | None = None
        found = await self._runs.load(run)
        if found is None:
            record, revision, past = await self._create(of, run, delivery)
        else:
            record, revision = found
        if record.origin != origin_of(delivery.sequence, delivery.time):
            await self._again(of, delivery, record)
            return
        if not record.is_prepared:
            if past is None:
                with suppress(InvalidInput):  # it is being removed
                    past = await self._past(of)
            if past is None and may_be_unseen(delivery.time, self._clock.now()):
                raise NotYet  # it was there before
            record = await prepare(self._stores, past, record, revision, self._clock.now())
        if record.status in _ANNOUNCED or record.is_asking:
            await self._starts.entrance.announce(record, 0)

    async def _create(self, of: str, run: str, delivery: Delivery) -> tuple[RunRecord, int, Past]:
        """A run's record with its revision, and the run that it is a rerun of; or Rejected."""
        try:
            past, record = await self._new(of, run, delivery)
        except Rejected as rejected:
            look_again(rejected, delivery, self._clock.now())
            if is_late(delivery, self._clock.now()):  # it may have been fine before
                await forget_input(self._payloads, run, _name(delivery))
            raise
        revision = await self._runs.save(record, 0)
        self._metrics.runs_started[record.workflow].inc()
        return record, revision, past

    async def _new(self, of: str, run: str, delivery: Delivery) -> tuple[Past, RunRecord]:
        """The record of a run that may begin, or Rejected."""
        command = _decode(of, delivery)
        data = await self._input(command, run)
        try:
            past = await self._past(of)
            if past is None and may_be_unseen(delivery.time, self._clock.now()):
                raise NotYet
            if past is None:
                raise Rejected(f"no run {of!r} exists, or it is no longer retained", "RunNotFound")
            plan = await self._plan(past, command)
            if data is None:
                data = await self._payloads.load(past.record.input, of, INPUT)
            given = await self._given(past)
        except NewerRelease:
            raise
        except (InvalidInput, CorruptRecord, WorkflowNotFound, DefinitionError) as error:
            raise Rejected(str(error), type(error).__name__) from error
        wanted = _wanted(command)
        problems = plan_rerun(past.plan, past.state, plan, wanted).problems
        if problems:
            raise Rejected("; ".join(problems))
        workflow = past.record.workflow
        start = parse_start(workflow, run, delivery, self._stores.settings.reply_prefixes)
        if start.begins_at:
            raise Rejected("a rerun begins at once: leave Flow-Start-At and Flow-Delay out")
        sent, data = data, await self._starts.inputs.checked(plan, data)
        given = start.labels or given
        labels = await self._starts.labels.of(plan.workflow, data, given, past.record)
        name = _name(delivery)
        try:
            admission = self._starts.limits.of(plan.workflow, data, labels)
            payload, secrets = await self._starts.inputs.keep(plan, run, name, data, past.record)
        except InvalidInput as error:
            raise Rejected(str(error)) from error
        trace = start.trace or str(new_trace(self._backend.namespace, run, start.origin))
        return past, RunRecord(
            run=run,
            workflow=workflow,
            definition=plan.hash,
            version=plan.workflow.version,
            status=RunStatus.PENDING,
            input=payload,
            created_at=self._clock.now(),
            priority=start.priority or past.record.priority,
            origin=start.origin,
            reply_to=start.reply_to,
            trace=trace,
            trace_state=start.trace_state,
            sent="" if data is sent else input_digest(sent).hex(),
            rerun_of=of,
            rerun=wanted,
            secrets=secrets,
            labels=labels,
            admission=admission,
        )

    async def _given(self, past: Past) -> dict[str, str]:
        """The labels that its start has given a run, or else those before it."""
        record, workflow = past.record, past.plan.workflow
        if not record.labels or workflow.labels is None:
            return record.labels
        data = await self._payloads.load(record.input, record.run, INPUT)
        return self._starts.labels.given(workflow, data, record)

    async def _plan(self, past: Past, command: RerunCommand) -> Plan:
        if not command.definition:
            return past.plan
        return await self._stores.definitions.latest(past.record.workflow)

    async def _past(self, of: str) -> Past | None:
        """The run that has ended, if what was read of it can be all of it.

        Raises:
            InvalidInput: it has not ended, or is being removed.
            Unavailable: what was read of it is stale.
        """
        published = await self._backend.events.history(of)  # first: the records must know all of it
        now = self._clock.now()
        try:
            past = await load_past(self._stores, of, now)
        except InvalidInput as error:
            if any(one.type in ENDS and one.sender == COORDINATOR for one in published):
                raise Unavailable(f"what was read of run {of} is stale: {error}") from error
            raise
        if past is None:
            return None
        history = History(of, past.plan, published, past.record.origin)
        if history.is_ahead(past.revision, past.steps, now):
            raise Unavailable(f"what was read of run {of} is stale")
        due = await self._retention.due(past.record, RETENTION)
        is_near = due is not None and self._clock.now() > due - _NEAR
        # What was read may lack what is removed already
        if is_near and await self._retention.forgets(past.record, published):
            raise InvalidInput(f"run {of} is about to be removed")
        return past

    async def _input(self, command: RerunCommand, run: str) -> bytes | None:
        """The input that was sent; None if there is none."""
        if command.sealed is not None:
            return await open_sealed(self._payloads, command.sealed, run, INPUT)
        if command.stored is not None:
            stored = check_upload(run, command.stored)
            return await load_upload(self._stores, stored, run, INPUT)
        return None if command.input is None else encode(command.input)

    async def _again(self, of: str, delivery: Delivery, record: RunRecord) -> None:
        """A second rerun with the same id is answered by the run, unless it asks for more."""
        try:
            command = _decode(of, delivery)
            workflow, prefixes = record.workflow, self._stores.settings.reply_prefixes
            start = parse_start(workflow, record.run, delivery, prefixes)
            await self._compare(of, command, record)
        except Rejected as rejected:
            rejected.beside = True
            raise
        get_logger().info("run was started before", run=record.run)
        if start.reply_to and record.status in TERMINAL:
            await self._backend.notifier.publish(start.reply_to, encode(brief_result(record)))

    async def _compare(self, of: str, command: RerunCommand, record: RunRecord) -> None:
        taken = f"run id {record.run} is taken by"
        if (record.rerun_of, record.rerun) != (of, _wanted(command)):
            raise Rejected(f"{taken} another run; choose another id", RunIdTaken.__name__)
        data = await self._input(command, record.run)
        if data is None:
            return
        known = record.sent
        if not known:
            kept = await self._payloads.load(record.input, record.run, INPUT)
            known = input_digest(kept).hex()
        if known != input_digest(data).hex():
            rest = "a run with another input; choose another id"
            raise Rejected(f"{taken} {rest}", RunIdTaken.__name__)


def _name(delivery: Delivery) -> str:
    return input_name(origin_of(delivery.sequence, delivery.time))


def _wanted(command: RerunCommand) -> Rerun:
    return Rerun(command.point, command.failed, bool(command.definition))


def _decode(of: str, delivery: Delivery) -> RerunCommand:
    if not RUN_ID.fullmatch(of):
        raise Rejected(f"control.rerun.{of[:140]}: expected control.rerun.<run id>")
    try:
        command = decode_rerun(delivery.data or b"{}")
    except UNREADABLE as error:
        raise Rejected(f"control.rerun: {error}") from error
    if command.point and command.failed:
        raise Rejected("control.rerun: expected `from` or `failed`, found both")
    return command
