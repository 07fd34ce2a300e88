"""What handlers emit, on the wire: CloudEvents 1.0 of types of their own."""

from __future__ import annotations

__all__ = ["EmitMark", "EmittedEvent", "decode_mark", "emitted_by_handler", "emitted_in"]

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from flowworker.codec.cloudevents import timestamp
from flowworker.codec.messages import TRACE_PARENT, TRACE_STATE
from flowworker.core.ids import event_id

if TYPE_CHECKING:
    from collections.abc import Mapping


class EmittedEvent(Struct, frozen=True):
    """The envelope of what a handler emits; `type` and `data` are the handler's own.

    Attributes:
        traceparent, tracestate: where it was emitted, by CloudEvents' extension for tracing.
    """

    id: str
    source: str
    type: str
    time: str
    data: Any
    traceparent: str | UnsetType = UNSET
    tracestate: str | UnsetType = UNSET
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


class EmitMark(Struct, frozen=True):
    """The record that something was emitted.

    Attributes:
        v: version of this form.
        id: of the event.
        event: itself, where the stream of events may lose what it has acknowledged.
    """

    v: int = 1
    id: str = ""
    event: msgspec.Raw | UnsetType = UNSET


decode_mark = msgspec.json.Decoder(EmitMark).decode


def emitted_by_handler(
    namespace: str, workflow: str, run: str, event_type: str, key: str, data: Any, now: float
) -> EmittedEvent:
    """What a handler emits. `key`, if any, distinguishes it from others of its type in the run."""
    return EmittedEvent(
        id=event_id(run, f"emit/{event_type}", key),
        source=f"/{namespace}/{workflow}/{run}",
        type=event_type,
        time=timestamp(now),
        data=data,
    )


def emitted_in(event: EmittedEvent, trace: Mapping[str, str]) -> EmittedEvent:
    """The same in a trace, of whose context these are the headers."""
    return replace(
        event,
        traceparent=trace.get(TRACE_PARENT, UNSET),
        tracestate=trace.get(TRACE_STATE, UNSET),
    )
