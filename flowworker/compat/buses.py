"""The Go package's event bus: events by namespace and type, to the subscribers of that moment.

The subject of an event is `<namespace>.<type>`, its body a CloudEvent. The engine's events
(`workflow.step.completed`) and those that handlers emit are events of this bus like any other. If
the fleet's namespace is not the default one, all subjects begin with it.

Delivery is at most once: a subscriber that is not connected, or more than `BUFFERED` events late,
misses some. A run's history has all of its events.
"""

from __future__ import annotations

__all__ = ["Event", "EventBus", "Subscription"]

import asyncio
import uuid
from collections import Counter, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec
from msgspec import UNSET, Struct, UnsetType

from flowworker.clock import SystemClock
from flowworker.codec.json import UNREADABLE, encode
from flowworker.codec.subjects import public_prefix
from flowworker.codec.values import encode_value
from flowworker.core.ids import DOTTED_NAME
from flowworker.errors import InvalidInput
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.compat.opening import Opening
    from flowworker.ports import Backend


BUFFERED = 10_000
"""Events that wait for one slow subscriber; the oldest are dropped beyond that."""

_NOW = datetime.fromtimestamp(0, UTC)


class Event(Struct, frozen=True):
    """Something that happened.

    Attributes:
        namespace: first token of the subject: `workflow` for the engine's events.
        type: the rest of it: `step.completed`.
        payload: a JSON value.
        id: the same for the same event, however often it is published; made up if empty.
        occurred_at: when; the time of publication if not given.
        trace_id: W3C trace context (`traceparent`), or empty.
    """

    namespace: str
    type: str
    payload: Any = None
    id: str = ""
    occurred_at: datetime = _NOW
    trace_id: str = ""

    @property
    def subject(self) -> str:
        """Where it is published."""
        return f"{self.namespace}.{self.type}" if self.type else self.namespace


class _Envelope(Struct):
    id: str
    source: str
    type: str
    time: datetime
    data: Any = None
    traceparent: str | UnsetType = UNSET
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


_decode = msgspec.json.Decoder(_Envelope).decode


class Subscription:
    """Events of one subject, as they come: `async for event in subscription`.

    Attributes:
        dropped: events that came faster than they were taken.
    """

    def __init__(self) -> None:
        """Wait for the first one."""
        self.dropped = 0
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._end: Callable[[], object] | None = None
        self._closed = False

    def begin(self, end: Callable[[], object]) -> None:
        """The bus delivers from now on; `end` stops that."""
        self._end = end

    def take(self, event: Event) -> None:
        """Buffer an event until it is asked for."""
        if len(self._events) >= BUFFERED:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._changed.set()

    def close(self) -> None:
        """Unsubscribe; a task that waits for an event gets the end of the iteration."""
        self._closed = True
        self._changed.set()
        end, self._end = self._end, None
        if end is not None:
            end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class EventBus:
    """Publishes and subscribes; opened by its first use, or by `async with`."""

    def __init__(self, opening: Opening, clock: Clock | None = None) -> None:
        """Publish by means of a backend's notifier."""
        self._opening = opening
        self._clock = clock or SystemClock()
        self._listening: dict[Subscription, str] = {}

    async def publish(self, event: Event) -> Event:
        """Publish; the event as published, with id and time.

        Raises:
            InvalidInput: namespace or type are no tokens, or the payload is not JSON.
        """
        _check("a namespace", event.namespace)
        _check("an event type", event.subject)
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        published = msgspec.structs.replace(
            event,
            id=event.id or str(uuid.uuid4()),
            occurred_at=now if event.occurred_at == _NOW else event.occurred_at,
        )
        backend = await self.backend()
        envelope = _Envelope(
            id=published.id,
            source=f"/{backend.namespace}",
            type=published.subject,
            time=published.occurred_at,
            data=published.payload,
            traceparent=published.trace_id or UNSET,
        )
        try:
            encode_value(published.payload)
            body = encode(envelope)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidInput(f"payload of {published.subject!r}: not JSON: {error}") from error
        await self.send(published.subject, body)
        return published

    async def send(self, subject: str, body: bytes) -> None:
        """Publish an event that is in its envelope already."""
        backend = await self.backend()
        await backend.notifier.publish(public_prefix(backend.namespace) + subject, body)

    async def subscribe(self, namespace: str, event_type: str = ">") -> Subscription:
        """Events of that subject from now on.

        Args:
            namespace: such as `workflow`; `*` for any.
            event_type: such as `step.completed`; `*` stands for one token, a final `>` for all.
        """
        subject = f"{namespace}.{event_type}"
        if not all(
            token in {"*", ">"} or DOTTED_NAME.fullmatch(token) for token in subject.split(".")
        ):
            raise InvalidInput(f"expected tokens joined by dots, or wildcards, found {subject!r}")
        backend = await self.backend()
        cut = len(public_prefix(backend.namespace))
        subscription = Subscription()

        def on_message(found: str, data: bytes) -> None:
            event = _event(found[cut:], data)
            if event is not None:
                subscription.take(event)

        end = await backend.notifier.subscribe(
            public_prefix(backend.namespace) + subject, on_message
        )

        def stop() -> None:
            self._listening.pop(subscription, None)
            end()

        subscription.begin(stop)
        self._listening[subscription] = subject
        return subscription

    def subscribers(self) -> dict[str, int]:
        """How many subscriptions of this bus are open, by subject."""
        return dict(Counter(self._listening.values()))

    async def backend(self) -> Backend:
        """The ports behind it."""
        return await self._opening.backend()

    async def close(self) -> None:
        """End all subscriptions, and let go of what the bus opened."""
        for subscription in tuple(self._listening):
            subscription.close()
        await self._opening.close()

    async def __aenter__(self) -> Self:
        """Open it now."""
        await self.backend()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()


def _event(subject: str, data: bytes) -> Event | None:
    try:
        envelope = _decode(data)
    except UNREADABLE as error:
        get_logger().warning("not an event", subject=subject, error=str(error))
        return None
    namespace, _, event_type = envelope.type.partition(".")
    trace = "" if isinstance(envelope.traceparent, UnsetType) else envelope.traceparent
    return Event(namespace, event_type, envelope.data, envelope.id, envelope.time, trace)


def _check(what: str, name: str) -> None:
    if not DOTTED_NAME.fullmatch(name):
        raise InvalidInput(f"expected {what} of letters, digits, `_`, `-` and dots, found {name!r}")
