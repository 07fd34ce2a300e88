"""Those who start runs, answer questions and change their minds: everybody outside the fleet."""

from __future__ import annotations

__all__ = ["People"]

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

from flowworker.codec.json import encode
from flowworker.codec.messages import (
    FLOW_DELAY,
    FLOW_INPUT,
    FLOW_LABELS,
    FLOW_PRIORITY,
    FLOW_REPLY,
    MSG_ID,
    STORED,
)
from flowworker.core.ids import UPLOAD, index_of, run_id_of_sequence
from flowworker.core.status import APPROVALS, HumanAction, Priority, RunStatus
from flowworker.memory.dedupe import COMMANDS_WINDOW
from flowworker.stores.payloads import UPLOAD_TTL

if TYPE_CHECKING:
    from random import Random

    from flowworker.ports import CommandQueue
    from flowworker.stores.payloads import PayloadStore
    from simulation.held import Holding
    from simulation.limits import Limiting
    from simulation.pauses import Pausing
    from simulation.schedules import Scheduling
    from simulation.truth import Truth
    from simulation.watch import Watch

LAST_START = 15.0
"""Seconds within which everything is started."""

_REGRETS = (("cancel", 0.15, 20.0), ("terminate", 0.1, 20.0))
_REGRETFUL = (("cancel", 0.9, 2.0), ("terminate", 0.3, 10.0))
"""Requests to end a run: how likely, and after how many seconds at the latest."""

_IMPATIENT, _VERY_IMPATIENT = 0.02, 0.3
"""How likely, per second, somebody terminates a run that compensates."""

_UPLOADED = 0.2
"""Share of starts with a chosen id whose input is uploaded first."""

_LATER, _DELAYS = 0.15, ("0.5s", "4s", "20s")
"""Share of starts that are delayed, if any are, and by how much."""

_ANSWERS = [action for action in HumanAction if action not in APPROVALS]
_WEIGHTS = (2, 1, 3, 3)
_ASKED_OFTEN = 6
"""Answers after which nobody orders another retry."""


class People:
    """Clients and operators.

    Attributes:
        acknowledged: ids of runs whose start was stored; nobody may lose those.
    """

    def __init__(
        self,
        random: Random,
        commands: CommandQueue,
        workflows: list[str],
        watch: Watch,
        *,
        payloads: PayloadStore,
        uploads: Random,
        later: Random | None,
        operators: tuple[Pausing, Holding, Scheduling, Limiting],
        regretful: bool = False,
    ) -> None:
        """Speak to the fleet by commands alone; look over the observer's shoulder.

        Some starts are delayed if it is given what to draw that from. `operators` pause runs
        and workflows, have schedules, and set limits.
        """
        self.acknowledged: set[str] = set()
        self._random = random
        self._payloads = payloads
        self._uploads = uploads
        self._later = later
        self._pausing, self._holding, self._scheduling, self._limiting = operators
        self._commands = commands
        self._workflows = workflows
        self._watch = watch
        self._regrets = _REGRETFUL if regretful else _REGRETS
        self._impatience = _VERY_IMPATIENT if regretful else _IMPATIENT
        self._answers = 0

    async def start(self, number: int) -> None:
        """Start a run at some time, perhaps twice, and perhaps regret it."""
        random = self._random
        await asyncio.sleep(random.random() * LAST_START)
        headers = {}
        if self._chance(0.8):
            headers[MSG_ID] = f"r{number}"
        if self._chance(0.3):
            headers[FLOW_REPLY] = f"_INBOX.{number}"
        if self._chance(0.2):
            headers[FLOW_PRIORITY] = random.choice(list(Priority))
        if number % 3 == 0:
            headers[FLOW_LABELS] = f"number={number}"
        known = not self._chance(0.02)
        workflow = random.choice(self._workflows) if known else "unknown"
        things = ([], ["x", number], {"key": number}, number)[number % 4]
        padding = "x" * random.choice((0, 0, 300))
        body = encode({"order": number, "padding": padding, "things": things})
        sequence = await self._send(workflow, body, headers)
        run = headers.get(MSG_ID) or run_id_of_sequence(sequence)
        if known:
            self.acknowledged.add(run)
        if MSG_ID in headers and self._chance(0.2):
            await self._start_again(workflow, body, headers)
        await self._regret(run)

    async def _start_again(self, workflow: str, body: bytes, headers: dict[str, str]) -> None:
        """The same once more, or something else under its id, while that is known and later."""
        random = self._random
        await asyncio.sleep(random.random() * 5 + random.choice((0.0, COMMANDS_WINDOW)))
        if self._chance(0.3):
            workflow = random.choice(self._workflows)
        if self._chance(0.3):
            body = encode({"order": -1, "padding": ""})
        await self._send(workflow, body, headers)

    async def _send(self, workflow: str, body: bytes, headers: dict[str, str]) -> int:
        """With the input, or with the reference of an upload of this start's own."""
        given = body
        if MSG_ID in headers and self._uploads.random() < _UPLOADED:
            token = self._uploads.randbytes(16).hex()
            stored = await self._payloads.store(
                headers[MSG_ID], UPLOAD, token, body, ttl=UPLOAD_TTL
            )
            self._watch.starts.uploaded[encode(stored)] = body
            await asyncio.sleep(self._uploads.random())
            body, headers = encode(stored), {**headers, FLOW_INPUT: STORED}
        if self._later is not None and self._later.random() < _LATER:
            headers = {**headers, FLOW_DELAY: self._later.choice(_DELAYS)}
        sequence = await self._commands.send(f"start.{workflow}", body, headers)
        self._watch.starts.sent.setdefault(str(sequence), given)
        return sequence

    async def _regret(self, run: str) -> None:
        random = self._random
        for action, rate, longest in self._regrets:
            if self._chance(rate):
                await asyncio.sleep(random.random() ** 2 * longest)
                await self._commands.send(f"control.{action}.{run}", b"", {})

    async def operate(self) -> None:
        """Answer steps that wait, and end what takes too long, for ever."""
        while True:
            await asyncio.sleep(1.0)
            await self._holding.look()
            await self._scheduling.look(self._watch.schedules)
            await self._limiting.look(self._watch.limits)
            for truth in list(self._watch.runs.values()):
                await self._pausing.look(truth)
                waiting = truth.record.status is RunStatus.WAITING_HUMAN
                if not truth.over and self._chance(0.5 if waiting else 0.002):
                    await self._answer(truth)
                compensates = truth.record.status is RunStatus.COMPENSATING
                if compensates and self._chance(self._impatience):
                    await self._commands.send(f"control.terminate.{truth.run}", b"", {})

    def unscheduled(self) -> list[str]:
        """Schedules that are to be created, or go on, and what is to become of one."""
        asked = self._watch.pending.commands("control.schedule")
        return [*self._scheduling.uncreated, *self._watch.schedules.unfinished(), *asked]

    async def leave(self) -> None:
        """Delete all schedules."""
        await self._scheduling.end(self._watch.schedules)

    async def _answer(self, truth: Truth) -> None:
        random = self._random
        self._answers += 1
        asked = sum(len(past) for past in truth.record.decisions.values())
        weights = _WEIGHTS if asked < _ASKED_OFTEN else (0, *_WEIGHTS[1:])
        action = random.choices(_ANSWERS, weights)[0]
        steps = [step.id for step in truth.plan.workflow.steps if step.escalation is not None]
        steps += [step for step in truth.steps if index_of(step) is not None]
        body = {
            "action": action,
            "step": random.choice(["", *steps]),
            "output": {"answer": self._answers},
        }
        self._watch.values[sha256(encode(body["output"])).hexdigest()] = body["output"]
        if action is not HumanAction.COMPLETE:
            del body["output"]
        for _ in range(random.choice((1, 1, 2))):
            await self._commands.send(f"control.resume.{truth.run}", encode(body), {})

    def _chance(self, rate: float) -> bool:
        return self._random.random() < rate
