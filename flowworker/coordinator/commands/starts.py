"""A start message -> a run.

Step by step, and what happens if the coordinator dies after each:

    validate            the message comes again
    create the record   again: the record is found; go on, whatever would be refused by now
    index and event     again: both are idempotent
    drop the upload     again: the record is found, which needs it no more
    acknowledge         done
"""

from __future__ import annotations

__all__ = ["Starts"]

import asyncio
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_INPUT, MSG_ID, STORED
from flowworker.codec.trace import new_trace
from flowworker.coordinator.commands.debouncing import Debouncing
from flowworker.coordinator.commands.entrance import Entrance
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.inputs import (
    Inputs,
    filled_input,
    forget_input,
    input_name,
)
from flowworker.coordinator.commands.labels import RunLabels
from flowworker.coordinator.commands.lateness import LONGEST, is_late, look_again
from flowworker.coordinator.commands.rejection import Rejected, refused_before, rejected_beside
from flowworker.coordinator.commands.requests import parse_start, reference_of, run_of
from flowworker.coordinator.commands.run_limits import RunLimits, limited, may_refuse
from flowworker.coordinator.commands.uploads import Gone, load_upload, open_sealed
from flowworker.coordinator.limits.gate import TurnedAway
from flowworker.coordinator.results import brief_result
from flowworker.core.ids import origin_of
from flowworker.core.limit import Strategy
from flowworker.core.payload import Stored
from flowworker.core.records import RunRecord
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import (
    Conflict,
    DefinitionError,
    InvalidInput,
    RunIdTaken,
    RunRefused,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.stores.payloads import input_digest
from flowworker.stores.sealing import INPUT
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    import msgspec

    from flowworker.clock import Clock
    from flowworker.coordinator.commands.requests import Start
    from flowworker.coordinator.limits.gate import Gate
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics

_LARGE = 2
"""Uploaded inputs that are in memory at a time."""


class Starts:
    """Takes `start.<workflow>` in."""

    def __init__(self, stores: Stores, gate: Gate, clock: Clock, metrics: Metrics) -> None:
        """Create runs in these stores, and publish to the backend's event log.

        Those that fall under limits begin when the gate lets them in.
        """
        self._stores = stores
        self._backend = stores.backend
        self._runs = stores.runs
        self._definitions = stores.definitions
        self._payloads = stores.payloads
        self._reply_prefixes = stores.settings.reply_prefixes
        self.entrance = Entrance(stores, gate, clock)
        self._clock = clock
        self._metrics = metrics
        self.inputs = Inputs(stores)
        self.labels = RunLabels(stores)
        self.limits = RunLimits()
        self.debouncing = Debouncing(stores, self.limits.keys, clock)
        self._large = asyncio.Semaphore(_LARGE)
        self._closed: dict[int, RunRecord] = {}

    async def take(self, workflow: str, delivery: Delivery) -> None:
        """One message: a run, or Rejected. A run that exists is not asked whether it may.

        Raises:
            NotYet: it is large, and so are others that are being taken in.
            Unavailable: it is to be tried again.
        """
        if delivery.headers.get(FLOW_INPUT) != STORED:
            await self._take(workflow, delivery)
            return
        if self._large.locked():
            raise NotYet
        async with self._large:
            await self._take(workflow, delivery)

    async def discard(self, delivery: Delivery) -> None:
        """Drop what was kept for a message, once it is a run or its rejection is published."""
        closed = self._closed.get(delivery.sequence)
        if closed is not None:  # forgotten last: another delivery of it must not be acknowledged
            await self.entrance.put_away(closed)
            self._closed.pop(delivery.sequence, None)
        if delivery.headers.get(FLOW_INPUT) == STORED:
            with suppress(Rejected):
                await self._payloads.drop(reference_of(run_of(delivery), delivery))

    async def _take(self, workflow: str, delivery: Delivery) -> None:
        run = run_of(delivery)
        until = self._clock.monotonic() + LONGEST
        try:
            start = parse_start(workflow, run, delivery, self._reply_prefixes)
            record = await self._new(start, delivery)
            if record.is_asking and self._clock.monotonic() > until:
                await self._say_again(run, delivery)
                raise Unavailable(f"it took too long to start run {run}: it may have been refused")
            revision = await self._runs.save(record, 0)
        except (Rejected, Conflict) as refused:
            if isinstance(refused, Rejected) and refused.error_type == RunRefused.__name__:
                raise
            found = await self._runs.load(run)
            if found is None:
                look_again(refused, delivery, self._clock.now())
                if is_late(delivery, self._clock.now()):  # it may have been fine before
                    await forget_input(self._payloads, run, input_name(_origin(delivery)))
                raise
            record, revision = found[0], 0  # it may have gone on since it was created
            if record.origin != _origin(delivery):
                await self._beside(workflow, delivery, record)
            if record.status not in {RunStatus.RUNNING, RunStatus.PENDING}:
                if record.is_asking:  # it ended before it was listed: recovery does the rest of it
                    await self._runs.index(entry_of(record, RunStatus.PENDING))
                return
        await self._enter(record, revision, delivery)

    async def _enter(self, record: RunRecord, revision: int, delivery: Delivery) -> None:
        """A run that has its record goes on, or is refused: again, if it was before.

        Its record is there until the rejection is published: so of two that have the message, none
        makes a run of what the other one rejects.
        """
        why: TurnedAway | None = None
        if revision and record.is_asking and may_refuse(record.admission):
            before = await refused_before(self._stores, record.run, delivery)
            if before is not None:
                why = TurnedAway(str(before), Strategy.SKIP, before.retry_at)
        if why is None:
            why = await self.entrance.enter(record, revision)
        await self.debouncing.replace(record)
        if why is not None and (why := await self.entrance.close(record, why)) is not None:
            self._closed[delivery.sequence] = record
            raise Rejected(str(why), RunRefused.__name__, why.retry_at)
        if revision:
            self._metrics.runs_started[record.workflow].inc()

    async def _beside(self, workflow: str, delivery: Delivery, record: RunRecord) -> None:
        """Answer a start whose id another one has. What was kept for it is dropped with that."""
        if not record.refused:
            await self._forget(record, delivery)
            await self._again(workflow, delivery, record)
            return
        try:
            if is_late(delivery, self._clock.now()):
                before = await rejected_beside(self._stores, record.run, delivery)
                if before is not None:
                    raise before
            await self.entrance.make_way(record, delivery.sequence)
        except Rejected:  # else it may be a run yet
            await self._forget(record, delivery)
            raise

    async def _forget(self, record: RunRecord, delivery: Delivery) -> None:
        if (name := input_name(_origin(delivery))) != input_name(record.origin):
            await forget_input(self._payloads, record.run, name)

    async def _input(self, start: Start) -> bytes:
        match start.payload:
            case None:
                return start.input
            case Stored():
                return await load_upload(self._stores, start.payload, start.run, INPUT)
            case _:
                return await open_sealed(self._payloads, start.payload, start.run, INPUT)

    async def _say_again(self, run: str, delivery: Delivery) -> None:
        """Raise Rejected if this message was, and its record is removed: so nothing is kept anew.

        Who was held up may have it long after another one has acknowledged it.
        """
        if is_late(delivery, self._clock.now()) and await self._runs.load(run) is None:
            before = await refused_before(self._stores, run, delivery)
            if before is not None:
                await forget_input(self._payloads, run, input_name(_origin(delivery)))
                raise before

    async def _new(self, start: Start, delivery: Delivery) -> RunRecord:
        """The record of a run that may begin, or Rejected."""
        try:
            plan = await self._definitions.latest(start.workflow)
        except (WorkflowNotFound, DefinitionError) as error:
            raise Rejected(str(error), type(error).__name__) from error
        sent = await self._input(start)
        data = await self.inputs.checked(plan, sent)
        labels = await self.labels.of(plan.workflow, data, start.labels)
        name = input_name(start.origin)
        try:
            admission = self.limits.of(plan.workflow, data, labels)
            key = self.debouncing.key(plan.workflow, start.begins_at, data, labels)
            if may_refuse(admission):
                await self._say_again(start.run, delivery)
            payload, secrets = await self.inputs.keep(plan, start.run, name, data)
        except InvalidInput as error:
            raise Rejected(str(error)) from error
        now = self._clock.now()
        is_later = start.begins_at > now
        trace = start.trace or str(new_trace(self._backend.namespace, start.run, start.origin))
        record = RunRecord(
            run=start.run,
            workflow=start.workflow,
            definition=plan.hash,
            version=plan.workflow.version,
            status=RunStatus.PENDING if is_later else RunStatus.RUNNING,
            input=payload,
            created_at=now,
            begins_at=start.begins_at if is_later else 0.0,
            priority=start.priority or plan.workflow.priority,
            origin=start.origin,
            reply_to=start.reply_to,
            trace=trace,
            trace_state=start.trace_state,
            sent="" if data is sent else input_digest(sent).hex(),
            secrets=secrets,
            labels=labels,
            debounce=key,
        )
        return limited(await self.debouncing.delayed(record, plan.workflow), admission)

    async def _again(self, workflow: str, delivery: Delivery, record: RunRecord) -> None:
        """A second start with the same id is answered by the run: that is what the id is for.

        Unless it asks for something else. That stands beside the run's history, not in it.
        """
        try:
            start = parse_start(workflow, record.run, delivery, self._reply_prefixes)
            await self._compare(start, delivery, record)
        except Rejected as rejected:
            rejected.beside = True
            raise
        get_logger().info("run was started before", run=record.run)
        if start.reply_to and record.status in TERMINAL:  # need not wait for its end
            await self._backend.notifier.publish(start.reply_to, encode(brief_result(record)))

    async def _compare(self, start: Start, delivery: Delivery, record: RunRecord) -> None:
        taken = f"run id {record.run} is taken by a run"
        if not delivery.headers.get(MSG_ID):
            rest = "send a Nats-Msg-Id, or wait until it is no longer retained"
            raise Rejected(f"{taken} of an older commands stream; {rest}")
        if start.workflow != record.workflow:
            raise Rejected(f"{taken} of {record.workflow}; choose another id", RunIdTaken.__name__)
        if record.rerun_of:
            rerun = f"{taken} that is a rerun of {record.rerun_of}; choose another id"
            raise Rejected(rerun, RunIdTaken.__name__)
        kept = record.input
        if start.digest == (kept.digest if isinstance(kept, Stored) else _digest(kept.data)):
            return
        known = await self._payloads.load(kept, record.run, INPUT)
        plan = await self._stores.plan(record)
        try:
            given = await self._input(start)
        except Gone:
            if is_late(delivery, self._clock.now()):  # dropped when it was answered before
                return
            raise
        given = given if plan is None else filled_input(plan, given)
        if input_digest(known) != input_digest(given):
            raise Rejected(f"{taken} with another input; choose another id", RunIdTaken.__name__)


def _origin(delivery: Delivery) -> str:
    return origin_of(delivery.sequence, delivery.time)


def _digest(data: msgspec.Raw) -> str:
    return sha256(data).hexdigest()
