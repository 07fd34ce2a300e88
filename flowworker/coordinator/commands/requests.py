"""What a start message says, and whether it can."""

from __future__ import annotations

__all__ = [
    "Start",
    "parse_start",
    "payload_of",
    "read_object",
    "reference_of",
    "run_of",
]

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from flowworker.codec.json import UNREADABLE
from flowworker.codec.labels import parse_labels
from flowworker.codec.messages import (
    FLOW_DELAY,
    FLOW_INPUT,
    FLOW_LABELS,
    FLOW_PRIORITY,
    FLOW_REPLY,
    FLOW_START_AT,
    MSG_ID,
    SEALED,
    STORED,
    TRACE_PARENT,
    TRACE_STATE,
    decode_inline,
    decode_stored,
)
from flowworker.codec.trace import parse_trace, state_of
from flowworker.coordinator.commands.rejection import Rejected, may_reply_to
from flowworker.coordinator.commands.uploads import check_upload
from flowworker.core.ids import (
    DOTTED_NAME,
    RUN_ID,
    origin_of,
    reserved_for,
    run_id_of_sequence,
)
from flowworker.core.payload import Payload, Stored
from flowworker.core.status import Priority
from flowworker.definitions.duration import parse_duration
from flowworker.definitions.moment import parse_moment
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.ports import Delivery


class Start(Struct, frozen=True):
    """One start message.

    Attributes:
        origin: identity of the message, the same when it is redelivered.
        input: a JSON object, not yet checked.
        begins_at: when the run is to begin, epoch seconds; 0 for at once.
        payload: what the body is instead, if it is not that.
        trace: W3C trace context; empty if there is none that can be passed on.
    """

    run: str
    workflow: str
    origin: str
    input: bytes
    reply_to: str
    priority: Priority | None
    trace: str
    trace_state: str
    payload: Payload | None = None
    begins_at: float = 0.0
    labels: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of the input as it came, hex."""
        if isinstance(self.payload, Stored):
            return self.payload.digest
        return sha256(self.input).hexdigest()


def run_of(delivery: Delivery) -> str:
    """The run that a start message is about; raises Rejected for an id that cannot be."""
    wanted = delivery.headers.get(MSG_ID, "")
    if wanted and not RUN_ID.fullmatch(wanted):
        expected = "expected 1 to 128 letters, digits, '_' or '-'"
        raise Rejected(f"Nats-Msg-Id {wanted[:140]!r} cannot be a run id: {expected}")
    if owners := reserved_for(wanted):
        owners = owners.replace("one", "a Nats-Msg-Id")
        reserved = f"ids of this form belong to {owners}"
        raise Rejected(f"Nats-Msg-Id {wanted!r} cannot be chosen: {reserved}")
    return wanted or run_id_of_sequence(delivery.sequence)


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
    trace = headers.get(TRACE_PARENT, "")
    trace = trace if parse_trace(trace) else ""
    return Start(
        run=run,
        workflow=workflow,
        origin=origin_of(delivery.sequence, delivery.time),
        input=delivery.data or b"{}",
        payload=payload_of(run, delivery) if FLOW_INPUT in headers else None,
        reply_to=reply_to,
        priority=_priority(headers.get(FLOW_PRIORITY, "")),
        begins_at=_begins_at(delivery),
        labels=_labels(headers.get(FLOW_LABELS, "")),
        trace=trace,
        trace_state=state_of(headers.get(TRACE_STATE, "")) if trace else "",
    )


def _labels(text: str) -> dict[str, str]:
    try:
        return parse_labels(text)
    except InvalidInput as error:
        raise Rejected(f"{FLOW_LABELS}: {error}") from error


def _begins_at(delivery: Delivery) -> float:
    """The same for each delivery of a message: a delay counts from when it was stored."""
    at, delay = delivery.headers.get(FLOW_START_AT, ""), delivery.headers.get(FLOW_DELAY, "")
    if at and delay:
        raise Rejected(f"both {FLOW_START_AT} and {FLOW_DELAY}: expected one of them")
    header = FLOW_START_AT if at else FLOW_DELAY
    try:
        if at:
            return parse_moment(at)
        return delivery.time + parse_duration(delay) if delay else 0.0
    except InvalidInput as error:
        raise Rejected(f"{header}: {error}") from error


def payload_of(run: str, delivery: Delivery) -> Payload:
    """What a message has as its body instead of the value itself, or Rejected."""
    form = delivery.headers[FLOW_INPUT]
    if form == STORED:
        return reference_of(run, delivery)
    if form != SEALED:
        expected = f"expected {STORED} or {SEALED}, or no header"
        raise Rejected(f"{FLOW_INPUT} {form[:140]!r} is unknown: {expected}")
    try:
        payload = decode_inline(delivery.data)
    except UNREADABLE as error:
        raise Rejected(f"the body is no sealed payload: {error}") from error
    if not payload.sealed:
        raise Rejected("the body is no sealed payload: `sealed`, the id of its key, is missing")
    return payload


def reference_of(run: str, delivery: Delivery) -> Stored:
    """The upload that a start message names; raises Rejected for any other."""
    try:
        return check_upload(run, decode_stored(delivery.data))
    except UNREADABLE as error:
        raise Rejected(f"the body is no reference to a payload: {error}") from error


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
