"""The bodies of messages on the wire."""

from __future__ import annotations

import json

import msgspec
import pytest

from flowworker.codec.json import encode
from flowworker.codec.messages import (
    CancelNotice,
    ControlCommand,
    Earlier,
    Link,
    Result,
    ResultStatus,
    StepInput,
    StepMessage,
    decode_cancel,
    decode_control,
    decode_link,
    decode_result,
    decode_step_message,
    trace_headers,
)
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch
from flowworker.core.payload import Stored, inline
from flowworker.core.status import HumanAction, Kind, Priority

LINK = Stored("r1.outputs.ab", 9, "ab")
LINKED = {"kind": "stored", "key": "r1.outputs.ab", "size": 9, "digest": "ab"}
INPUT = StepInput(inline(b'{"n":1}'), (("a", inline(b"2")),))
MESSAGE = StepMessage(
    run="r1",
    workflow="orders",
    step="pay",
    uses="do.pay",
    kind=Kind.RUN,
    turn=1,
    number=2,
    input=INPUT,
    idempotency_key="r1/pay/run",
    revision=7,
    lost=1,
)


WIRE = {
    "run": "r1",
    "workflow": "orders",
    "step": "pay",
    "uses": "do.pay",
    "kind": "run",
    "turn": 1,
    "attempt": 2,
    "input": {
        "base": {"kind": "inline", "data": {"n": 1}},
        "outputs": [["a", {"kind": "inline", "data": 2}]],
    },
    "idempotency_key": "r1/pay/run",
    "revision": 7,
    "lost": 1,
}


@pytest.mark.parametrize(
    ("body", "decode", "wire"),
    [
        (MESSAGE, decode_step_message, WIRE),
        (
            msgspec.structs.replace(
                MESSAGE,
                input=StepInput(inline(b"{}"), (), Earlier(LINK, 1, "5", ())),
                priority=Priority.HIGH,
                queue="gpu",
            ),
            decode_step_message,
            {
                **WIRE,
                "input": {
                    "base": {"kind": "inline", "data": {}},
                    "earlier": {"last": LINKED, "links": 1, "steps": "5", "places": []},
                },
                "queue": "gpu",
                "priority": "high",
            },
        ),
        (
            Link(((0, "a", inline(b"2")),), LINK),
            decode_link,
            {"outputs": [[0, "a", {"kind": "inline", "data": 2}]], "before": LINKED},
        ),
        (ControlCommand(), decode_control, {}),
        (
            ControlCommand(action=HumanAction.COMPLETE, step="pay", output={"ok": True}),
            decode_control,
            {"action": "complete", "step": "pay", "output": {"ok": True}},
        ),
        (CancelNotice(), decode_cancel, {}),
        (CancelNotice("pay"), decode_cancel, {"step": "pay"}),
        (
            Result("r1", "orders", ResultStatus.COMPLETED, {"pay": inline(b"3")}),
            decode_result,
            {
                "id": "r1",
                "workflow": "orders",
                "status": "COMPLETED",
                "output": {"pay": {"kind": "inline", "data": 3}},
            },
        ),
    ],
)
def test_bodies(body, decode, wire):
    assert json.loads(encode(body)) == wire
    assert decode(json.dumps(wire, separators=(",", ":"))) == body


def test_a_message_asks_for_one_attempt():
    assert MESSAGE.wanted() == Dispatch("pay", Attempt(Kind.RUN, 1, 2), revision=7, lost=1)


def test_a_field_of_a_newer_release_is_passed_over():
    newer = json.loads(encode(MESSAGE)) | {"of_a_newer_release": True}

    assert decode_step_message(json.dumps(newer, separators=(",", ":"))) == MESSAGE


def test_a_misspelt_field_of_a_control_command_is_refused():
    with pytest.raises(msgspec.ValidationError, match="raeson"):
        decode_control(b'{"raeson": "typing"}')


def test_what_a_trace_context_lacks_has_no_header():
    assert trace_headers("00-1-2-01", "a=b") == {"traceparent": "00-1-2-01", "tracestate": "a=b"}
    assert trace_headers("00-1-2-01", "") == {"traceparent": "00-1-2-01"}
    assert trace_headers("", "") == {}
