"""What a start is made of: a workflow's name, a run id, an input, and a priority. Pure."""

from __future__ import annotations

__all__ = [
    "StartCommand",
    "check_dotted_name",
    "check_run_id",
    "delay_headers",
    "encode_input",
    "label_headers",
    "new_run_id",
    "one_of",
    "rerun_command",
    "start_command",
]

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowworker.codec.labels import format_labels
from flowworker.codec.messages import FLOW_DELAY, FLOW_LABELS, FLOW_PRIORITY, FLOW_START_AT, MSG_ID
from flowworker.codec.values import encode_value
from flowworker.core.ids import DOTTED_NAME, MAX_NAME, RUN_ID, reserved_for
from flowworker.core.status import Priority
from flowworker.definitions.duration import parse_duration
from flowworker.definitions.moment import parse_moment
from flowworker.errors import InvalidInput, PayloadTooLarge
from flowworker.stores.payloads import input_digest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class StartCommand:
    """A start, ready to be sent.

    Attributes:
        body: the input, a JSON object.
        digest: of the input, if the caller chose the run id, so that another start may have had
            it; else empty.
    """

    workflow: str
    run: str
    body: bytes
    headers: dict[str, str]
    digest: bytes


def start_command(
    workflow: str,
    value: Any,
    run_id: str | None,
    priority: Priority | str | None,
    *,
    now: float,
    limit: int,
) -> StartCommand:
    """Check and encode what a user gave; raises as `Client.start`."""
    check_dotted_name("a workflow name", workflow)
    run = new_run_id(now) if run_id is None else _check_chosen_id(run_id)
    headers = {MSG_ID: run}
    if priority is not None:
        headers[FLOW_PRIORITY] = one_of(Priority, priority, "a priority")
    body = encode_input(value, limit)
    return StartCommand(workflow, run, body, headers, b"" if run_id is None else input_digest(body))


def delay_headers(at: datetime | str | None, delay: float | str | None) -> dict[str, str]:
    """What a start that is to begin later says; raises InvalidInput for what is no time."""
    if at is not None and delay is not None:
        raise InvalidInput("expected a moment (at) or a duration (delay), found both")
    if at is not None:
        moment = at.isoformat() if isinstance(at, datetime) else at
        parse_moment(moment)
        return {FLOW_START_AT: moment}
    if delay is not None:
        return {FLOW_DELAY: f"{parse_duration(delay):.6f}s"}
    return {}


def label_headers(labels: Mapping[str, str] | None) -> dict[str, str]:
    """What a start says that has labels; raises InvalidInput for what can be none."""
    return {FLOW_LABELS: format_labels(labels)} if labels else {}


def rerun_command(
    workflow: str, value: Any, new_id: str | None, *, now: float, limit: int
) -> StartCommand:
    """The same for a rerun, whose body is empty if it has the other run's input."""
    run = new_run_id(now) if new_id is None else _check_chosen_id(new_id)
    body = b"" if value is None else encode_input(value, limit)
    return StartCommand(workflow, run, body, {MSG_ID: run}, input_digest(body) if body else b"")


def new_run_id(now: float) -> str:
    """A UUIDv7 (RFC 9562): ids sort by the time at which they were made, to the millisecond."""
    milliseconds = int(now * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def check_run_id(run_id: str) -> str:
    """The id, if it is one."""
    if not RUN_ID.fullmatch(run_id):
        raise InvalidInput(
            f"expected a run id of 1 to 128 letters, digits, `_` and `-`, found {run_id!r:.150}"
        )
    return run_id


def _check_chosen_id(run_id: str) -> str:
    """The id, if a run can be started with it."""
    if owners := reserved_for(check_run_id(run_id)):
        raise InvalidInput(f"the id {run_id} cannot be chosen: ids of this form belong to {owners}")
    return run_id


def check_dotted_name(what: str, name: str) -> str:
    """The name, if it is one."""
    if not DOTTED_NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise InvalidInput(
            f"expected {what} of letters, digits, `_` and `-`, joined by dots, at most {MAX_NAME} "
            f"characters, found {name!r:.150}"
        )
    return name


def encode_input(value: Any, limit: int) -> bytes:
    """A run's input as JSON.

    Raises:
        InvalidInput: it is not a JSON object.
        PayloadTooLarge: it has more than `limit` bytes.
    """
    try:
        body = encode_value({} if value is None else value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the input cannot be written as JSON: {error}") from error
    if not body.startswith(b"{"):
        raise InvalidInput(f"expected a JSON object as input, found {body[:80].decode()}")
    if len(body) > limit:
        raise PayloadTooLarge(
            f"the input has {len(body):,} bytes and may have {limit:,} (payload_limit); store it "
            "elsewhere and pass a reference to it"
        )
    return body


def one_of(enum: Any, value: Any, what: str) -> Any:
    """The member of an enum with that value, or InvalidInput."""
    try:
        return enum(value)
    except ValueError:
        raise InvalidInput(f"expected {what}: {', '.join(enum)}; found {value!r:.80}") from None
