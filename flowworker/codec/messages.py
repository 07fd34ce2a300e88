"""The bodies of messages other than events."""

from __future__ import annotations

__all__ = [
    "CONTROL_ACTIONS",
    "FLOW_ACTOR",
    "FLOW_DELAY",
    "FLOW_INPUT",
    "FLOW_LABELS",
    "FLOW_PRIORITY",
    "FLOW_REPLY",
    "FLOW_START_AT",
    "MSG_ID",
    "SEALED",
    "STORED",
    "TRACE_PARENT",
    "TRACE_STATE",
    "CancelNotice",
    "ControlCommand",
    "Earlier",
    "Link",
    "RerunCommand",
    "Result",
    "ResultStatus",
    "StepInput",
    "StepMessage",
    "decode_cancel",
    "decode_control",
    "decode_inline",
    "decode_link",
    "decode_rerun",
    "decode_result",
    "decode_step_message",
    "decode_stored",
    "trace_headers",
]

from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from flowworker.core.attempt import Attempt
from flowworker.core.effects import Dispatch
from flowworker.core.payload import Inline, Payload, Stored
from flowworker.core.status import HumanAction, Kind, Priority

MSG_ID = "Nats-Msg-Id"
"""Header: run id and idempotency key of a start message."""
FLOW_INPUT = "Flow-Input"
"""Header of a start message: what the body is if not the input: `stored`, the reference of an
upload, or `sealed`, a sealed payload."""
STORED = "stored"
SEALED = "sealed"
FLOW_REPLY = "Flow-Reply"
"""Header of a start message: subject that gets the result."""
FLOW_LABELS = "Flow-Labels"
"""Header of a start message: the run's labels (codec.labels)."""
FLOW_PRIORITY = "Flow-Priority"
"""Header of a start message: lane of the run's steps."""
FLOW_START_AT = "Flow-Start-At"
"""Header of a start message: the moment at which the run begins."""
FLOW_DELAY = "Flow-Delay"
"""Header of a start message: how long after it was stored the run begins."""
FLOW_ACTOR = "Flow-Actor"
"""Header of an answer to an approval, of a pause and an unpause: who says so."""
TRACE_PARENT = "traceparent"
"""Header of start messages and of emitted events: W3C trace context."""
TRACE_STATE = "tracestate"
"""The same: what tracing systems add to it."""

CONTROL_ACTIONS = ("cancel", "terminate", "pause", "unpause", "resume", "approve", "reject")
"""The actions of `<ns>.control.<action>.<run>`."""


class Link(Struct, frozen=True, omit_defaults=True):
    """Outputs that many steps of a run are given, kept once in the payload store.

    Attributes:
        outputs: position in topological order, step and output.
        before: the link before this one.
    """

    outputs: tuple[tuple[int, str, Payload], ...]
    before: Stored | None = None


class Earlier(Struct, frozen=True):
    """Where more outputs of a step's ancestors are than its message carries.

    Attributes:
        last: a `Link`.
        links: how many of them, from that one back, hold outputs of ancestors.
        steps: the ancestors, as bits of their positions, in hex: links hold outputs of others, too.
        places: positions of the outputs that the message carries.
    """

    last: Stored
    links: int
    steps: str
    places: tuple[int, ...]


class StepInput(Struct, frozen=True, omit_defaults=True):
    """What a step's input is merged from: the run's input, then outputs in topological order.

    Attributes:
        base: the run's input.
        outputs: step and output of ancestors; all of them, unless there are `earlier` ones.
        given: the input itself, a JSON object, if the definition says what it is; then there is
            nothing to merge.
    """

    base: Payload
    outputs: tuple[tuple[str, Payload], ...] = ()
    earlier: Earlier | None = None
    given: Payload | None = None


class StepMessage(Struct, frozen=True, omit_defaults=True):
    """One attempt, with all that a worker needs; it reads nothing to run it.

    Attributes:
        kind, turn, number, iteration: the attempt (`attempt` on the wire is its number).
        input: to be merged, or taken as it is.
        v: version of this form; 2 if `input` says what is given, or there is an `iteration`, which
            releases before that do not know.
        timeout: seconds that the call of the handler may take, 0 for no limit.
        deadline: when the workflow's own timeout is (epoch seconds), 0 for none.
        revision: of the step's record that the claim must find.
        completed: for a compensation, the revision that orders completions.
        output: for a compensation, what the step had put out.
        trace, trace_state: of the run, as in its record.
        follows: ids of the spans of the attempts that completed the steps before this one; only
            from a coordinator that traces.
        secrets: of the run, as in its record.
        since, spent, intervals: for the attempt's record; a `since` of 0 begins with its claim,
            and None says that nobody asks for it.
    """

    run: str
    workflow: str
    step: str
    uses: str
    kind: Kind
    turn: int
    number: int = field(name="attempt")
    input: StepInput
    idempotency_key: str
    v: int = 1
    version: str = ""
    queue: str = "default"
    priority: Priority = Priority.NORMAL
    revision: int = 0
    lost: int = 0
    timeout: float = 0.0
    deadline: float = 0.0
    completed: int = 0
    output: Payload | None = None
    trace: str = ""
    trace_state: str = ""
    follows: tuple[str, ...] = ()
    since: float | None = None
    spent: tuple[int, ...] = ()
    intervals: tuple[float, ...] = ()
    iteration: int = 0
    secrets: Payload | None = None

    @property
    def attempt(self) -> Attempt:
        """Which attempt of the step."""
        return Attempt(self.kind, self.turn, self.number, self.iteration)

    def wanted(self) -> Dispatch:
        """The attempt that this message asks for."""
        return Dispatch(self.step, self.attempt, self.revision, self.lost)


class ControlCommand(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body of `<ns>.control.<action>.<run>`; none is needed to cancel, terminate, (un)pause.

    Attributes:
        reason: for cancel and terminate, kept as the run's error; of a pause; of an answer to an
            approval.
        action: for resume, the operator's answer.
        step: for an answer, which step it is about; may be left out if only one waits.
        output: for resume with `complete` and for approve, the step's output.
        stored: the same as an upload's reference, for one that does not fit a message.
        sealed: the same as a sealed payload.
    """

    reason: str = ""
    action: HumanAction | None = None
    step: str = ""
    output: Any = None
    stored: Stored | None = None
    sealed: Inline | None = None


class RerunCommand(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Body of `<ns>.control.rerun.<run>`; an empty body is fine. Its headers are those of a start.

    Attributes:
        point: the step to begin from (`from` on the wire).
        failed: do again what was not completed. Without both, all steps run again.
        definition: `latest`, or empty for that of the run.
        input: of the new run; nothing or null for that of the run. What is kept has not seen it.
        stored: the same as an upload's reference, for one that does not fit a message.
        sealed: the same as a sealed payload.
    """

    point: str = field(default="", name="from")
    failed: bool = False
    definition: Literal["", "latest"] = ""
    input: Any = None
    stored: Stored | None = None
    sealed: Inline | None = None


class CancelNotice(Struct, frozen=True, omit_defaults=True):
    """Body of `<ns>.cancel.<run>`, sent to all workers: which step is to stop; empty for all."""

    step: str = ""


class ResultStatus(StrEnum):
    """The states in which a run can end, and the one in which it never began."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class Result(Struct, frozen=True, omit_defaults=True):
    """How a run ended: what `Flow-Reply` gets and `start --wait` prints.

    Attributes:
        output: outputs of the steps on which nothing depends, by step id.
        whole: instead of these, what the workflow's own `output` says.
        error_type: of a rejection, the name of the error that a client should raise; `retry_at` is
            when the same may be taken, epoch seconds.
        partial: the output is left to the step records, since it would not fit a message, or since
            the run had ended before the same start came again.
    """

    id: str
    workflow: str
    status: ResultStatus
    output: dict[str, Payload] = {}
    whole: Payload | None = None
    partial: bool = False
    error: str = ""
    error_type: str = ""
    failed_compensations: tuple[str, ...] = ()
    needs_attention: bool = False
    retry_at: float = 0.0


def trace_headers(trace: str, state: str) -> dict[str, str]:
    """A trace context as headers; none for none."""
    found = {TRACE_PARENT: trace, TRACE_STATE: state}
    return {name: value for name, value in found.items() if value}


decode_step_message = msgspec.json.Decoder(StepMessage).decode
decode_cancel = msgspec.json.Decoder(CancelNotice).decode
decode_control = msgspec.json.Decoder(ControlCommand).decode
decode_rerun = msgspec.json.Decoder(RerunCommand).decode
decode_result = msgspec.json.Decoder(Result).decode
decode_stored = msgspec.json.Decoder(Stored).decode
decode_inline = msgspec.json.Decoder(Inline).decode
decode_link = msgspec.json.Decoder(Link).decode
