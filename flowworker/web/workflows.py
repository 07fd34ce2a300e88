"""The endpoints of definitions."""

from __future__ import annotations

__all__ = ["WORKFLOWS"]

import asyncio
from typing import TYPE_CHECKING

import msgspec

from flowworker.definitions.content import encode
from flowworker.errors import CorruptRecord, DefinitionError, WorkflowNotFound
from flowworker.web.endpoint import Endpoint
from flowworker.web.forms import VersionList, VersionView, WorkflowList, WorkflowView
from flowworker.web.graphs import GraphView, graph_of

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.web.endpoint import Call

PARALLEL = 32
"""Definitions that are read at a time."""


async def _names(call: Call) -> WorkflowList:
    return WorkflowList(await call.fleet.client.definitions())


async def _latest(call: Call) -> Plan:
    name = (await call.fleet.client.definition(call.path["workflow"])).name
    return await call.fleet.stores.definitions.latest(name)


async def _workflow(call: Call) -> WorkflowView:
    return _view(await _latest(call))


def _view(plan: Plan) -> WorkflowView:
    workflow = plan.workflow
    stated = msgspec.json.decode(encode(workflow))
    return WorkflowView(workflow.name, workflow.version, plan.hash, workflow.input_schema, stated)


async def _graph(call: Call) -> GraphView:
    return graph_of((await _latest(call)).workflow)


async def _versions(call: Call) -> VersionList:
    latest = await _latest(call)
    definitions = call.fleet.stores.definitions
    gate = asyncio.Semaphore(PARALLEL)

    async def read(digest: str) -> Plan | None:
        async with gate:
            try:
                return await definitions.by_hash(digest)
            except (WorkflowNotFound, DefinitionError, CorruptRecord):
                return None  # what cannot be read does not hide the rest

    found = await asyncio.gather(*map(read, await definitions.hashes()))
    ours = [plan for plan in found if plan and plan.workflow.name == latest.workflow.name]
    ours.sort(key=lambda plan: (plan.hash != latest.hash, plan.hash))
    return VersionList(
        [
            VersionView(
                plan.workflow.name,
                plan.workflow.version,
                plan.hash,
                plan.hash == latest.hash,
                len(plan.workflow.steps),
            )
            for plan in ours
        ]
    )


async def _run_workflow(call: Call) -> WorkflowView:
    run = call.path["run"]
    found = await call.fleet.stores.runs.load(run)
    if found is None:  # perhaps it is accepted, and no coordinator has taken it in
        accepted = await call.fleet.client.status(run)
        return _view(await call.fleet.stores.definitions.latest(accepted.workflow))
    return _view(await call.fleet.stores.definitions.by_hash(found[0].definition))


WORKFLOWS = (
    Endpoint("GET", "/workflows", "listWorkflows", "What is registered.", _names, WorkflowList),
    Endpoint(
        "GET",
        "/workflows/{workflow}",
        "getWorkflow",
        "What a name stands for now.",
        _workflow,
        WorkflowView,
    ),
    Endpoint(
        "GET",
        "/workflows/{workflow}/graph",
        "getWorkflowGraph",
        "The same as nodes and edges.",
        _graph,
        GraphView,
    ),
    Endpoint(
        "GET",
        "/workflows/{workflow}/versions",
        "listVersions",
        "All definitions that had the name.",
        _versions,
        VersionList,
        cost=5.0,
    ),
    Endpoint(
        "GET",
        "/runs/{run}/workflow",
        "getRunWorkflow",
        "The definition that a run is pinned to.",
        _run_workflow,
        WorkflowView,
    ),
)
