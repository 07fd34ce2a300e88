"""Plays the runs of the suite by a client, whatever executes them, and looks how they end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowworker.client import Client
from flowworker.client.steps import StepView
from flowworker.core.ids import RUN_ID_OF_CHILD
from flowworker.core.status import StepStatus
from flowworker.errors import InvalidInput, RunNotFound
from integration.language.cases import Act, Case, End
from integration.language.handlers import Notes
from tests.support.waiting import WAIT_LIMIT, eventually

Start = Callable[[Case], Awaitable[None]]


async def play_all(cases: list[Case], client: Client, notes: Notes, start: Start) -> dict[str, End]:
    """How each run ends. All of them are active at the same time; reruns follow."""

    async def played(case: Case) -> End:
        await (_rerun(case, client) if case.rerun else start(case))
        for act in case.acts:
            await _perform(case.run, act, client)
        return await _end(case.run, client, notes)

    ends: dict[str, End] = {}
    for are_reruns in (False, True):
        those = [case for case in cases if bool(case.rerun) is are_reruns]
        found = await asyncio.gather(*map(played, those))
        ends |= {case.run: end for case, end in zip(those, found, strict=True)}
    return ends


async def start_by(client: Client, case: Case) -> None:
    """As anybody starts a run."""
    await client.start(case.workflow, case.input, run_id=case.run, **case.start)


async def _rerun(case: Case, client: Client) -> None:
    await client.rerun(**case.rerun, new_id=case.run)


async def _perform(run: str, act: Act, client: Client) -> None:
    async def is_time() -> bool:
        try:
            view = await client.status(run)
        except RunNotFound:
            return False
        states = {step.id: step.status.value for step in view.steps}
        return all(states.get(step) == status for step, status in act.when.items())

    await eventually(is_time, f"{run}: {act}", pause=0.05)
    calling = getattr(client, act.call)(run, **act.given)
    if not act.refused:
        await calling
        return
    with pytest.raises(InvalidInput, match=re.escape(act.refused)):
        await calling


async def _end(run: str, client: Client, notes: Notes) -> End:
    result = await client.result(run, WAIT_LIMIT)
    view = await client.status(run)
    return End(
        status=result.status.value,
        output=result.output,
        error=_without_ids(result.error),
        reason=view.reason,
        steps={step.id: _shown(step) for step in view.steps},
        calls=await _calls(run, client, notes),
    )


async def _calls(run: str, client: Client, notes: Notes) -> dict[str, Any]:
    """What handlers were called with, also those of children that have completed."""
    calls = notes.read(run)
    for step in (await client.status(run)).steps:
        if step.child and step.status is StepStatus.COMPLETED:
            below = await _calls(step.child, client, notes)
            calls |= {f"{step.id}/{name}": given for name, given in below.items()}
    return calls


def _shown(step: StepView) -> str:
    why = step.skipped or step.error
    return _without_ids(f"{step.status.value}: {why}") if why else step.status.value


def _without_ids(text: str) -> str:
    """Those of child runs are others each time."""
    return RUN_ID_OF_CHILD.sub("sub-…", text)
