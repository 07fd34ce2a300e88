"""NATS without flowworker: what the checker sees, it sees with other eyes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import Error as JetStreamError

T = TypeVar("T")

BATCH = 500
TIMEOUT = 5.0
WAIT_LIMIT = 60.0
"""Seconds without a message after which a reading is given up."""

ACTIVE = ("PENDING", "RUNNING", "COMPENSATING")
"""Statuses in which a run goes on by itself."""


class Refused(Exception):
    """JetStream answered with an error."""


NAT_ERRORS = (NatsError, JetStreamError, Refused, TimeoutError, OSError)


@dataclass(frozen=True)
class Stored:
    """A message as a stream keeps it."""

    subject: str
    seq: int
    data: bytes
    headers: dict[str, str]


class Raw:
    """A connection for questions and administration."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[Self]:
        """Reconnects for ever."""

        async def quiet(_: Exception) -> None:
            return

        client = await nats.connect(
            url.split(","), max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=quiet
        )
        try:
            yield cls(client)
        finally:
            await client.close()

    async def patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        """What is read, however often the server has to be asked."""
        until = time.monotonic() + WAIT_LIMIT
        while True:
            try:
                return await read()
            except (NatsError, JetStreamError, TimeoutError):
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.5)

    async def api(self, request: str, body: Any = None) -> dict[str, Any]:
        """JetStream's answer; raises Refused, or nats-py's errors."""
        raw = b"" if body is None else json.dumps(body).encode()
        answer = await self.client.request(f"$JS.API.{request}", raw, timeout=TIMEOUT)
        decoded: dict[str, Any] = json.loads(answer.data)
        if "error" in decoded:
            raise Refused(f"{request}: {decoded['error'].get('description')}")
        return decoded

    async def streams(self) -> dict[str, dict[str, Any]]:
        """Info by name."""
        found = (await self.api("STREAM.LIST")).get("streams") or []
        return {each["config"]["name"]: each for each in found}

    async def count(self, stream: str, subject: str) -> int:
        """How many subjects of a stream match."""
        info = await self.api(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
        return int(info.get("total") or len(info["state"].get("subjects") or {}))

    async def subjects(self, stream: str, subject: str = ">") -> list[str]:
        """Those of a stream that match, up to some 100,000."""
        info = await self.api(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
        return sorted(info["state"].get("subjects") or {})

    async def unfinished(self, namespace: str) -> int:
        """Runs that go on by themselves, as the index has it."""
        bucket = f"{namespace}_runs"
        counts = [
            await self.count(f"KV_{bucket}", f"$KV.{bucket}.index.{status}.>") for status in ACTIVE
        ]
        return sum(counts)

    async def messages(self, stream: str, subject: str) -> list[Stored]:
        """All that a stream has once it is at rest, in order.

        Raises:
            Refused: the rest did not come; a part would look like loss.
        """
        js = self.client.jetstream()
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=2 * WAIT_LIMIT)
        subscription = await js.pull_subscribe(subject, stream=stream, config=config)
        found: list[Stored] = []
        pending = (await subscription.consumer_info()).num_pending or 0
        heard = time.monotonic()
        while pending:
            with contextlib.suppress(TimeoutError):
                for message in await subscription.fetch(BATCH, timeout=TIMEOUT):
                    meta = message.metadata
                    pending, heard = meta.num_pending or 0, time.monotonic()
                    headers = message.headers or {}
                    seq = meta.sequence.stream
                    found.append(Stored(message.subject, seq, message.data, headers))
            if time.monotonic() > heard + WAIT_LIMIT:
                raise Refused(f"{stream}: {pending} messages did not come behind {len(found)}")
        with contextlib.suppress(NatsError, JetStreamError):
            await subscription.unsubscribe()
        return found

    async def one(self, stream: str, seq: int) -> Stored:
        """A message by its sequence."""
        got = (await self.api(f"STREAM.MSG.GET.{stream}", {"seq": seq}))["message"]
        return Stored(got["subject"], got["seq"], base64.b64decode(got.get("data", "")), {})
