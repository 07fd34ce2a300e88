"""What the server says that it has done, so that operations per step are counted, not assumed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from msgspec import Struct

if TYPE_CHECKING:
    from flowworker.embedded import EmbeddedServer
    from flowworker.jetstream.client.api import Api


class Counters(Struct, frozen=True):
    """Totals since the server started.

    Attributes:
        stored: messages stored, by stream.
        delivered, acked: messages handed to consumers, and acknowledged, by stream.
        api: requests to the JetStream API, pulls not among them.
        received, sent: messages from and to clients, of any kind.
    """

    stored: dict[str, int]
    delivered: dict[str, int]
    acked: dict[str, int]
    api: int
    received: int
    sent: int

    def since(self, before: Counters) -> Counters:
        """What happened in between."""
        return Counters(
            stored=_difference(self.stored, before.stored),
            delivered=_difference(self.delivered, before.delivered),
            acked=_difference(self.acked, before.acked),
            api=self.api - before.api,
            received=self.received - before.received,
            sent=self.sent - before.sent,
        )


async def read_counters(api: Api, server: EmbeddedServer) -> Counters:
    """Ask the server; our own few questions are part of the count."""
    stored: dict[str, int] = {}
    delivered: dict[str, int] = {}
    acked: dict[str, int] = {}
    for stream in (await api.call("STREAM.LIST"))["streams"]:
        name = stream["config"]["name"]
        stored[name] = stream["state"]["last_seq"]
        consumers = (await api.call(f"CONSUMER.LIST.{name}")).get("consumers") or []
        delivered[name] = sum(each["delivered"]["consumer_seq"] for each in consumers)
        acked[name] = delivered[name] - sum(each["num_ack_pending"] for each in consumers)
    seen = await asyncio.to_thread(_monitoring, server)
    return Counters(
        stored=stored,
        delivered=delivered,
        acked=acked,
        api=(await api.call("INFO"))["api"]["total"],
        received=seen["in_msgs"],
        sent=seen["out_msgs"],
    )


def _monitoring(server: EmbeddedServer) -> dict[str, Any]:
    [ports] = server.store.glob("*.ports")
    [url] = json.loads(ports.read_bytes())["monitoring"]
    with urlopen(f"{url}/varz", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def _difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    changed = {name: total - before.get(name, 0) for name, total in after.items()}
    return {name: count for name, count in changed.items() if count}
