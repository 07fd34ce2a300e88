"""Workflows that are paused: who wants that, and what must hold."""

from __future__ import annotations

__all__ = ["Holding", "Holds"]

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_pause, encode
from flowworker.codec.pauses import Pausable
from flowworker.stores.pauses import PauseStore
from simulation.expecting import expect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.core.standing import PauseRecord
    from flowworker.ports import Backend
    from simulation.focus import Focus
    from simulation.quiet import Quiet
    from simulation.truth import Truth

_WORLDS = 0.1
"""Share of worlds in which anybody pauses workflows."""

_RATE, _OFTEN = 0.02, 0.15
"""How likely, per second, somebody pauses a workflow."""

_GOES_ON = 0.12
"""The same of going on."""

_MOST = 3
"""Pauses of a workflow that are asked for: its runs have to end."""

_KNOWN = 5.0
"""Seconds after which all coordinators know of a pause, where nothing goes wrong."""


class Holding:
    """Operators who pause workflows, and let them go on."""

    def __init__(self, seed: int, backend: Backend, names: Sequence[str], focus: Focus) -> None:
        """Draw whether they do so at all, unless they do it often."""
        self._random = random = Random(f"pauses of workflows of {seed}")
        usual = not focus.backlog and random.random() < _WORLDS
        self._rate = _OFTEN if focus.held else _RATE if usual else 0.0
        self._store = PauseStore(backend.runs)
        self._commands = backend.commands
        self._names = names
        self._asked: Counter[str] = Counter()

    async def look(self) -> None:
        """Pause one or let it go on, perhaps; sometimes both at once, or once more."""
        if not self._rate:
            return
        random, said = self._random, await self._store.said(Pausable.WORKFLOW)
        for name in self._names:
            if name in said and said[name].paused is not None:
                if random.random() < _GOES_ON:
                    await self._say("unpause", name)
            elif self._asked[name] < _MOST and random.random() < self._rate:
                self._asked[name] += 1
                await self._say("pause", name)
                if random.random() < 0.2:  # noqa: PLR2004
                    await self._say(random.choice(("pause", "unpause")), name)

    async def _say(self, what: str, name: str) -> None:
        body = encode({"reason": f"reason {self._random.randint(1, 9)}"})
        await self._commands.send(f"control.workflow.{what}.{name}", body, {})


class Holds:
    """What is durable of them."""

    def __init__(self, quiet: Quiet) -> None:
        """Nothing was said yet."""
        self._quiet = quiet
        self._said: dict[str, PauseRecord] = {}
        self._since: dict[str, float] = {}

    def written(self, key: str, value: bytes, _runs: Mapping[str, Truth]) -> None:
        """It was said of a workflow that it pauses, or that it goes on."""
        name, record = key.split(".", 2)[2], decode_pause(key, value)
        before = self._said.get(name)
        if before is None or before.last != record.last:
            in_order = before is None or before.at <= record.at
            expect(in_order, "what was said of a workflow before is followed later", key)
            self._since[name] = self._quiet.moment
        self._said[name] = record

    def removed(self, _pattern: str) -> None:
        """It never is."""

    def check_begins(self, truth: Truth, where: str) -> None:
        """Something of a run begins: not if its workflow pauses, and everybody knows that."""
        said = self._said.get(truth.record.workflow)
        if not self._quiet.is_quiet or said is None or said.paused is None:
            return
        known = self._quiet.moment - self._since[truth.record.workflow] > _KNOWN
        held = truth.record.held is None and known
        expect(not held, "something begins though its workflow pauses", where)
