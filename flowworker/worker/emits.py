"""What handlers tell the world: once per run, type and key, however often a step is retried.

Safety: the history drops a second event with one id; the record that is written last keeps later
attempts, hours or restarts away, from telling again. Liveness: a crash before that record only
means that the next attempt publishes once more, under the same id. Subscribers are told at most
once per publication, so after such a crash perhaps twice in all.
"""

from __future__ import annotations

__all__ = ["Emitter"]

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.codec.cloudevents import emitted_by_handler
from flowworker.codec.json import encode
from flowworker.codec.keys import emit_key
from flowworker.core.ids import DOTTED_NAME
from flowworker.errors import Conflict, ConversionError, InvalidInput, PayloadTooLarge

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.ports import Backend

DEFAULT_NAMESPACE = "flowworker"
"""Its events are told under their bare types; those of others under `<ns>.<type>`."""

_OURS = frozenset({"cancel", "control", "event", "signal", "start", "step", "timer", "workflow"})
"""First tokens below `<ns>.` that mean something to the engine: nobody may forge those."""

_HEADROOM = 4096
"""Bytes of a message that its subject and headers may take."""


class Emitter:
    """Emits on behalf of handlers."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        """Publish through `backend`."""
        self._namespace = backend.namespace
        self._records = backend.runs
        self._events = backend.events
        self._notifier = backend.notifier
        self._limit = backend.max_message - _HEADROOM
        self._clock = clock

    async def emit(self, run: str, workflow: str, event_type: str, payload: Any, key: str) -> None:
        """Publish unless it was: to the run's history, and to subscribers of that very subject.

        Raises:
            InvalidInput: the type is not a dotted name, or belongs to the engine.
            ConversionError: the payload cannot be put into JSON.
            PayloadTooLarge: it exceeds what one message may have.
        """
        self._check(event_type)
        mark = _digest(key)
        record = emit_key(run, f"{event_type}.{mark}" if mark else event_type)
        if await self._records.read(record) is not None:
            return
        event = emitted_by_handler(
            self._namespace,
            workflow,
            run,
            event_type,
            mark,
            _with_run(run, event_type, payload),
            self._clock.now(),
        )
        body = encode(event)
        if len(body) > self._limit:
            text = f"emit {event_type!r}: {len(body):,} bytes exceed {self._limit:,} bytes"
            raise PayloadTooLarge(f"{text}; store it elsewhere and emit a reference to it")
        await self._events.publish(run, f"emit.{event_type}", body, event.id)
        await self._notifier.publish(self._subject(event_type), body)
        with suppress(Conflict):  # another attempt was as fast
            await self._records.write(record, encode({"v": 1, "id": event.id}), 0)

    def _subject(self, event_type: str) -> str:
        default = self._namespace == DEFAULT_NAMESPACE
        return event_type if default else f"{self._namespace}.{event_type}"

    def _check(self, event_type: str) -> None:
        if not isinstance(event_type, str) or not DOTTED_NAME.fullmatch(event_type):
            expected = "[A-Za-z0-9_-]+ joined by dots"
            raise InvalidInput(f"emit: expected a type of {expected}, found {event_type!r}")
        first = event_type.partition(".")[0]
        own_subjects = self._namespace != DEFAULT_NAMESPACE and first in _OURS
        if first in {"workflow", self._namespace} or first.startswith("_") or own_subjects:
            raise InvalidInput(
                f"emit: {event_type!r} begins with {first!r}, which belongs to the engine; "
                "choose another first word"
            )


def _digest(key: str) -> str:
    """A key may be any text; in a record's key and a message's header it may not."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def _with_run(run: str, event_type: str, payload: Any) -> Any:
    try:
        data = msgspec.to_builtins(payload, str_keys=True)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ConversionError(f"emit {event_type!r}: the payload is not JSON: {error}") from error
    if data is None:
        return {"_workflow_id": run}
    return {**data, "_workflow_id": run} if isinstance(data, dict) else data
