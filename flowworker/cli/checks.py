"""What `doctor` looks at. Nothing is changed, unless it is asked to create what is missing."""

from __future__ import annotations

__all__ = ["Finding", "examine"]

import os
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.codec.subjects import CommandLane
from flowworker.core.status import Priority
from flowworker.errors import NamespaceNotFound, TopologyMismatch
from flowworker.jetstream import Names, TopologyOptions
from flowworker.jetstream.api import NO_CONSUMER, NO_STREAM, Api, ApiError
from flowworker.jetstream.connection import connect
from flowworker.jetstream.specs import ConsumerSpec, consumer_specs, stream_specs
from flowworker.jetstream.topology import Topology
from flowworker.settings import from_environment, settings_from

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.jetstream import ConnectionOptions
    from flowworker.jetstream.connection import Connection

CLOCK_TOLERANCE = 1.0
"""Seconds by which this machine's clock may differ from the server's."""


class Finding(Struct, frozen=True):
    """One check: what was looked at, whether it is as it must be, and what to do if not."""

    check: str
    ok: bool
    found: str
    advice: str = ""


class _Missing(Exception):
    """Something would have been created."""


class _LookOnly(Api):
    """Refuses to create anything."""

    async def call(self, request: str, body: Any = None) -> dict[str, Any]:
        """As the real one, but for what would change something."""
        if ".CREATE." in request:
            raise _Missing(request)
        return await super().call(request, body)


async def examine(
    options: ConnectionOptions, namespace: str, *, fix: bool
) -> AsyncGenerator[Finding, None]:
    """All findings, from the ground up; the rest is left out when the ground is missing.

    Raises:
        ServerUnavailable: there is no usable server at all.
    """
    names = Names(namespace)
    connection = await connect(options)
    try:
        examination = _Examination(connection, names, fix=fix)
        async for finding in examination.findings():
            yield finding
    finally:
        await connection.close()


class _Examination:
    def __init__(self, connection: Connection, names: Names, *, fix: bool) -> None:
        self._connection = connection
        self._names = names
        self._api = Api(connection) if fix else _LookOnly(connection)
        self._wanted = settings_from(os.environ)
        self._options = from_environment(TopologyOptions, os.environ)
        self._topology = Topology(self._api, names, self._options, create=fix)

    async def findings(self) -> AsyncGenerator[Finding, None]:
        found = self._connection.client.connected_server_version
        version = f"{found.major}.{found.minor}.{found.patch}"
        yield Finding("server", ok=True, found=f"nats-server {version} at {self._connection.url}")
        await self._api.check()
        yield Finding("jetstream", ok=True, found="on")
        settings, partitions = await self._settings()
        yield settings
        states = {}
        for spec in stream_specs(self._names, self._options):
            state = await self._info(f"STREAM.INFO.{spec.name}", NO_STREAM)
            if state is not None:
                states[spec.name] = state
                yield _stream(spec.name, state["state"])
        if not settings.ok:
            return
        yield await self._clock()
        for lane in CommandLane:
            commands = consumer_specs.commands(self._names, lane)
            yield await self._consumer(commands, "commands", "coordinator")
        yield await self._consumer(consumer_specs.timers(self._names), "timers", "coordinator")
        yield await self._schedulers(partitions)
        async for finding in self._lanes():
            yield finding

    async def _clock(self) -> Finding:
        """The server's clock, as it stamps its answers, against ours in the middle of asking."""
        asked = time.time()
        info = await self._info(f"STREAM.INFO.{self._names.commands}", NO_STREAM) or {}
        answered = time.time()
        stamp = info.get("ts")
        if stamp is None:
            return Finding("clock", ok=True, found="not measured: the server does not tell")
        apart = abs(datetime.fromisoformat(str(stamp)).timestamp() - (asked + answered) / 2)
        found = f"{apart:.3f} s from the server's, give or take {(answered - asked) / 2:.3f}"
        if apart - (answered - asked) / 2 <= CLOCK_TOLERANCE:
            return Finding("clock", ok=True, found=found)
        advice = "let NTP set the clocks: leases and delays are counted by both"
        return Finding("clock", ok=False, found=found, advice=advice)

    async def _settings(self) -> tuple[Finding, int]:
        """Whether streams and buckets are there as they must be; how many partitions there are."""
        try:
            partitions = await self._topology.ensure()
        except (NamespaceNotFound, TopologyMismatch) as error:
            found, _, advice = str(error).partition("; ")
            return Finding("streams", ok=False, found=found, advice=advice), 0
        found = f"as they must be, {partitions} partitions"
        return Finding("streams", ok=True, found=found), partitions

    async def _info(self, request: str, absent: int) -> dict[str, Any] | None:
        try:
            return await self._api.call(request)
        except ApiError as error:
            if error.failure.err_code == absent:
                return None
            raise

    async def _consumer(self, spec: ConsumerSpec, what: str, who: str) -> Finding:
        """A consumer, what waits in it, and whether somebody asks for that."""
        check = f"consumer {spec.name}"
        try:
            await self._topology.consumer(spec)
        except _Missing:
            advice = f"start a {who}, or let `flowworker doctor --fix` create it"
            return Finding(check, ok=False, found="missing", advice=advice)
        except TopologyMismatch as error:
            found, _, advice = str(error).partition("; ")
            return Finding(check, ok=False, found=found, advice=advice)
        info = await self._info(f"CONSUMER.INFO.{spec.stream}.{spec.name}", NO_CONSUMER)
        return _lag(check, what, who, info or {})

    async def _schedulers(self, partitions: int) -> Finding:
        """The consumers of all partitions in one line: the first that is not well, or the sum."""
        pending = in_hand = asked = 0
        for partition in range(partitions):
            spec = consumer_specs.scheduler(self._names, self._wanted, partition)
            finding = await self._consumer(spec, "events", "coordinator")
            if not finding.ok:
                return finding
            info = await self._info(f"CONSUMER.INFO.{spec.stream}.{spec.name}", NO_CONSUMER) or {}
            pending += info.get("num_pending", 0)
            in_hand += info.get("num_ack_pending", 0)
            asked += bool(info.get("num_waiting", 0))
        found = f"{pending:,} events wait, {in_hand:,} are in hand, {asked} of {partitions} driven"
        return Finding("partitions", ok=True, found=found)

    async def _lanes(self) -> AsyncGenerator[Finding, None]:
        """The queues for which there are, or were, workers."""
        request = f"CONSUMER.NAMES.{self._names.steps}"
        listed = (await self._api.call(request, {"offset": 0})).get("consumers") or []
        queues = {name.rpartition("-")[0].removeprefix("step-") for name in listed}
        queues = {queue for queue in queues if queue and f"step-{queue}-normal" in listed}
        for queue in sorted(queues | {"default"}):
            for priority in Priority:
                spec = consumer_specs.lane(self._names, self._wanted, queue, priority)
                yield await self._consumer(spec, "steps", f"worker with --queue {queue}")


def _stream(name: str, state: dict[str, Any]) -> Finding:
    found = f"{state.get('messages', 0):,} messages, {state.get('bytes', 0) / 1e6:,.1f} MB"
    return Finding(f"stream {name}", ok=True, found=found)


def _lag(check: str, what: str, who: str, info: dict[str, Any]) -> Finding:
    pending, asking = info.get("num_pending", 0), info.get("num_waiting", 0)
    in_hand = info.get("num_ack_pending", 0)
    found = f"{pending:,} {what} wait, {in_hand:,} are in hand"
    if pending and not asking and not in_hand:
        return Finding(check, ok=False, found=f"{found}, nobody asks", advice=f"start a {who}")
    return Finding(check, ok=True, found=found)
