"""The kinds of messages on the wire: their subjects, who reads them, and their schemas.

Readers are those that the product uses. What it takes more than one message to read is read in
`test_stores.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from flowworker.client.watching import decode as decode_for_clients
from flowworker.codec.cloudevents import decode_event
from flowworker.codec.json import (
    decode_debounce,
    decode_limit,
    decode_pause,
    decode_run,
    decode_schedule,
    decode_step,
    decode_value,
)
from flowworker.codec.limits import decode_limit_command, decode_waiting, decode_waiting_run
from flowworker.codec.messages import (
    CONTROL_ACTIONS,
    FLOW_INPUT,
    decode_cancel,
    decode_control,
    decode_link,
    decode_rerun,
    decode_result,
    decode_step_message,
    decode_stored,
)
from flowworker.codec.pauses import decode_pause_command
from flowworker.codec.presence import decode_presence
from flowworker.codec.schedule_events import decode_schedule_event
from flowworker.codec.schedules import decode_schedule_command
from flowworker.core.records import SignalRecord
from tests.recorded.files import Message


def _as_json(message: Message) -> Any:
    return decode_value(message.subject, message.data)


def _by(decode: Callable[[bytes], Any]) -> Callable[[Message], Any]:
    return lambda message: decode(message.data)


def _keyed(decode: Callable[[str, bytes], Any]) -> Callable[[Message], Any]:
    return lambda message: decode(message.key, message.data)


def _empty(message: Message) -> None:
    assert message.data == b""


def _text(message: Message) -> str:
    return message.data.decode()


def _input(message: Message) -> Any:
    return decode_stored(message.data) if FLOW_INPUT in message.headers else _user(message)


def _user(message: Message) -> Any:
    return _as_json(message) if message.data else {}


def _control(message: Message) -> Any:
    return decode_control(message.data or b"{}")


def _pause(message: Message) -> Any:
    return decode_pause_command(message.data or b"{}")


def _schedule(message: Message) -> Any:
    return decode_schedule_command(message.data or b"{}")


def _limit(message: Message) -> Any:
    return decode_limit_command(message.data or b"{}")


def _rerun(message: Message) -> Any:
    return decode_rerun(message.data or b"{}")


REFUSED = "flowworker.control.resume.rejected-4"
"""A command that nobody can read. (The starts that are rejected are JSON at least.)"""


decode_signal = msgspec.json.Decoder(SignalRecord).decode


@dataclass(frozen=True)
class Kind:
    """One kind.

    Attributes:
        subjects: of its messages, with `*` for one token and a final `>` for the rest.
        read: what a message means; raises if it cannot be read.
        schema: name of the file in `schemas/`.
        rewritten: whether it is the product that wrote it, and what was read gives the same bytes.
        marker: whether it stands for what is no more, and has a header that says so.
        bare: whether it has no body, where that tells it from another kind.
        without: what its subjects do not have in them, where that does.
    """

    name: str
    subjects: str
    read: Callable[[Message], Any]
    schema: str = ""
    rewritten: bool = True
    marker: bool = False
    bare: bool | None = None
    without: str = ""

    def has(self, message: Message) -> bool:
        if self.marker != message.is_marker or self.bare is bool(message.data):
            return False
        if self.without and self.without in message.subject:
            return False
        pattern = re.escape(self.subjects).replace(r"\*", "[^.]+").replace(">", ".+")
        return re.fullmatch(pattern, message.subject) is not None


def _foreign(name: str, subjects: str, read: Callable[[Message], Any], schema: str = "") -> Kind:
    """What others write, what is empty, or part of something, or read elsewhere as a whole."""
    return Kind(name, subjects, read, schema, rewritten=False)


KINDS = (
    _foreign("start", "*.start.>", _input, "start-command"),
    *(
        _foreign(f"control {action}", f"*.control.{action}.*", _control, "control-command")
        for action in CONTROL_ACTIONS
    ),
    _foreign("control schedule", "*.control.schedule.*.>", _schedule, "schedule-command"),
    _foreign("control queue", "*.control.queue.*.*", _pause, "pause-command"),
    _foreign("control workflow", "*.control.workflow.*.>", _pause, "pause-command"),
    _foreign("control limit", "*.control.limit.*.*", _limit, "limit-command"),
    _foreign("control rerun", "*.control.rerun.*", _rerun, "rerun-command"),
    _foreign("signal", "*.signal.*.>", _user),
    Kind("step", "*.step.*.*.*.>", _by(decode_step_message), "step-message"),
    Kind(
        *("delayed step", "*.timer.at.step.*.>", _by(decode_step_message), "step-message"),
        bare=False,
    ),
    Kind("timer of a step", "*.timer.at.step.*.>", _empty, rewritten=False, bare=True),
    _foreign("timer", "*.timer.at.run.*.>", _empty),
    _foreign("timer due", "*.timer.due.*.>", _empty),
    Kind(
        *("event of a schedule", "*.event.*.schedule:*.coordinator.workflow.schedule.*"),
        *(_by(decode_schedule_event), "schedule-event"),
    ),
    Kind(
        *("event", "*.event.*.*.*.workflow.>", _by(decode_event), "event"),
        without=".workflow.schedule.",
    ),
    Kind("emit", "*.event.*.*.*.emit.>", _by(decode_for_clients)),
    Kind(
        *("event of a schedule republished", "workflow.schedule.*"),
        *(_by(decode_schedule_event), "schedule-event"),
    ),
    Kind(
        *("event republished", "workflow.>", _by(decode_event), "event"),
        without="workflow.schedule.",
    ),
    Kind("event republished elsewhere", "other.workflow.>", _by(decode_event), "event"),
    Kind("emit published", "order.paid", _by(decode_for_clients)),
    Kind("emit published elsewhere", "other.order.paid", _by(decode_for_clients)),
    Kind("bus", "shop.opened", _by(decode_for_clients)),
    Kind("bus elsewhere", "other.shop.opened", _by(decode_for_clients)),
    Kind("cancel", "*.cancel.*", _by(decode_cancel), "cancel-notice"),
    _foreign("lease free", "*.lease.free.>", _empty),
    Kind("result", "_INBOX.>", _by(decode_result), "result"),
    Kind("run", "$KV.*_runs.run.*", _keyed(decode_run), "run-record"),
    Kind("step record", "$KV.*_runs.step.*.*.>", _keyed(decode_step), "step-record"),
    Kind("schedule", "$KV.*_runs.schedule.*", _keyed(decode_schedule), "schedule-record"),
    Kind("pause of a queue", "$KV.*_runs.pause.queue.*", _keyed(decode_pause), "pause-record"),
    Kind(
        "pause of a workflow", "$KV.*_runs.pause.workflow.>", _keyed(decode_pause), "pause-record"
    ),
    _foreign("schedule of a definition", "$KV.*_runs.scheduled.*.>", _empty),
    Kind("debounce", "$KV.*_runs.debounce.*", _keyed(decode_debounce), "debounce-record"),
    Kind("limit", "$KV.*_runs.limit.*.*", _keyed(decode_limit), "limit-record"),
    Kind("waiting", "$KV.*_runs.waiting.*.*.*.*.>", _by(decode_waiting), "limit-waiting"),
    Kind(
        "waiting run",
        "$KV.*_runs.waiting.*.*.*.*",
        _by(decode_waiting_run),
        "limit-waiting-run",
    ),
    _foreign("index", "$KV.*_runs.index.*.>", _empty),
    Kind("kept signal", "$KV.*_runs.signal.*.*.>", _by(decode_signal)),
    _foreign("heard signal", "$KV.*_runs.heard.*.*", _text),
    Kind("emitted", "$KV.*_runs.emit.*.*.>", _as_json),
    _foreign("definition", "$KV.*_definitions.def.*", _as_json),
    _foreign("latest", "$KV.*_definitions.latest.>", _text),
    _foreign("definition chunk", "$KV.*_definitions.part.*.*.*", _text),
    Kind("link", "$KV.*_payloads.*.coordinator.outputs.*.*", _by(decode_link)),
    _foreign("input chunk", "$KV.*_payloads.*.coordinator.input.*.*.*", _text),
    _foreign("output chunk", "$KV.*_payloads.*.*.output.>", _text),
    _foreign("answer chunk", "$KV.*_payloads.*.coordinator.resume.*.*.*", _text),
    _foreign("upload chunk", "$KV.*_payloads.*.upload.*.*.*", _text),
    Kind("coordinator", "$KV.*_locks.coordinator.*", _as_json),
    Kind("partition", "$KV.*_locks.partition.*", _as_json),
    Kind("lock", "$KV.*_locks.lock.>", _as_json),
    Kind(
        *("coordinator present", "$KV.*_locks.present.coordinator.*"),
        *(_by(decode_presence), "presence"),
    ),
    Kind("worker present", "$KV.*_locks.present.worker.*.*", _by(decode_presence), "presence"),
    Kind("released", "$KV.*_locks.>", _empty, rewritten=False, marker=True),
)
