"""Events that handlers publish: once per run, queue, type and key, however often a step is retried.

Safety: an event has a subject of its own in the run's history, which stores one event, however late
a second one comes. The record that is written last spares later attempts a second publication.
Liveness: after a crash before that record the next attempt publishes again, under the same id. The
history has the event once; subscribers may get it twice after such a crash, with the same id.
Where the stream of events may lose what it has acknowledged (`ports.Tail`), the record has the
event as well, and a coordinator publishes it again. Both are stored in one life of the server, or
again: else that coordinator may have looked in between.

What is secret of the run is hidden: who hears of events need not have a right to it.
"""

from __future__ import annotations

__all__ = ["Emitter"]

import hashlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from flowworker.codec.handler_events import EmitMark, emitted_by_handler, emitted_in
from flowworker.codec.json import encode
from flowworker.codec.keys import emit_key
from flowworker.codec.models import as_json
from flowworker.codec.subjects import DEFAULT_NAMESPACE, public_subject
from flowworker.codec.values import encode_value
from flowworker.core.ids import DOTTED_NAME
from flowworker.errors import Conflict, ConversionError, InvalidInput, PayloadTooLarge
from flowworker.retrying import retry_unavailable
from flowworker.telemetry.context import hide_value
from flowworker.telemetry.tracing import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from flowworker.clock import Clock
    from flowworker.codec.handler_events import EmittedEvent
    from flowworker.ports import Backend
    from flowworker.telemetry.tracing import Tracing

T = TypeVar("T")

_RESERVED = frozenset(
    {"cancel", "control", "event", "lease", "signal", "start", "step", "timer", "workflow"}
)
"""First tokens below `<ns>.` that the engine itself uses: handlers may not publish there."""


_LONGEST_TYPE = 128
"""Characters of a type: it is part of subjects, whose length servers limit."""


class Emitter:
    """Emits on behalf of handlers."""

    def __init__(
        self, backend: Backend, clock: Clock, retry_for: float, tracing: Tracing = NO_TRACING
    ) -> None:
        """Publish through `backend`; retry for `retry_for` seconds while it is unavailable."""
        self._namespace = backend.namespace
        self._records = backend.runs
        self._events = backend.events
        self._notifier = backend.notifier
        self._limit = backend.max_body
        self._tail = backend.tail
        self._clock = clock
        self._retry_for = retry_for
        self._tracing = tracing

    async def emit(
        self,
        run: str,
        workflow: str,
        queue: str,
        event_type: str,
        payload: Any,
        key: str,
        trace: Mapping[str, str],
    ) -> None:
        """Publish unless it was: to the run's history, and to subscribers of its subject.

        Args:
            run: in whose history it will be.
            workflow: the run's.
            queue: whose worker publishes it. Those of another queue may publish the same once more,
                since none may keep those of another from publishing.
            event_type: the type, and the subject for subscribers.
            payload: anything that can be put into JSON.
            key: distinguishes it from others of its type in the run.
            trace: headers of the run's trace context.

        Raises:
            InvalidInput: the type is not a dotted name, or belongs to the engine.
            ConversionError: the payload cannot be put into JSON.
            PayloadTooLarge: it exceeds what one message may hold.
        """
        self._check(event_type)
        mark = _digest(key)
        subject = f"{event_type}.{mark}" if mark else event_type
        record = emit_key(queue, run, subject)
        if await self._retried(self._records.read, record) is not None:
            return
        event = emitted_by_handler(
            self._namespace,
            workflow,
            run,
            event_type,
            mark,
            hide_value(_with_run(run, event_type, payload)),
            self._clock.now(),
        )
        with self._tracing.emitting(event_type, event.id, trace) as headers:
            event = emitted_in(event, headers)
            server = self._server()
            await self._publish(run, queue, subject, event, headers)
        kept = msgspec.UNSET if self._tail is None else msgspec.Raw(encode(event))
        with suppress(Conflict):  # another attempt was as fast
            await self._retried(self._records.write, record, encode(EmitMark(1, event.id, kept)), 0)
        while server != (server := self._server()):
            await self._publish(run, queue, subject, event, headers)

    def _server(self) -> str:
        """Which life of it this is; empty where that makes no difference."""
        return "" if self._tail is None else self._tail.incarnation()

    async def _publish(
        self, run: str, queue: str, subject: str, event: EmittedEvent, trace: Mapping[str, str]
    ) -> None:
        event_type, body = event.type, encode(event)
        if len(body) > self._limit:
            text = f"emit {event_type!r}: {len(body):,} bytes exceed {self._limit:,} bytes"
            raise PayloadTooLarge(f"{text}; store it elsewhere and emit a reference to it")
        publish = partial(self._events.publish, sender=queue, once=True, headers=trace)
        await self._retried(publish, run, f"emit.{subject}", body, event.id)
        await self._retried(self._notifier.publish, self._subject(event_type), body, trace)

    async def _retried(self, call: Callable[..., Awaitable[T]], *arguments: object) -> T:
        until = self._clock.monotonic() + self._retry_for
        return await retry_unavailable(self._clock, until, partial(call, *arguments))

    def _subject(self, event_type: str) -> str:
        return public_subject(self._namespace, event_type)

    def _check(self, event_type: str) -> None:
        is_name = isinstance(event_type, str) and DOTTED_NAME.fullmatch(event_type)
        if not is_name or len(event_type) > _LONGEST_TYPE:
            expected = f"[A-Za-z0-9_-]+ joined by dots, at most {_LONGEST_TYPE} characters"
            raise InvalidInput(f"emit: expected a type of {expected}, found {event_type!r:.150}")
        first, *rest = event_type.split(".")
        own_subjects = self._namespace != DEFAULT_NAMESPACE and first in _RESERVED
        if first in {"workflow", self._namespace} or first.startswith("_") or own_subjects:
            raise InvalidInput(
                f"emit: {event_type!r} begins with {first!r}, which belongs to the engine; "
                "choose another first word"
            )
        if self._namespace == DEFAULT_NAMESPACE and len(rest) > 1 and rest[0] in _RESERVED:
            raise InvalidInput(
                f"emit: {event_type!r} would be a subject of the engine in namespace {first!r}; "
                f"choose another second word than {rest[0]!r}"
            )


def _digest(key: str) -> str:
    """A key may be any text; in a record's key and a message's header it may not."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def _with_run(run: str, event_type: str, payload: Any) -> Any:
    try:
        encode_value(payload)
        data = msgspec.to_builtins(payload, str_keys=True, enc_hook=as_json)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ConversionError(f"emit {event_type!r}: the payload is not JSON: {error}") from error
    if data is None:
        return {"_workflow_id": run}
    return {**data, "_workflow_id": run} if isinstance(data, dict) else data
