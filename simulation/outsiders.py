"""Those who send signals, and who answer approvals: early, late, twice, wrong, and at last rightly.

A run that waits gets what it waits for in the end, as often as that is needed and no more often: a
signal that is overlooked, or taken by two, leaves somebody who waits for ever.
"""

from __future__ import annotations

__all__ = ["Outsiders"]

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_ACTOR, MSG_ID
from flowworker.core.status import Outcome
from simulation.constructs import SIGNALS
from simulation.signals import free

if TYPE_CHECKING:
    from random import Random

    from flowworker.core.model import WaitFor
    from flowworker.ports import CommandQueue
    from simulation.truth import Truth
    from simulation.watch import Watch

_UNASKED = 0.1
"""How likely, per second and run, somebody sends a signal that nobody waits for yet."""

_ANSWERS = 0.25
"""How likely, per second, somebody does what a step waits for."""

_AGAIN, _MOST_RERUNS = 0.05, 5
"""How likely, per second and ended run, somebody wants it again, and how often at most."""

_PADDING = (0, 0, 300)

_OUTPUTS: tuple[Any, ...] = ({"ok": True}, {"ok": False, "n": 4}, {"ok": "perhaps"}, None)


class Outsiders:
    """They look at what waits, and speak to the fleet by commands alone."""

    def __init__(self, random: Random, commands: CommandQueue, watch: Watch) -> None:
        """Draw from `random` alone."""
        self._random = random
        self._commands = commands
        self._watch = watch
        self._sent = 0
        self._reruns = random.choice((0, 0, _MOST_RERUNS))

    async def watch(self) -> None:
        """Look every second, for ever."""
        while True:
            await asyncio.sleep(1.0)
            for truth in list(self._watch.runs.values()):
                if not truth.over:
                    await self._look(truth)
                elif not truth.gone and self._chance(_UNASKED / 10):
                    await self._signal(truth.run, self._random.choice(SIGNALS))
                elif (
                    not (truth.gone or truth.record.parent)
                    and self._reruns
                    and self._chance(_AGAIN)
                ):
                    await self._run_again(truth)

    async def _look(self, truth: Truth) -> None:
        waits = any(step.wait_for for step in truth.plan.steps.values())
        if waits and self._chance(_UNASKED):
            await self._signal(truth.run, self._random.choice(SIGNALS))
        for step, (record, _) in list(truth.steps.items()):
            definition = truth.plan.step(step)
            if record.outcome is not Outcome.RUNNING or not self._chance(_ANSWERS):
                continue
            if definition.wait_for is not None:
                await self._meet(truth, definition.wait_for)
            elif definition.approval is not None:
                await self._answer(truth, step)

    async def _meet(self, truth: Truth, wait: WaitFor) -> None:
        """Send a signal that fits, unless there are as many as are waited for."""
        waiting = [
            step
            for step, (record, _) in truth.steps.items()
            if record.outcome is Outcome.RUNNING
            and (other := truth.plan.step(step).wait_for) is not None
            and other.signal == wait.signal
        ]
        if len(free(truth, wait)) >= len(waiting):
            return
        await self._signal(truth.run, wait.signal, fits=self._chance(0.7))

    async def _signal(self, run: str, name: str, *, fits: bool = False) -> None:
        self._sent += 1
        number = 2 * self._sent + (0 if fits else self._random.randint(0, 1))
        key = "m" if self._chance(0.02) and not fits else "n"
        value = {key: number, "padding": "x" * self._random.choice(_PADDING)}
        body = encode(value)
        self._know(body, value)
        headers = {MSG_ID: f"signal{self._sent}"} if self._chance(0.5) else {}
        for _ in range(1 if not headers else self._random.choice((1, 1, 2))):
            await self._commands.send(f"signal.{run}.{name}", body, headers)
            if headers:
                await asyncio.sleep(self._random.choice((0.0, 12.0)))

    async def _answer(self, truth: Truth, step: str) -> None:
        """One answer, or two at once."""
        for _ in range(self._random.choice((1, 1, 2))):
            self._sent += 1
            action = self._random.choice(("approve", "approve", "reject"))
            body: dict[str, Any] = {"step": self._random.choice((step, step, ""))}
            if action == "approve" and (output := self._random.choice(_OUTPUTS)) is not None:
                body["output"] = output
                self._know(encode(output), output)
            if self._chance(0.3):
                body["reason"] = f"since {self._sent}"
            headers = {FLOW_ACTOR: f"actor{self._sent}"} if self._chance(0.5) else {}
            await self._commands.send(f"control.{action}.{truth.run}", encode(body), headers)

    async def _run_again(self, truth: Truth) -> None:
        """All of it, from a step, or what failed; one in some is asked for twice."""
        self._reruns -= 1
        bodies: tuple[dict[str, Any], ...] = (
            {},
            {"failed": True},
            {"from": self._random.choice(truth.plan.order)},
        )
        body = self._random.choice(bodies)
        if self._chance(0.2):
            body = {**body, "definition": "latest"}
        for _ in range(self._random.choice((1, 1, 2))):
            await self._commands.send(
                f"control.rerun.{truth.run}", encode(body), {MSG_ID: f"again{self._reruns}"}
            )
            await asyncio.sleep(self._random.choice((0.0, 12.0)))

    def _know(self, body: bytes, value: Any) -> None:
        self._watch.values[sha256(body).hexdigest()] = value

    def _chance(self, rate: float) -> bool:
        return self._random.random() < rate
