"""Who is outside of the fleet: answers what a run asks, sends signals, and may cancel."""

from __future__ import annotations

__all__ = ["People"]

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.core.status import HumanAction, StepStatus
from flowworker.errors import FlowworkerError
from flowworker.simulate.samples import sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flowworker.client import Client
    from flowworker.client.views import RunView
    from flowworker.core.graph import Plan
    from flowworker.core.model import Approval
    from flowworker.simulate.troubles import Troubles
    from flowworker.stores.stores import Stores

_PAUSE = 600.0
_CANCELS = 0.02
_APPROVES = 0.8
_ANSWERS = (HumanAction.RETRY, HumanAction.SKIP, HumanAction.COMPLETE, HumanAction.CANCEL)


class People:
    """Look at all runs now and then, and do what they wait for."""

    def __init__(
        self, client: Client, stores: Stores, troubles: Troubles, signals: Mapping[str, Any]
    ) -> None:
        """Act by means of `client`; `signals` says what those of a name say."""
        self._client = client
        self._stores = stores
        self._troubles = troubles
        self._signals = signals

    async def operate(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self._troubles.random_of("pause").random() * _PAUSE)
            for run in await runs_of(self._stores):
                with suppress(FlowworkerError):  # it has gone on meanwhile
                    await self._look(run)

    async def _look(self, run: str) -> None:
        view = await self._client.status(run)
        plan = await plan_of(self._stores, run)
        if plan is None or view.finished_at:
            return
        if self._troubles.happens(_CANCELS, f"somebody cancels {run}"):
            await self._client.cancel(run, "simulated")
            return
        for step in view.steps:
            if step.status is StepStatus.WAITING_HUMAN:
                await self._answer(view, step.id, plan.steps[step.id].approval)
            waits = plan.steps[step.id].wait_for
            if waits is not None and step.status is StepStatus.RUNNING:
                payload = self._signals.get(waits.signal, {})
                await self._client.signal(run, waits.signal, payload)

    async def _answer(self, run: RunView, step: str, asked: Approval | None) -> None:
        random = self._troubles.random_of(f"the answer to {step}")
        if asked is None:
            await self._client.resume(run.id, random.choice(_ANSWERS), step=step)
        elif random.random() < _APPROVES:
            output = sample(asked.schema, random) if asked.schema is not None else None
            await self._client.approve(run.id, step, output)
        else:
            await self._client.reject(run.id, "simulated", step)


async def runs_of(stores: Stores) -> list[str]:
    """All runs that there are: the one that was started, and what it has started."""
    keys = await stores.backend.runs.keys("run.*")
    return sorted(key.removeprefix("run.") for key in keys)


async def plan_of(stores: Stores, run: str) -> Plan | None:
    """The definition of a run; None if it has not begun."""
    found = await stores.runs.load(run)
    return None if found is None else await stores.plan(found[0])
