"""The endpoints that change nothing, but for those of workflows and of events."""

from __future__ import annotations

__all__ = ["LOOKING"]

from typing import TYPE_CHECKING

from flowworker.client import Diagnosis, RunView, StepView
from flowworker.codec.json import encode
from flowworker.core.status import TERMINAL
from flowworker.errors import InvalidInput
from flowworker.web.endpoint import Endpoint, Json
from flowworker.web.forms import (
    CoordinatorList,
    FindingList,
    History,
    ListQuery,
    OutputQuery,
    RunPage,
    RunQuery,
    WhyQuery,
    WorkerList,
)
from flowworker.web.graphs import GraphView, graph_of

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call


async def _list(call: Call) -> RunPage:
    query: ListQuery = call.query
    page = await call.fleet.client.find(
        query.wanted, query.limit, query.cursor, children=query.children
    )
    return RunPage([*page.runs], page.cursor or None)


async def _run(call: Call) -> RunView:
    wanted: RunQuery = call.query
    return await call.fleet.client.status(
        call.path["run"], children=wanted.children, values=wanted.values
    )


async def _input(call: Call) -> bytes:
    return await call.fleet.client.input_of(call.path["run"])


async def _output(call: Call) -> bytes:
    run = call.path["run"]
    status = (await call.fleet.client.status(run)).status
    if status not in TERMINAL:
        raise InvalidInput(f"run {run} has not ended: it is {status}")
    result = await call.fleet.client.result(run, timeout=0.0)
    return encode((await call.fleet.client.redacted(result)).output)


async def _step(call: Call) -> StepView:
    return await call.fleet.client.step(call.path["run"], call.path["step"])


async def _step_input(call: Call) -> bytes:
    return await call.fleet.client.input_of(call.path["run"], call.path["step"])


async def _step_output(call: Call) -> bytes:
    wanted: OutputQuery = call.query
    return await call.fleet.client.output_of(
        call.path["run"], call.path["step"], iteration=wanted.iteration
    )


async def _history(call: Call) -> History:
    return History(await call.fleet.client.history(call.path["run"]))


async def _graph(call: Call) -> GraphView:
    run = await call.fleet.client.status(call.path["run"])
    found = await call.fleet.stores.runs.load(run.id)
    if found is None:  # accepted, and no coordinator has taken it in
        return graph_of(await call.fleet.client.definition(run.workflow))
    plan = await call.fleet.stores.definitions.by_hash(found[0].definition)
    return graph_of(plan.workflow, run)


async def _why(call: Call) -> Diagnosis:
    wanted: WhyQuery = call.query
    return await call.fleet.client.why(call.path["run"], wanted.step, children=wanted.children)


async def _workers(call: Call) -> WorkerList:
    return WorkerList(await call.fleet.client.workers())


async def _coordinators(call: Call) -> CoordinatorList:
    return CoordinatorList(await call.fleet.client.coordinators())


async def _doctor(call: Call) -> FindingList:
    findings = await call.fleet.examined()
    return FindingList(all(finding.ok for finding in findings), findings)


LOOKING = (
    Endpoint("GET", "/runs", "listRuns", "List runs.", _list, RunPage, ListQuery),
    Endpoint("GET", "/runs/{run}", "getRun", "A run and its steps.", _run, RunView, RunQuery),
    Endpoint(
        "GET", "/runs/{run}/input", "getRunInput", "What a run was started with.", _input, Json
    ),
    Endpoint(
        "GET", "/runs/{run}/output", "getRunOutput", "What an ended run results in.", _output, Json
    ),
    Endpoint("GET", "/runs/{run}/history", "getHistory", "All events of a run.", _history, History),
    Endpoint(
        "GET", "/runs/{run}/graph", "getRunGraph", "A run as nodes and edges.", _graph, GraphView
    ),
    Endpoint(
        "GET",
        "/runs/{run}/why",
        "explainRun",
        "What each step that is not over waits for.",
        _why,
        Diagnosis,
        WhyQuery,
        cost=5.0,
    ),
    Endpoint(
        "GET",
        "/runs/{run}/steps/{step}",
        "getStep",
        "One step, with what it is given, has put out, and its attempts.",
        _step,
        StepView,
    ),
    Endpoint(
        "GET",
        "/runs/{run}/steps/{step}/input",
        "getStepInput",
        "What a step is given; its size does not matter.",
        _step_input,
        Json,
    ),
    Endpoint(
        "GET",
        "/runs/{run}/steps/{step}/output",
        "getStepOutput",
        "What a step has put out; its size does not matter.",
        _step_output,
        Json,
        OutputQuery,
    ),
    Endpoint("GET", "/workers", "listWorkers", "The workers that live.", _workers, WorkerList),
    Endpoint(
        "GET",
        "/coordinators",
        "listCoordinators",
        "The coordinators that live.",
        _coordinators,
        CoordinatorList,
    ),
    Endpoint(
        "GET",
        "/doctor",
        "examine",
        "What `flowworker doctor` finds.",
        _doctor,
        FindingList,
        cost=10.0,
    ),
)
