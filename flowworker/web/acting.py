"""The endpoints that change something: for operators, and not on a server that only shows."""

from __future__ import annotations

__all__ = ["ACTING"]

from functools import partial
from typing import TYPE_CHECKING, Any

from flowworker.client import RerunView
from flowworker.client.checks import check_start
from flowworker.errors import InvalidInput
from flowworker.web import commands
from flowworker.web.commands import Begun, Requested
from flowworker.web.endpoint import Endpoint
from flowworker.web.roles import Role

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call


async def _start(call: Call) -> Begun:
    form: commands.Start = call.body
    client = call.fleet.client
    await check_start(client, form.workflow, form.input, form.id, form.labels)
    run = await client.start(
        form.workflow,
        form.input,
        run_id=form.id,
        priority=form.priority,
        labels=form.labels,
        at=form.at,
        delay=form.delay,
    )
    return Begun(run)


async def _cancel(call: Call) -> Requested:
    form: commands.Stop = call.body
    await call.fleet.client.cancel(call.path["run"], form.reason)
    return _requested(call, "cancel")


async def _terminate(call: Call) -> Requested:
    form: commands.Stop = call.body
    await call.fleet.client.terminate(call.path["run"], form.reason)
    return _requested(call, "terminate")


async def _pause(call: Call) -> Requested:
    form: commands.Pause = call.body
    await call.fleet.client.pause(call.path["run"], form.reason, actor=call.caller.name)
    return _requested(call, "pause")


async def _unpause(call: Call) -> Requested:
    await call.fleet.client.unpause(call.path["run"], actor=call.caller.name)
    return _requested(call, "unpause")


async def _resume(call: Call) -> Requested:
    form: commands.Resume = call.body
    await call.fleet.client.resume(call.path["run"], form.action, form.step, form.output)
    return _requested(call, f"resume ({form.action})")


async def _approve(call: Call) -> Requested:
    form: commands.Approve = call.body
    await call.fleet.client.approve(
        call.path["run"], form.step, form.output, reason=form.reason, actor=call.caller.name
    )
    return _requested(call, "approve")


async def _reject(call: Call) -> Requested:
    form: commands.Reject = call.body
    await call.fleet.client.reject(call.path["run"], form.reason, form.step, actor=call.caller.name)
    return _requested(call, "reject")


async def _signal(call: Call) -> Requested:
    form: commands.Signal = call.body
    await call.fleet.client.signal(call.path["run"], form.name, form.payload, signal_id=form.id)
    return _requested(call, f"signal {form.name}")


def _requested(call: Call, what: str) -> Requested:
    return Requested(call.path["run"], what)


async def _plan(call: Call) -> RerunView:
    return await call.fleet.client.plan_rerun(call.path["run"], **_part(call.query))


async def _rerun(call: Call) -> Begun:
    form: commands.Rerun = call.body
    return await _begin(call, form.id, _part(form), form.input)


async def _retry(call: Call) -> Begun:
    form: commands.Retry = call.body
    return await _begin(call, form.id, {"failed": True}, None)


def _part(form: commands.Rerun | commands.RerunQuery) -> dict[str, Any]:
    return {"from_step": form.from_step, "failed": form.failed, "latest": form.latest}


async def _begin(call: Call, new_id: str | None, part: dict[str, Any], value: Any) -> Begun:
    client, run = call.fleet.client, call.path["run"]
    planned = await client.plan_rerun(run, **part)
    if planned.problems:  # raise now what the coordinator would reject later
        raise InvalidInput("; ".join(planned.problems))
    return Begun(await client.rerun(run, **part, input=value, new_id=new_id))


_act = partial(Endpoint, "POST", role=Role.OPERATOR, status=202)

ACTING = (
    _act("/runs", "startRun", "Start a run.", _start, Begun, body=commands.Start),
    _act(
        "/runs/{run}/cancel",
        "cancelRun",
        "Stop a run, and undo what it has completed.",
        _cancel,
        Requested,
        body=commands.Stop,
    ),
    _act(
        "/runs/{run}/terminate",
        "terminateRun",
        "Stop a run at once, without undoing anything.",
        _terminate,
        Requested,
        body=commands.Stop,
    ),
    _act(
        "/runs/{run}/pause",
        "pauseRun",
        "Let nothing of a run begin for now; what runs ends.",
        _pause,
        Requested,
        body=commands.Pause,
    ),
    _act(
        "/runs/{run}/unpause",
        "unpauseRun",
        "Let a run go on that pauses.",
        _unpause,
        Requested,
        body=commands.Unpause,
    ),
    _act(
        "/runs/{run}/resume",
        "resumeRun",
        "Answer a step that has failed and waits for a human.",
        _resume,
        Requested,
        body=commands.Resume,
    ),
    _act(
        "/runs/{run}/approve",
        "approveStep",
        "Approve what a step asks.",
        _approve,
        Requested,
        body=commands.Approve,
    ),
    _act(
        "/runs/{run}/reject",
        "rejectStep",
        "Reject what a step asks: it fails.",
        _reject,
        Requested,
        body=commands.Reject,
    ),
    _act(
        "/runs/{run}/signal",
        "signalRun",
        "Send a signal to a run.",
        _signal,
        Requested,
        body=commands.Signal,
    ),
    _act(
        "/runs/{run}/retry",
        "retryRun",
        "Do again what an ended run has not completed, as a new run.",
        _retry,
        Begun,
        body=commands.Retry,
    ),
    _act(
        "/runs/{run}/rerun",
        "rerunRun",
        "Do an ended run again, or a part of it, as a new run.",
        _rerun,
        Begun,
        body=commands.Rerun,
    ),
    Endpoint(
        "GET",
        "/runs/{run}/rerun",
        "planRerun",
        "Which steps a rerun would run, and why; nothing happens.",
        _plan,
        RerunView,
        commands.RerunQuery,
    ),
)
