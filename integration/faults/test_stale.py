"""A node that is cut off from its peers and does not know: old answers, and nothing that follows.

Node 0 hears and says nothing over its routes, and no connection ends, so that for some seconds it
goes on as what it was. Anyone who is connected to it asks a leader that was deposed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from bench.chaos.cluster import Cluster
from bench.chaos.proxy import Proxy
from bench.chaos.raw import Raw, Refused
from flowworker.errors import Conflict, Unavailable
from flowworker.jetstream import ConnectionOptions, Names, TopologyOptions, open_backend
from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS
from flowworker.ports import Backend
from integration.faults.load import all_complete, start_many
from integration.fleet.fleet import Fleet
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.asyncio(loop_scope="module"),
]

KEY = "run.r-1"
SOON = 0.3
"""Seconds for a request that is repeated until somebody answers."""
PREFERRED = {node: {"placement": {"preferred": node}} for node in ("n0", "n1")}
ADMIN = 'accounts {"$SYS" {users: [{user: admin, password: admin}]}}\n'
"""Somebody who may ask for the leader of the cluster's metadata."""


class Split:
    """Three nodes, the first of which can be cut off."""

    def __init__(self, cluster: Cluster, gate: Proxy) -> None:
        self.near = cluster.nodes[0].url
        self.far = ",".join(node.url for node in cluster.nodes[1:])
        self._gate = gate

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Node 0 is alone; in the end all is healed, and what was kept back arrives."""
        self._gate.hold()
        try:
            yield
        finally:
            self._gate.release()

    async def open(self, url: str, namespace: str) -> Backend:
        options = ConnectionOptions(url=url, wait=60.0)
        return await open_backend(options, namespace, topology=TopologyOptions(replicas=3))

    async def led_by_node_0(self) -> None:
        """Let node 0 lead the metadata: it notices late that it is alone then."""
        async with Raw.connected(self.near.replace("://", "://admin:admin@")) as admin:

            async def leads() -> bool:
                with contextlib.suppress(Refused, TimeoutError, OSError):
                    info = await admin.client.request("$SYS.REQ.SERVER.PING.JSZ", b"", SOON)
                    found = json.loads(info.data)["data"].get("meta_cluster", {}).get("leader")
                    if found == "n0":
                        return True
                    if found:
                        await admin.api("META.LEADER.STEPDOWN", PREFERRED["n0"])
                return False

            await eventually(leads)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def split() -> AsyncIterator[Split]:
    cluster = Cluster(3, gated=True, config=ADMIN)
    try:
        async with Proxy(cluster.behind, cluster.gate) as gate:
            await asyncio.to_thread(cluster.start)
            yield Split(cluster, gate)
    finally:
        await asyncio.to_thread(cluster.__exit__)


class Bucket:
    """Runs of a namespace, seen from both sides, by flowworker and without it."""

    def __init__(self, namespace: str, near: Backend, far: Backend, raw: Raw) -> None:
        self.near, self.far, self._raw = near.runs, far.runs, raw
        runs = Names(namespace).first.runs
        self.stream, self.subject = runs.stream, runs.subject(KEY)

    async def reported(self) -> bytes | None:
        """The record as node 0 tells it; None if it does not."""
        got = await ask(self._raw, f"STREAM.MSG.GET.{self.stream}", {"last_by_subj": self.subject})
        return base64.b64decode(got["message"]["data"]) if "message" in got else None


async def ask(raw: Raw, request: str, body: Any) -> dict[str, Any]:
    """What JetStream says, or nothing."""
    try:
        answer = await raw.client.request(f"$JS.API.{request}", json.dumps(body).encode(), SOON)
    except (TimeoutError, OSError):
        return {}
    return dict(json.loads(answer.data))


async def leader(raw: Raw, stream: str) -> str:
    """As that side sees it; empty if there is none."""
    info = await ask(raw, f"STREAM.INFO.{stream}", {})
    return str(info.get("cluster", {}).get("leader") or "")


async def elected(raw: Raw, stream: str) -> bool:
    return await leader(raw, stream) in {"n1", "n2"}


async def led_by(raw: Raw, stream: str, node: str) -> None:
    async def leads() -> bool:
        found = await leader(raw, stream)
        if found and found != node:
            with contextlib.suppress(Refused, TimeoutError, OSError):
                await raw.api(f"STREAM.LEADER.STEPDOWN.{stream}", PREFERRED[node])
        return found == node

    await eventually(leads)


async def outcome(work: Awaitable[Any]) -> Any:
    """What it gives, or the kind of its error."""
    try:
        return await work
    except Conflict:
        return Conflict
    except Unavailable:
        return Unavailable


async def test_what_was_read_at_a_node_that_is_cut_off_cannot_be_written_over(
    split, record_property
):
    async with contextlib.AsyncExitStack() as stack:
        raw = [await stack.enter_async_context(Raw.connected(u)) for u in (split.near, split.far)]
        buckets = {}
        for node in PREFERRED:
            near = await split.open(split.near, f"by-{node}")
            far = await split.open(split.far, f"by-{node}")
            for backend in (near, far):
                stack.push_async_callback(backend.close)
            buckets[node] = Bucket(f"by-{node}", near, far, raw[0])
        await split.led_by_node_0()
        # Given two buckets, one led by node 0, which follows in the other, and a record in both
        first = {}
        for node, bucket in buckets.items():
            first[node] = await bucket.near.write(KEY, b"old", 0)
            await led_by(raw[1], bucket.stream, node)

        # When node 0 is cut off, and reads and writes are in flight there
        with split.cut():
            early = [
                asyncio.create_task(outcome(work))
                for node, bucket in buckets.items()
                for work in (bucket.near.write(KEY, b"early", first[node]), bucket.near.read(KEY))
            ]
            # ... and the records move on elsewhere
            moved = {}
            for node, bucket in buckets.items():
                await eventually(partial(elected, raw[1], bucket.stream))
                moved[node] = await bucket.far.write(KEY, b"new", first[node])

            # Then the deposed leader gives what was, or nothing, and the follower gives nothing
            old = (b"old", first["n0"])
            reported = await buckets["n0"].reported()
            read = await outcome(buckets["n0"].near.read(KEY)) if reported else Unavailable
            assert (reported, read) in [(b"old", old), (b"old", Unavailable), (None, Unavailable)]
            record_property("the deposed leader reported", repr(reported))
            print(f"the deposed leader reported {reported!r}, and was read as {read!r}")
            assert await buckets["n1"].reported() is None

            # And nobody is notified that it was written over
            late = [
                asyncio.create_task(outcome(bucket.near.write(KEY, b"late", first[node])))
                for node, bucket in buckets.items()
            ]
            await asyncio.wait(late, timeout=SOON)
            inflight = {task.result() for task in early[::2] + late if task.done()}
            assert inflight <= {Conflict, Unavailable}

        # Also not when the network is back, and what was in flight arrives
        writes = await asyncio.gather(*early[::2], *late)
        assert set(writes) <= {Conflict, Unavailable}
        old_n1, new_n1 = (b"old", first["n1"]), (b"new", moved["n1"])
        assert await early[1] in [old, Unavailable]
        assert await early[3] in [old_n1, new_n1, Unavailable]
        for node, bucket in buckets.items():
            new = (b"new", moved[node])

            async def healed(bucket: Bucket = bucket, new: Any = new) -> bool:
                return await outcome(bucket.near.read(KEY)) == new

            await eventually(healed)
            assert await bucket.far.read(KEY) == new
            info = await raw[1].api(f"STREAM.INFO.{bucket.stream}")
            assert info["state"]["last_seq"] == moved[node]

            # And node 0 itself has the same, when it leads
            await led_by(raw[1], bucket.stream, "n0")
            await eventually(bucket.reported)
            assert await bucket.reported() == b"new"
            assert await bucket.near.write(KEY, b"newer", moved[node]) > moved[node]


async def test_a_fleet_half_of_which_is_cut_off_with_its_node(split, open_fleet):
    majority = SimpleNamespace(url=split.far)
    async with open_fleet(majority, replicas=3) as fleet, Raw.connected(split.far) as raw:
        # Given a coordinator and a worker at node 0, others elsewhere, and load
        apart = [fleet.start(role, "--nats-url", split.near) for role in ("coordinator", "worker")]
        elsewhere = [fleet.start(role) for role in ("coordinator", "worker")]
        await fleet.until_owned(dict.fromkeys((apart[0], elsewhere[0]), DEFAULT_PARTITIONS // 2))
        streams = ["KV_faults_runs", "FAULTS_EVENTS"]
        for stream in streams:
            await led_by(raw, stream, "n0")
        load = asyncio.create_task(start_many(fleet, 60, 0.1))

        def worked() -> bool:
            notes = [note for number in range(60) for note in fleet.notes(f"r-{number}")]
            return str(apart[1].pid) in {note[3] for note in notes}

        await fleet.until(worked)

        # When the node is cut off in the midst of it, until others lead and took every start
        with split.cut():
            for stream in streams:
                await eventually(partial(elected, raw, stream))
            runs = await load

        # Then every run goes its way once, and nobody has ended
        await all_complete(fleet, runs)
        for run in runs:
            assert await results(fleet, run) == {"top": 1, "left": 1, "right": 1, "bottom": 1}
        assert [process.poll() for process in fleet.processes] == [None] * 4


async def results(fleet: Fleet, run: str) -> Counter[str]:
    """How often a step's result was reported."""
    history = await fleet.client.history(run)
    done = [event for event in history if event["type"].endswith("workflow.step.completed")]
    return Counter(event["data"]["step_id"] for event in done)
