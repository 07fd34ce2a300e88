"""JSON Schemas of everything that other programs read or write, generated from the types.

`python -m flowworker.schemas DIR` writes them; with `--check` it only compares, and fails on drift.
"""

from __future__ import annotations

__all__ = ["main", "schemas"]

import argparse
import gc
import sys
from pathlib import Path
from typing import Any

import msgspec

from flowworker.codec.cloudevents import CloudEvent
from flowworker.codec.limits import LimitCommand, Waiting, WaitingRun
from flowworker.codec.messages import (
    CancelNotice,
    ControlCommand,
    RerunCommand,
    Result,
    StepMessage,
)
from flowworker.codec.pauses import PauseCommand
from flowworker.codec.presence import Presence
from flowworker.codec.schedule_events import ScheduleEvent
from flowworker.codec.schedules import ScheduleCommand
from flowworker.core.debounce import DebounceRecord
from flowworker.core.limit import LimitRecord
from flowworker.core.occurrence import ScheduleRecord
from flowworker.core.payload import Inline, Stored
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.standing import PauseRecord
from flowworker.definitions import workflow_schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_START: dict[str, Any] = {
    "title": "StartCommand",
    "description": (
        "Body of a message to `<ns>.start.<workflow>`: the run's input. Headers: `Nats-Msg-Id` is "
        "the run id and idempotency key, `Flow-Reply` the subject that gets the result, "
        "`Flow-Input` says `stored` if the body is a reference instead (stored-input), or `sealed` "
        "if it is a sealed payload (sealed-input), "
        "`Flow-Start-At` or `Flow-Delay` when the run begins, `Flow-Priority` the lane "
        "(high, normal, low), `traceparent` and `tracestate` the trace context."
    ),
    "type": "object",
}

_TYPES: dict[str, type] = {
    "event": CloudEvent,
    "stored-input": Stored,
    "sealed-input": Inline,
    "step-message": StepMessage,
    "control-command": ControlCommand,
    "rerun-command": RerunCommand,
    "cancel-notice": CancelNotice,
    "result": Result,
    "run-record": RunRecord,
    "step-record": StepRecord,
    "limit-command": LimitCommand,
    "limit-record": LimitRecord,
    "debounce-record": DebounceRecord,
    "limit-waiting": Waiting,
    "limit-waiting-run": WaitingRun,
    "schedule-event": ScheduleEvent,
    "schedule-command": ScheduleCommand,
    "schedule-record": ScheduleRecord,
    "pause-command": PauseCommand,
    "pause-record": PauseRecord,
    "presence": Presence,
}


def schemas() -> dict[str, bytes]:
    """File name -> contents, for all of them."""
    documents = {
        "workflow": workflow_schema(),
        "start-command": {"$schema": _DIALECT, **_START},
    }
    for name, struct in _TYPES.items():
        documents[name] = {"$schema": _DIALECT, **msgspec.json.schema(struct)}
    return {f"{name}.v1.json": _pretty(document) for name, document in documents.items()}


def _pretty(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def main() -> int:
    """Write or check the files; the exit code."""
    parser = argparse.ArgumentParser(description="JSON Schemas of flowworker's messages")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--check", action="store_true", help="compare only; fail on drift")
    arguments = parser.parse_args()
    expected = schemas()
    if arguments.check:
        drifted = [
            name
            for name, contents in expected.items()
            if not (path := arguments.directory / name).is_file() or path.read_bytes() != contents
        ]
        for name in drifted:
            sys.stderr.write(f"{arguments.directory / name} is out of date: run `make schemas`\n")
        return 1 if drifted else 0
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for name, contents in expected.items():
        (arguments.directory / name).write_bytes(contents)
    return 0


if __name__ == "__main__":
    code = main()
    gc.freeze()  # msgspec 0.22 can free the types of structs twice when an interpreter ends
    sys.exit(code)
