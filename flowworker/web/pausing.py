"""The endpoints about what is paused besides runs: queues and workflows."""

from __future__ import annotations

__all__ = ["PAUSING"]

from functools import partial
from typing import TYPE_CHECKING

from flowworker.client import PauseView
from flowworker.web import commands
from flowworker.web.endpoint import Endpoint
from flowworker.web.forms import Pauses
from flowworker.web.roles import Role

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call


async def _pauses(call: Call) -> Pauses:
    client = call.fleet.client
    return Pauses(await client.paused_queues(), await client.paused_workflows())


async def _pause_queue(call: Call) -> PauseView:
    form: commands.Pause = call.body
    return await call.fleet.client.pause_queue(
        call.path["queue"], form.reason, actor=call.caller.name
    )


async def _unpause_queue(call: Call) -> None:
    await call.fleet.client.unpause_queue(call.path["queue"], actor=call.caller.name)


async def _pause_workflow(call: Call) -> PauseView:
    form: commands.Pause = call.body
    return await call.fleet.client.pause_workflow(
        call.path["workflow"], form.reason, actor=call.caller.name
    )


async def _unpause_workflow(call: Call) -> None:
    await call.fleet.client.unpause_workflow(call.path["workflow"], actor=call.caller.name)


_act = partial(Endpoint, "POST", role=Role.OPERATOR)

PAUSING = (
    Endpoint("GET", "/pauses", "listPauses", "What pauses besides runs.", _pauses, Pauses),
    _act(
        "/queues/{queue}/pause",
        "pauseQueue",
        "Have no worker get a step of a queue; what workers have ends.",
        _pause_queue,
        PauseView,
        body=commands.Pause,
    ),
    _act(
        "/queues/{queue}/unpause",
        "unpauseQueue",
        "Have workers get the steps of a queue again.",
        _unpause_queue,
        None,
        body=commands.Unpause,
        status=204,
    ),
    _act(
        "/workflows/{workflow}/pause",
        "pauseWorkflow",
        "Have nothing of a workflow's runs begin; what runs ends.",
        _pause_workflow,
        PauseView,
        body=commands.Pause,
    ),
    _act(
        "/workflows/{workflow}/unpause",
        "unpauseWorkflow",
        "Let the runs of a workflow go on.",
        _unpause_workflow,
        None,
        body=commands.Unpause,
        status=204,
    ),
)
