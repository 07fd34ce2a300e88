"""The way of one step through the code: which file enters which other one, and where.

The step is the middle one of a chain; coordinator and worker run on one event loop, so that one
trace has both. It begins with the decision that the step is ready, and ends when the handler of the
step after it is called, which enters nothing that the traced one has not entered.

A hop is the entry of a function from another file, or from the event loop, that goes on from there
into a further file. A function that ends in its own file, and a property, is a look-up: it gives
its caller a value and is no part of the way.

`python -m integration.way` prints the hops in their order.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

import flowworker
from flowworker import wiring
from flowworker.core.decide import decide
from flowworker.core.facts import StepCompleted
from flowworker.definitions import parse_all
from flowworker.embedded import EmbeddedServer
from flowworker.handlers import App
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics

PACKAGE = Path(flowworker.__file__).parent
NOTHING_BESIDE = Settings(lease=600.0, partition_lease=600.0, sweep=600.0)
"""Nothing is renewed or looked for meanwhile."""

CHAIN = """
name: chain
steps:
  - {id: before, uses: work}
  - {id: traced, uses: work, depends_on: [before]}
  - {id: after, uses: work, depends_on: [traced]}
"""


class Place(NamedTuple):
    """A function, by its file below flowworker/ and its name there."""

    file: str
    function: str

    def __str__(self) -> str:
        return f"{self.file}: {self.function}"


class Hop(NamedTuple):
    """An entry of a file; `source` is None for what the event loop calls."""

    source: Place | None
    target: Place


BESIDE = {
    Place("jetstream/consuming/pull.py", "PullConsumer._supervise"),
    Place("jetstream/consuming/pull_requests.py", "PullRequests._ask"),
    Place("worker/lag.py", "LagProbe._answer"),
}
"""What the event loop does now and then, and not for each step."""


NAMES = {"jetstream/names.py", "jetstream/shards.py", "jetstream/tokens.py"}
"""Names on the wire are looked up in any of these, as if they were one file."""


class Trace:
    """Notes who calls whom in flowworker/ while one step is on its way."""

    def __init__(self) -> None:
        self.calls: list[Hop] = []
        self._is_on = False
        self._seen: dict[int, FrameType] = {}  # a coroutine that goes on is no second call
        self._properties = properties()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code in self._properties or not is_named(code):
            return
        if self._seen.get(id(frame)) is frame:
            return
        self._seen[id(frame)] = frame
        if code is decide.__code__:
            fact = frame.f_locals["fact"]
            self._is_on |= isinstance(fact, StepCompleted) and fact.step == "before"
        if self._is_on:
            self.calls.append(Hop(self._caller(frame.f_back), place_of(code)))

    def _caller(self, frame: FrameType | None) -> Place | None:
        while frame is not None:
            if is_named(frame.f_code) and frame.f_code not in self._properties:
                return place_of(frame.f_code)
            frame = frame.f_back
        return None

    def hops(self) -> list[Hop]:
        """Those of the way, each once, in the order in which they were first gone."""
        called: dict[Place, set[Place]] = defaultdict(set)
        for call in self.calls:
            if call.source is not None:
                called[call.source].add(call.target)

        def leaves(at: Place, file: str, seen: set[Place]) -> bool:
            if at.file != file and not {at.file, file} <= NAMES:
                return True
            seen.add(at)
            return any(leaves(each, file, seen) for each in called[at] - seen)

        return list(
            dict.fromkeys(
                call
                for call in self.calls
                if BESIDE.isdisjoint(call)
                if call.source is None or call.source.file != call.target.file
                if leaves(call.target, call.target.file, set())
            )
        )


def properties() -> set[CodeType]:
    """The code of all properties in flowworker/."""
    found = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "flowworker":
            for _, kind in inspect.getmembers(module, inspect.isclass):
                for member in vars(kind).values():
                    if isinstance(member, property) and member.fget is not None:
                        found.add(inspect.unwrap(member.fget).__code__)
    return found


@functools.cache  # asked for each call, which is slow enough as it is
def is_named(code: CodeType) -> bool:
    """Whether it is a function of flowworker/; what is anonymous belongs to the one around it."""
    return not code.co_name.startswith("<") and Path(code.co_filename).is_relative_to(PACKAGE)


@functools.cache
def place_of(code: CodeType) -> Place:
    file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
    return Place(file, code.co_qualname.replace(".<locals>", ""))


async def traced(url: str, namespace: str, times: int = 1) -> list[Trace]:
    """Run the chain on a server, once to warm up and then with a trace each."""
    backend = await wiring.open_nats(url, namespace, create=True)
    stores = stores_of(backend, NOTHING_BESIDE)
    app = App()

    finished = asyncio.Event()

    @app.step("work")
    async def work(ctx: Any) -> dict[str, int]:
        if ctx.step_id == "after":
            sys.setprofile(None)
            finished.set()
        return {"attempt": ctx.attempt}

    async def run() -> None:
        """Once; nobody waits for its result, which would be in the trace as well."""
        finished.clear()
        await client.start("chain", {})
        await finished.wait()

    coordinator = wiring.make_coordinator(stores, Metrics(CollectorRegistry()))
    worker = wiring.make_worker(stores, app, Metrics(CollectorRegistry()))
    client = flowworker.Client(stores)
    await coordinator.start()
    await worker.start()
    try:
        for workflow in parse_all(CHAIN):
            await client.register(workflow)
        await run()
        traces = [Trace() for _ in range(times)]
        for trace in traces:
            sys.setprofile(trace)
            try:
                await run()
            finally:
                sys.setprofile(None)
        return traces
    finally:
        await worker.drain()
        await coordinator.stop()
        await backend.close()


def main() -> None:
    with EmbeddedServer() as server:
        [trace] = asyncio.run(traced(server.url, "way"))
    hops = trace.hops()
    for number, (source, target) in enumerate(hops, 1):
        print(f"{number:3} {source or '(event loop)'!s:62} -> {target}")
    print(f"{len(hops)} hops through {len({hop.target.file for hop in hops})} files")


if __name__ == "__main__":
    main()
