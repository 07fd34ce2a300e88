"""The servers as one process has them: the memory adapters, and what goes wrong on the way.

A call may be refused, or have its effect without an answer; the process may die right before it or
right after; an answer may be slow. A delivery may come late, or a second time; an acknowledgement
may get lost. All of that is what the ports' contracts allow, and no more.
"""

from __future__ import annotations

__all__ = ["Gate", "backend_of"]

import asyncio
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from flowworker.ports import Backend, Delivery
    from flowworker.simulate.loop import VirtualLoop
    from flowworker.simulate.process import Process
    from flowworker.simulate.troubles import Troubles

_REFUSED = 0.004
_UNANSWERED = 0.004
_DEATH = 0.003
_SLOW = 0.01
_ACK_LOST = 0.02
_TWICE = 0.02
_LATE = 0.02
"""How likely each of them is, per opportunity."""

_SLOWEST = 5.0
_PORTS = (
    *("runs", "definitions", "payloads", "leases"),
    *("steps", "lanes", "events", "commands", "timers"),
)


class Gate:
    """One process's way to the servers, and theirs to it."""

    def __init__(
        self, process: Process, troubles: Troubles, virtual: VirtualLoop, outside: Context
    ) -> None:
        """For `process`; effects happen in the context `outside`, which is nobody's."""
        self.process = process
        self.troubles = troubles
        self.virtual = virtual
        self._outside = outside

    async def call(self, what: str, effect: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What an effect returns, unless something goes wrong."""
        process, troubles, name = self.process, self.troubles, self.process.name
        await process.wait(0.0)
        if troubles.happens(_SLOW, f"{name}: {what} is slow"):
            await process.wait(troubles.random_of(f"how slow {what} is").random() * _SLOWEST)
        if troubles.happens(_REFUSED, f"{name}: {what} is refused"):
            raise Unavailable(f"simulated: {what} is refused")
        self._may_die(f"before {what}")
        result = self.now(effect())
        self._may_die(f"after {what}")
        if troubles.happens(_UNANSWERED, f"{name}: {what} is done and not answered"):
            raise Unavailable(f"simulated: {what} is not answered")
        return result

    def now(self, effect: Coroutine[Any, Any, Any]) -> Any:
        """What an effect of the memory adapters returns, which waits for nothing."""
        try:
            self._outside.run(effect.send, None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("an effect of the memory adapters waits for something")

    def _may_die(self, when: str) -> None:
        if self.troubles.happens(_DEATH, f"{self.process.name} dies {when}"):
            self.process.die()
            raise asyncio.CancelledError


def backend_of(gate: Gate, backend: Backend) -> Backend:
    """What `gate`'s process sees of a backend."""

    async def no_link() -> Any:
        return seen

    async def close() -> None:
        pass

    ports: dict[str, Any] = {name: _Port(gate, getattr(backend, name), name) for name in _PORTS}
    seen = replace(
        backend,
        **ports,
        notifier=_Notifier(gate, backend.notifier),
        open_heartbeat=no_link,
        close=close,
    )
    return seen


class _Port:
    """Any port: its methods are effects, and what it delivers comes by its `consume`."""

    def __init__(self, gate: Gate, port: Any, name: str) -> None:
        self._gate = gate
        self._port = port
        self._name = name

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not inspect.iscoroutinefunction(method):
            return method
        gate = self._gate

        async def call(*arguments: Any, **options: Any) -> Any:
            given = [_into(gate.process, each) for each in arguments]
            what = f"{self._name}.{name} {_about(arguments)}".rstrip()
            return await gate.call(what, lambda: method(*given, **options))

        return call

    async def consume(self, *arguments: Any, **options: Any) -> Any:
        gate = self._gate
        *where, on_delivery = arguments

        def take(delivery: Delivery) -> None:
            _pass_on(gate, on_delivery, delivery)

        consumer = await gate.call(
            f"{self._name}.consume", lambda: self._port.consume(*where, take, **options)
        )
        gate.process.on_death.append(lambda: gate.now(consumer.stop()))
        return consumer


def _into(process: Process, value: Any) -> Any:
    """A callback that a port is given is called in the process."""
    if not callable(value):
        return value
    return lambda *arguments: process.call(value, *arguments)


def _about(arguments: tuple[Any, ...]) -> str:
    first = arguments[0] if arguments else ""
    step = getattr(first, "step", "")
    return step or (first if isinstance(first, str) else "")


def _pass_on(gate: Gate, on_delivery: Callable[[Delivery], None], delivery: Delivery) -> None:
    troubles, name = gate.troubles, gate.process.name
    random = troubles.random_of(f"the way of {delivery.subject}")
    arrived: Any = _Arrived(gate, delivery)
    delay = 0.0
    if troubles.happens(_LATE, f"{name} gets {delivery.subject} late"):
        delay = random.random() * _SLOWEST
    gate.virtual.call_later(delay, gate.process.call, on_delivery, arrived)
    if troubles.happens(_TWICE, f"{delivery.subject} is delivered a second time"):
        later = random.random() * _SLOWEST
        gate.virtual.call_later(later, lambda: gate.now(delivery.nak()))


class _Arrived:
    """A delivery, whose acknowledgement may get lost."""

    def __init__(self, gate: Gate, delivery: Delivery) -> None:
        self._gate = gate
        self._delivery = delivery

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delivery, name)

    async def ack(self) -> None:
        gate, subject = self._gate, self._delivery.subject
        await gate.process.wait(0.0)
        if not gate.troubles.happens(_ACK_LOST, f"the acknowledgement of {subject} is lost"):
            gate.now(self._delivery.ack())

    async def nak(self, delay: float = 0.0) -> None:
        await self._gate.process.wait(0.0)
        self._gate.now(self._delivery.nak(delay))

    async def in_progress(self) -> None:
        await self._gate.process.wait(0.0)
        self._gate.now(self._delivery.in_progress())


def _notice(subject: str) -> str:
    """What is said there. The name of an inbox is new each time, and makes no other world."""
    return "a reply" if subject.startswith("_INBOX.") else f"a notice about {subject}"


class _Notifier:
    """The `Notifier` port: each message may get lost."""

    def __init__(self, gate: Gate, notifier: Any) -> None:
        self._gate = gate
        self._notifier = notifier

    async def publish(self, *arguments: Any, **options: Any) -> None:
        await self._gate.process.wait(0.0)
        if not self._gate.troubles.happens(_ACK_LOST, f"{_notice(arguments[0])} is lost"):
            self._gate.now(self._notifier.publish(*arguments, **options))

    async def subscribe(
        self, subject: str, on_message: Callable[..., None], on_lost: Any = None
    ) -> Any:
        process = self._gate.process
        await process.wait(0.0)
        end = self._gate.now(self._notifier.subscribe(subject, _into(process, on_message), on_lost))
        process.on_death.append(end)
        return end
