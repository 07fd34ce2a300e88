"""A start message -> a run.

Step by step, and what happens if the coordinator dies after each:

    validate            the message comes again
    create the record   again: the record is found; go on, whatever would be refused by now
    index and event     again: both are idempotent
    acknowledge         done
"""

from __future__ import annotations

__all__ = ["Starts"]

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from flowworker.codec.cloudevents import run_started_event
from flowworker.codec.json import UNREADABLE, encode
from flowworker.codec.messages import FLOW_PRIORITY, FLOW_REPLY, MSG_ID, TRACE_PARENT
from flowworker.coordinator.rejection import Rejected, may_reply_to
from flowworker.coordinator.retention import brief_result
from flowworker.core.ids import DOTTED_NAME, RUN_ID, RUN_ID_OF_SEQUENCE, run_id_of_sequence
from flowworker.core.outdated import may_be_unseen
from flowworker.core.records import RunRecord
from flowworker.core.status import TERMINAL, Priority, RunStatus
from flowworker.definitions import InputValidator
from flowworker.errors import (
    Conflict,
    DefinitionError,
    InvalidInput,
    RunIdTaken,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.stores.payloads import input_digest
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.graph import Plan
    from flowworker.ports import Backend, Delivery
    from flowworker.settings import Settings
    from flowworker.stores.definitions import DefinitionStore
    from flowworker.stores.payloads import PayloadStore
    from flowworker.stores.runs import RunStore

_TRACE = re.compile(r"[!-~]{1,256}")


class Start(Struct, frozen=True):
    """One start message.

    Attributes:
        origin: identity of the message, the same when it is redelivered.
        input: a JSON object, not yet checked.
    """

    run: str
    workflow: str
    origin: str
    input: bytes
    reply_to: str
    priority: Priority | None
    trace: str


class Starts:
    """Takes `start.<workflow>` in."""

    def __init__(
        self,
        backend: Backend,
        runs: RunStore,
        definitions: DefinitionStore,
        payloads: PayloadStore,
        settings: Settings,
        clock: Clock,
    ) -> None:
        """Create runs in `runs`, and publish to the backend's event log."""
        self._backend = backend
        self._runs = runs
        self._definitions = definitions
        self._payloads = payloads
        self._reply_prefixes = settings.reply_prefixes
        self._clock = clock
        self._validators: dict[str, tuple[str, InputValidator]] = {}

    async def take(self, workflow: str, delivery: Delivery) -> None:
        """One message: a run, or Rejected. A run that exists is not asked whether it may.

        Raises:
            Unavailable: it is to be tried again.
        """
        run = run_of(delivery)
        try:
            record = await self._new(parse_start(workflow, run, delivery, self._reply_prefixes))
            revision = await self._runs.save(record, 0)
        except (Rejected, Conflict) as refused:
            found = await self._runs.load(run)
            if found is None:
                _look_again(refused, delivery, self._clock.now())
                if delivery.delivered > 1:  # it may have been fine before, up to its record
                    await self._payloads.forget(run, "input", delivery.data)
                raise
            record, revision = found[0], 0  # it may have gone on since it was created
            if record.origin != origin_of(delivery):
                await self._again(workflow, delivery, record)
            if record.status is not RunStatus.RUNNING:
                return
        await asyncio.gather(
            self._runs.index(record.status, record.workflow, record.run),
            self._tell_started(record, revision),
        )

    async def _new(self, start: Start) -> RunRecord:
        """The record of a run that may begin, or Rejected."""
        try:
            plan = await self._definitions.latest(start.workflow)
        except (WorkflowNotFound, DefinitionError) as error:
            raise Rejected(str(error), type(error).__name__) from error
        await self._validate(plan, start)
        try:
            payload = await self._payloads.pack(start.run, "input", start.input)
        except InvalidInput as error:
            raise Rejected(str(error)) from error
        return RunRecord(
            run=start.run,
            workflow=start.workflow,
            definition=plan.hash,
            version=plan.workflow.version,
            status=RunStatus.RUNNING,
            input=payload,
            created_at=self._clock.now(),
            priority=start.priority or plan.workflow.priority,
            origin=start.origin,
            reply_to=start.reply_to,
            trace=start.trace,
        )

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
            rest = "send a Nats-Msg-Id, or wait until its retention is over"
            raise Rejected(f"{taken} of an older commands stream; {rest}")
        if start.workflow != record.workflow:
            raise Rejected(f"{taken} of {record.workflow}; choose another id", RunIdTaken.__name__)
        known = await self._payloads.load(record.input)
        if input_digest(known) != input_digest(start.input):
            raise Rejected(f"{taken} with another input; choose another id", RunIdTaken.__name__)

    async def _tell_started(self, record: RunRecord, revision: int) -> None:
        event = run_started_event(self._backend.namespace, record, revision)
        await self._backend.events.publish(
            record.run, event.type, encode(event), event.id, once=True
        )

    async def _validate(self, plan: Plan, start: Start) -> None:
        schema = plan.workflow.input_schema
        value = read_object(start.input)
        if schema is None:
            return
        name = plan.workflow.name
        known, validator = self._validators.get(name, ("", None))
        try:
            if validator is None or known != plan.hash:
                validator = InputValidator(schema)
                self._validators[name] = plan.hash, validator
            if validator.is_quick(len(start.input)):
                validator.check(value)
            else:
                await asyncio.to_thread(validator.check, value)
        except (DefinitionError, InvalidInput) as error:
            raise Rejected(str(error)) from error


def _look_again(refused: Exception, delivery: Delivery, now: float) -> None:
    """Whether this message has made a run, which an outdated answer does not show yet."""
    repeated = isinstance(refused, Rejected) and delivery.delivered > 1
    if repeated and may_be_unseen(delivery.time, now):
        raise Unavailable(f"rejected unless it was taken in before: {refused}") from refused


def run_of(delivery: Delivery) -> str:
    """The run that a start message is about; raises Rejected for an id that cannot be."""
    wanted = delivery.headers.get(MSG_ID, "")
    if wanted and not RUN_ID.fullmatch(wanted):
        expected = "expected 1 to 128 letters, digits, '_' or '-'"
        raise Rejected(f"Nats-Msg-Id {wanted[:140]!r} cannot be a run id: {expected}")
    if RUN_ID_OF_SEQUENCE.fullmatch(wanted):
        reserved = "ids of this form belong to starts without a Nats-Msg-Id"
        raise Rejected(f"Nats-Msg-Id {wanted!r} cannot be chosen: {reserved}")
    return wanted or run_id_of_sequence(delivery.sequence)


def origin_of(delivery: Delivery) -> str:
    """Identity of a message, the same when it is redelivered."""
    return f"{delivery.sequence}@{delivery.time:.6f}"


def parse_start(
    workflow: str, run: str, delivery: Delivery, reply_prefixes: tuple[str, ...]
) -> Start:
    """The message's parts; raises Rejected for those that cannot be."""
    headers = delivery.headers
    if not DOTTED_NAME.fullmatch(workflow):
        expected = "expected a workflow's name: tokens of letters, digits, '_' or '-'"
        raise Rejected(f"{workflow[:140]!r}: {expected}")
    reply_to = headers.get(FLOW_REPLY, "")
    if reply_to and not may_reply_to(reply_to, reply_prefixes):
        allowed = " or ".join(f"{prefix}…" for prefix in reply_prefixes) or "none"
        raise Rejected(f"Flow-Reply {reply_to[:140]!r} is not allowed: expected {allowed}")
    return Start(
        run=run,
        workflow=workflow,
        origin=origin_of(delivery),
        input=delivery.data or b"{}",
        reply_to=reply_to,
        priority=_priority(headers.get(FLOW_PRIORITY, "")),
        trace=_trace(headers.get(TRACE_PARENT, "")),
    )


def _trace(text: str) -> str:
    """A trace context that can be passed on; others are left out, as W3C says."""
    return text if _TRACE.fullmatch(text) else ""


def _priority(text: str) -> Priority | None:
    if not text:
        return None
    try:
        return Priority(text)
    except ValueError:
        expected = ", ".join(Priority)
        raise Rejected(f"Flow-Priority {text!r} is unknown: expected {expected}") from None


def read_object(raw: bytes) -> dict[str, Any]:
    """The input as a JSON object; raises Rejected for anything else."""
    try:
        value = msgspec.json.decode(raw)
    except UNREADABLE as error:
        raise Rejected(f"input is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Rejected(f"input must be a JSON object, found {type(value).__name__}")
    return value
