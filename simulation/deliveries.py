"""Deliveries on their way: late, lost, taken away; and acknowledgements that get lost."""

from __future__ import annotations

__all__ = ["SimConsumer", "SimDelivery", "deliver_to"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from flowworker.ports import Consumer, Delivery, OnDelivery
    from flowworker.simulate.loop import VirtualLoop
    from simulation.gate import Gate

_LONGEST_DELAY = 3.0
_EARLIEST = 0.05
_APART = 1e-6


@dataclass(slots=True, eq=False)
class SimDelivery:
    """The `Delivery` port: another one, as this process has it."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    sequence: int
    order: int
    delivered: int
    time: float
    behind: int
    inner: Delivery
    _gate: Gate
    _on_ack: Callable[[Delivery], None]
    _on_put_back: Callable[[Delivery], None] | None

    async def ack(self) -> None:
        """Best effort: it never fails, but may be lost, or come late."""
        await self._gate.send("ack", self.subject, self._ack)

    async def nak(self, delay: float = 0.0) -> None:
        """Best effort as well."""
        await self._gate.send("nak", f"{self.subject} {delay:.3f}", lambda: self._nak(delay))

    async def in_progress(self) -> None:
        """Restart the ack wait."""
        await self._gate.call("in_progress", self.subject, self.inner.in_progress)

    async def _ack(self) -> None:
        await self.inner.ack()
        self._on_ack(self)

    async def _nak(self, delay: float) -> None:
        if self._on_put_back is not None and not delay:
            self._on_put_back(self)  # first, since the next one may get it at once
        await self.inner.nak(delay)


class SimConsumer:
    """The `Consumer` port."""

    def __init__(self, inner: Consumer, gate: Gate) -> None:
        """Stand before `inner`."""
        self._inner = inner
        self._gate = gate

    def grant(self, credit: int) -> None:
        """Be ready for that many more."""
        if self._gate.process.alive:
            self._inner.grant(credit)

    async def stop(self) -> None:
        """Ask for no more."""
        await self._inner.stop()


class _Road:
    """The way of deliveries from a source to one consumer of a process."""

    def __init__(
        self,
        gate: Gate,
        virtual: VirtualLoop,
        on_delivery: OnDelivery,
        on_ack: Callable[[Delivery], None],
        on_gone: Callable[[Delivery], None] | None,
        on_hand_out: Callable[[Delivery], None] | None,
        on_put_back: Callable[[Delivery], None] | None,
    ) -> None:
        self.consumer: Consumer | None = None
        self._gate = gate
        self._virtual = virtual
        self._on_delivery = on_delivery
        self._on_ack = on_ack
        self._on_gone = on_gone
        self._on_hand_out = on_hand_out
        self._on_put_back = on_put_back
        self._clear_at = -1.0

    def take(self, inner: Delivery) -> None:
        """Called by the source, outside of all processes."""
        gate = self._gate
        if self._on_hand_out is not None:
            self._on_hand_out(inner)
        faults, rates, random = gate.faults, gate.faults.rates, gate.faults.random
        if faults.chance("delivery lost", rates.delivery_lost):
            self._grant_again()
            return
        if self._on_gone is not None and faults.chance("message gone", rates.gone):
            gate.now(inner.ack())
            self._on_gone(inner)
            self._grant_again()
            return
        delivery = SimDelivery(
            inner.subject,
            inner.data,
            inner.headers,
            inner.sequence,
            inner.order,
            inner.delivered,
            inner.time,
            inner.behind,
            inner,
            gate,
            self._on_ack,
            self._on_put_back,
        )
        delay = 0.0
        if faults.chance("delivery late", rates.late):
            delay = random.random() * _LONGEST_DELAY
        self._pass_on(delivery, delay)
        if faults.chance("delivery taken away", rates.early):
            later = _EARLIEST + random.random() * _LONGEST_DELAY
            self._virtual.call_later(later, self._take_away, inner)

    def _grant_again(self) -> None:
        """What was granted and not delivered is asked for again."""
        if self.consumer is not None:
            self.consumer.grant(1)

    def _pass_on(self, delivery: Delivery, delay: float) -> None:
        """In the order in which they came, as one connection does it."""
        now = self._virtual.moment
        delay = max(delay, self._gate.process.stall())
        self._clear_at = max(self._clear_at + _APART, now + delay)
        if self._clear_at > now:
            self._virtual.call_at(self._clear_at, self._arrive, delivery)
        else:
            self._arrive(delivery)

    def _arrive(self, delivery: Delivery) -> None:
        process = self._gate.process
        if process.stall() > 0:
            self._pass_on(delivery, 0.0)
        else:
            process.call(self._on_delivery, delivery)

    def _take_away(self, inner: Delivery) -> None:
        """The source believes that its ack wait is over."""
        self._gate.now(inner.nak())


async def deliver_to(
    gate: Gate,
    virtual: VirtualLoop,
    on_delivery: OnDelivery,
    on_ack: Callable[[Delivery], None],
    consume: Callable[[OnDelivery], Coroutine[Any, Any, Consumer]],
    on_gone: Callable[[Delivery], None] | None = None,
    on_hand_out: Callable[[Delivery], None] | None = None,
    on_put_back: Callable[[Delivery], None] | None = None,
) -> Consumer:
    """A consumer of `gate`'s process, from whom deliveries are taken when it dies.

    `on_hand_out` hears of every delivery, `on_put_back` of those that are given back at once; with
    `on_gone` messages may be lost for good.
    """
    road = _Road(gate, virtual, on_delivery, on_ack, on_gone, on_hand_out, on_put_back)
    inner = road.consumer = await gate.call("consume", "", consume, road.take)
    gate.process.on_death.append(lambda: gate.now(inner.stop()))
    return SimConsumer(inner, gate)
