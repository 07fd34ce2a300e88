"""What `flowworker doctor` checks of a server, of a namespace's streams and of who works there.

Nothing is changed, unless it is asked to create what is missing.
"""

from __future__ import annotations

__all__ = ["examine"]

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flowworker.clock import SystemClock
from flowworker.codec.presence import PRESENT
from flowworker.codec.subjects import CommandLane
from flowworker.errors import NamespaceNotFound, TopologyMismatch
from flowworker.jetstream import findings
from flowworker.jetstream.attendance import Attendance
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.client.subjects import counts_of
from flowworker.jetstream.findings import Finding
from flowworker.jetstream.leases import BucketLeases
from flowworker.jetstream.limited import limits_that_are_set
from flowworker.jetstream.names import Names
from flowworker.jetstream.pauses import pauses_of_queues, workflows_that_pause
from flowworker.jetstream.presences import BucketPresences
from flowworker.jetstream.records import BucketRecords
from flowworker.jetstream.run_records import run_records
from flowworker.jetstream.scheduled import timers_of_schedules
from flowworker.jetstream.topology.namespaces import queues_of
from flowworker.jetstream.topology.specs import ConsumerSpec, consumer_specs, stream_specs
from flowworker.jetstream.topology.streams import Topology
from flowworker.jetstream.wanted import handlers_wanted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from flowworker.clock import Clock
    from flowworker.core.standing import PauseRecord
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.client.options import ConnectionOptions
    from flowworker.jetstream.topology.options import TopologyOptions
    from flowworker.settings import Settings

Compare = Callable[[str], list[str]]
Hidden = Callable[[str], list[str]]


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
    options: ConnectionOptions,
    namespace: str,
    settings: Settings,
    topology: TopologyOptions,
    compare: Compare,
    hidden: Hidden,
    *,
    fix: bool,
    fleet: bool = True,
    lag: float = 60.0,
) -> AsyncGenerator[Finding, None]:
    """All findings, the server first; what depends on missing streams is left out.

    Args:
        options: where the server is.
        namespace: which one to check.
        settings: those of the fleet, as far as consumers and sizes of messages depend on them.
        topology: how its streams are to be.
        compare: what there is to report of the settings, by what the fleet has agreed upon; raises
            InvalidInput if it would refuse them.
        hidden: names of the fields that everybody hides, by the same.
        fix: create what is missing.
        fleet: processes have to be there.
        lag: seconds for which something may wait.

    Raises:
        ServerUnavailable: there is no usable server at all.
    """
    names = Names(namespace)
    connection = await connect(options)
    try:
        how: Any = {"fix": fix, "fleet": fleet, "lag": lag}
        examination = _Examination(connection, names, settings, topology, compare, hidden, **how)
        async for finding in examination.findings():
            yield finding
    finally:
        await connection.close()


class _Examination:
    def __init__(
        self,
        connection: Connection,
        names: Names,
        settings: Settings,
        options: TopologyOptions,
        compare: Compare,
        hidden: Hidden,
        *,
        fix: bool,
        fleet: bool,
        lag: float,
    ) -> None:
        self._connection = connection
        self._names = names
        self._api = Api(connection) if fix else _LookOnly(connection)
        self._settings = settings
        self._options = options
        self._compare = compare
        self._hidden = hidden
        self._fleet = fleet
        self._lag = lag
        self._topology = Topology(self._api, names, options, create=fix)
        self._clock: Clock = SystemClock()

    async def findings(self) -> AsyncGenerator[Finding, None]:
        found = self._connection.client.connected_server_version
        version = f"{found.major}.{found.minor}.{found.patch}"
        yield Finding("server", ok=True, found=f"nats-server {version} at {self._connection.url}")
        yield findings.payload(self._connection.client.max_payload, self._settings)
        await self._api.check()
        yield findings.account(await self._api.call("INFO"))
        streams, partitions = await self._streams()
        yield streams
        found_streams = []
        for spec in stream_specs(self._names, self._options):
            state = await self._api.stream(spec.name)
            if state is not None:
                found_streams.append(state)
                yield findings.stream(state)
        if not streams.ok:
            return
        names = self._names
        in_memory = self._options.storage == "memory"
        word = self._topology.durability
        behind = {name for one in names.shards for name in (one.steps, one.events)}
        behind = behind if word == "power" else set()
        yield findings.durability(found_streams, word, behind, in_memory=in_memory)
        yield findings.agreed(partial(self._compare, self._topology.agreed))
        yield await self._clocks()
        attendance = await self._attendance() if self._fleet else None
        if attendance is not None:
            yield attendance.processes()
            yield attendance.clocks()
            hiding = attendance.hiding(self._hidden(self._topology.agreed))
            if hiding is not None:
                yield hiding
        for lane in CommandLane:
            yield await self._work(consumer_specs.commands(names, lane), "commands")
        for shard in names.shards:
            yield await self._work(consumer_specs.timers(shard), "timers")
        yield await self._schedulers(partitions, attendance)
        direct = Api(self._connection, direct=True)
        records = run_records(Publisher(self._connection), direct, names)
        yield await timers_of_schedules(self._api, names, records)
        yield await limits_that_are_set(self._api, names, records)
        for finding in await workflows_that_pause(records):
            yield finding
        async for finding in self._queues(attendance, await pauses_of_queues(records)):
            yield finding

    async def _attendance(self) -> Attendance:
        publisher, bucket = Publisher(self._connection), self._names.locks
        # Reads of one key each, so that who only looks need not be allowed to read locks as well.
        direct = Api(self._connection, direct=True)
        records = BucketRecords(publisher, direct, bucket)
        leases = BucketLeases(publisher, direct, bucket, records, self._clock)
        holders = await leases.holders("partition.*")
        drivers = {int(key.rpartition(".")[2]): holder for key, holder in holders.items()}
        presences = BucketPresences(publisher, direct, bucket)
        return Attendance(await presences.entries(PRESENT), drivers)

    async def _clocks(self) -> Finding:
        """The server's clock, by the stamp of an answer, against ours midway between the two."""
        asked = self._clock.now()
        info = await self._api.stream(self._names.commands) or {}
        answered = self._clock.now()
        stamp = info.get("ts")
        if stamp is None:
            return Finding("clock", ok=True, found="not measured: the server does not say")
        apart = abs(datetime.fromisoformat(str(stamp)).timestamp() - (asked + answered) / 2)
        return findings.clock(apart, (answered - asked) / 2)

    async def _late(self, spec: ConsumerSpec, info: dict[str, Any]) -> float:
        """For how long the first message has waited that was not delivered, if that is too long."""
        if not info.get("num_pending"):
            return 0.0
        now = datetime.fromisoformat(str(info["ts"]))
        behind = info["delivered"]["stream_seq"] + 1
        late = 0.0
        for subject in spec.config["filter_subjects"]:
            query = {"seq": behind, "next_by_subj": subject}
            first = await self._api.message(spec.stream, query)
            if first is not None:
                late = max(late, (now - datetime.fromisoformat(first.time)).total_seconds())
        return late if late > self._lag else 0.0

    async def _streams(self) -> tuple[Finding, int]:
        """Whether streams and buckets are as they must be; how many partitions there are."""
        try:
            partitions = await self._topology.ensure()
        except (NamespaceNotFound, TopologyMismatch) as error:
            found, _, advice = str(error).partition("; ")
            return Finding("streams", ok=False, found=found, advice=advice), 0
        self._names = self._topology.names
        shards = len(self._names.shards)
        found = f"as they must be, {partitions} partitions"
        found += f" in {shards} shards" if shards > 1 else ""
        return Finding("streams", ok=True, found=found), partitions

    async def _consumer(self, spec: ConsumerSpec, who: str) -> tuple[Finding, dict[str, Any]]:
        """Whether a consumer is as it must be, and what the server says of it."""
        check = f"consumer {spec.name}"
        try:
            await self._topology.consumer(spec)
        except _Missing:
            advice = f"start a {who}, or let `flowworker doctor --fix` create it"
            return Finding(check, ok=False, found="missing", advice=advice), {}
        except TopologyMismatch as error:
            found, _, advice = str(error).partition("; ")
            return Finding(check, ok=False, found=found, advice=advice), {}
        info = await self._api.consumer(spec.stream, spec.name)
        return Finding(check, ok=True, found="as it must be"), info or {}

    async def _work(self, spec: ConsumerSpec, what: str) -> Finding:
        """A consumer of coordinators, what waits in it, and whether any of it is requested."""
        finding, info = await self._consumer(spec, "coordinator")
        if not finding.ok or not self._fleet:
            return finding
        return findings.work(finding.check, what, info, await self._late(spec, info))

    async def _schedulers(self, partitions: int, attendance: Attendance | None) -> Finding:
        """The consumers of all partitions in one line: the first that is not well, or the sum."""
        pending = in_flight = 0
        for partition in range(partitions):
            spec = consumer_specs.scheduler(self._names, self._settings, partition)
            finding = await self._work(spec, "events")
            if not finding.ok:
                return finding
            info = await self._api.consumer(spec.stream, spec.name) or {}
            pending += info.get("num_pending", 0)
            in_flight += info.get("num_ack_pending", 0)
        found = f"{pending:,} events wait, {in_flight:,} are in flight"
        if attendance is None:
            return Finding("partitions", ok=True, found=found)
        return attendance.partitions(partitions, found)

    async def _queues(
        self, attendance: Attendance | None, pauses: Mapping[str, PauseRecord]
    ) -> AsyncGenerator[Finding, None]:
        """The queues that have, or had, workers, and those in which steps wait."""
        queues = await queues_of(self._api, self._names)
        stored: Counter[str] = Counter()
        for shard in self._names.shards:
            counts = await counts_of(self._api, shard.steps, f"{shard.step_prefix}>")
            for subject, count in counts.items():
                stored[subject.split(".")[2]] += count
        for queue in sorted(queues | set(stored) | set(pauses) | {"default"}):
            lanes, late = [], 0.0
            for spec in consumer_specs.lanes(self._names, self._settings, queue):
                finding, info = await self._consumer(spec, f"worker with --queue {queue}")
                if not finding.ok:
                    yield finding
                lanes.append(info)
                late = max(late, await self._late(spec, info))
            if attendance is None:
                continue
            there, pause = attendance.workers(queue), pauses.get(queue)
            yield findings.queue(queue, stored[queue], lanes, there, late, pause)
            wanted = (
                await handlers_wanted(self._api, self._names, queue)
                if stored[queue]
                else Counter[str]()
            )
            handlers = attendance.handlers(queue, wanted)
            if handlers is not None:
                yield handlers
