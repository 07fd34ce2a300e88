"""The measurements themselves, from the client's side."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.counters import Counters, read_counters
from bench.fleet import WORKFLOW
from flowworker.codec.messages import FLOW_REPLY, MSG_ID, ResultStatus, decode_result
from flowworker.errors import ResultTimeout, RunFailed
from flowworker.tasks import wait_for

if TYPE_CHECKING:
    from bench.fleet import BenchFleet
    from flowworker.client import Client
    from flowworker.codec.messages import Result
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.ports import Backend

WAIT_LIMIT = 60.0
"""Seconds without the end of any run after which something must be wrong."""
RAW_SECONDS = 2.0
RAW_SIZE = 128
RAW_IN_FLIGHT = 100
RAW_STREAM = "BENCH_RAW"
SETTLE = 1.0
"""Seconds for late acknowledgements to arrive before counters are read."""


class Latency(Struct, frozen=True):
    """Milliseconds from start to result, one run at a time."""

    runs: int
    p50: float
    p95: float
    p99: float
    worst: float


class Throughput(Struct, frozen=True):
    """Many runs at once.

    Attributes:
        seconds: from the first start to the last result.
        cpu: seconds of processor time in which process.
        counters: what the server did meanwhile.
    """

    runs: int
    steps: int
    seconds: float
    cpu: dict[str, float]
    counters: Counters

    @property
    def steps_per_second(self) -> float:
        """Over all processes together."""
        return self.steps / self.seconds


class RawPublish(Struct, frozen=True):
    """The same server with nothing but acknowledged publishing."""

    messages: int
    size: int
    inflight: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Of one client in one process."""
        return self.messages / self.seconds


async def latency(client: Client, runs: int) -> Latency:
    """Start a run, wait for its result, start the next."""
    samples = []
    for _ in range(runs):
        begun = time.perf_counter()
        result = await client.run(WORKFLOW, timeout=WAIT_LIMIT)
        samples.append((time.perf_counter() - begun) * 1000)
        result.raise_for_status()
    samples.sort()
    p50, p95, p99 = (samples[int((runs - 1) * quantile)] for quantile in (0.5, 0.95, 0.99))
    return Latency(runs, p50, p95, p99, samples[-1])


async def throughput(
    backend: Backend, api: Api, fleet: BenchFleet, runs: int, steps: int
) -> Throughput:
    """Start all runs as fast as they are acknowledged, and wait for all results."""
    counters, cpu = await read_counters(api, fleet.server), fleet.cpu()
    seconds = await at_once(backend, runs)
    used = {name: total - cpu[name] for name, total in fleet.cpu().items()}
    await asyncio.sleep(SETTLE)
    done = (await read_counters(api, fleet.server)).since(counters)
    return Throughput(runs, runs * steps, seconds, used, done)


async def at_once(
    backend: Backend, runs: int, workflow: str = WORKFLOW, given: bytes = b"{}"
) -> float:
    """Seconds from the first of so many starts to the last result.

    Results are the messages that `Flow-Reply` asks for, counted by one subscription: as little of
    the machine as possible goes into the client.

    Raises:
        RunFailed: one did not complete.
        ResultTimeout: no run ends any more.
    """
    ends: list[Result] = []
    over = asyncio.Event()

    def on_reply(_subject: str, data: bytes) -> None:
        ends.append(decode_result(data))
        if len(ends) == runs:
            over.set()

    inbox = f"_INBOX.{secrets.token_hex(11)}"
    unsubscribe = await backend.notifier.subscribe(inbox, on_reply)
    begun = time.perf_counter()
    await asyncio.gather(*(_start(backend, inbox, workflow, given) for _ in range(runs)))
    await _all_over(over, ends, runs)
    seconds = time.perf_counter() - begun
    unsubscribe()
    if failed := [end for end in ends if end.status is not ResultStatus.COMPLETED]:
        raise RunFailed(f"{len(failed)} of {runs} runs failed; the first: {failed[0].error}")
    return seconds


async def _all_over(over: asyncio.Event, ends: list[Result], runs: int) -> None:
    """Wait as long as runs keep ending."""
    while not over.is_set():
        so_far = len(ends)
        if not await wait_for(over, WAIT_LIMIT) and len(ends) == so_far:
            left = f"{runs - so_far} of {runs} runs do not end"
            raise ResultTimeout(f"{left}; nothing happened for {WAIT_LIMIT:g} s")


async def _start(backend: Backend, inbox: str, workflow: str, given: bytes) -> None:
    headers = {MSG_ID: uuid.uuid4().hex, FLOW_REPLY: inbox}
    await backend.commands.send(f"start.{workflow}", given, headers)


async def raw_publish(publisher: Publisher, api: Api, replicas: int) -> RawPublish:
    """A tight loop of acknowledged publishes into a file-backed stream of its own."""
    stream = {"name": RAW_STREAM, "subjects": ["bench.raw"], "storage": "file"}
    await api.call(f"STREAM.CREATE.{RAW_STREAM}", {**stream, "num_replicas": replicas})
    body = bytes(RAW_SIZE)
    begun = time.perf_counter()
    end = begun + RAW_SECONDS

    async def publish() -> int:
        published = 0
        while time.perf_counter() < end:
            await publisher.publish("bench.raw", body)
            published += 1
        return published

    messages = sum(await asyncio.gather(*(publish() for _ in range(RAW_IN_FLIGHT))))
    seconds = time.perf_counter() - begun
    await api.call(f"STREAM.DELETE.{RAW_STREAM}")
    return RawPublish(messages, RAW_SIZE, RAW_IN_FLIGHT, seconds)
