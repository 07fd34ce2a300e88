"""Runs that are paused: who wants that, and what must hold."""

from __future__ import annotations

__all__ = ["Pausing", "check_begins", "check_steered", "check_steering"]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.codec.facts import to_fact
from flowworker.codec.json import encode
from flowworker.codec.senders import is_of_earlier_run
from flowworker.core.facts import Steered
from simulation.expecting import expect

if TYPE_CHECKING:
    from random import Random

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.paused import Paused
    from flowworker.core.records import RunRecord
    from flowworker.ports import CommandQueue
    from simulation.pending import Pending
    from simulation.process import Process
    from simulation.quiet import Quiet
    from simulation.truth import Truth

_WORLDS = 0.3
"""Share of worlds in which anybody pauses runs."""

_RATE, _OFTEN = 0.05, 0.4
"""How likely, per second, somebody pauses a run."""

_GOES_ON = 0.15
"""The same of going on."""

_MOST = 3
"""Pauses of a run that are asked for: it has to end."""


class Pausing:
    """Operators who pause runs, and let them go on."""

    def __init__(self, random: Random, commands: CommandQueue, *, often: bool) -> None:
        """Draw whether they do so at all, unless they do it often."""
        self._random = random
        self._commands = commands
        self._rate = _OFTEN if often else _RATE if random.random() < _WORLDS else 0.0
        self._asked: Counter[str] = Counter()

    async def look(self, truth: Truth) -> None:
        """Pause a run or let it go on, perhaps; sometimes both at once, or once more."""
        if not self._rate or truth.over:
            return
        random, run = self._random, truth.run
        if truth.record.paused is not None:
            if random.random() < _GOES_ON:
                await self._say("unpause", run)
        elif self._asked[run] < _MOST and random.random() < self._rate:
            self._asked[run] += 1
            await self._say("pause", run)
            if random.random() < 0.2:  # noqa: PLR2004
                await self._say(random.choice(("pause", "unpause")), run)

    async def _say(self, what: str, run: str) -> None:
        body = encode({"reason": f"reason {self._random.randint(1, 9)}"})
        await self._commands.send(f"control.{what}.{run}", body, {})


def check_begins(truth: Truth, writer: str, where: str) -> None:
    """A process lets something begin: not if it has followed that the run pauses.

    Others may not have heard of it yet. Nor is it bound by that if what it has read since, or was
    reading then, is stale.
    """
    knows, saw = truth.paused_by.get(writer, (None, None))
    held = knows is not None and knows.stale is saw
    expect(not held, "something begins though the run pauses", where)


def check_steered(truth: Truth, before: RunRecord, record: RunRecord) -> None:
    """A run's record was written: it pauses if that was asked for last, of what was followed.

    That is so of itself, and of what was said of its workflow.
    """
    for of_workflow in (False, True):
        (why, at), (known, then) = _steered(record, of_workflow), _steered(before, of_workflow)
        if at == then:
            same = why == known or (record.finished_at > 0.0 and why is None)
            expect(same, "a pause that nobody asked for", truth.run)
            continue
        expect(at > then, "an earlier pause was followed later", truth.run)
        asked = any(
            (one.of_workflow, one.at, one.pauses) == (of_workflow, at, why is not None)
            and (why is None or why.reason == one.reason)
            for one in truth.steering
        )
        expect(asked or record.finished_at, "a pause that nobody asked for", truth.run)


def check_steering(
    truth: Truth, event: CloudEvent, process: Process, pending: Pending, quiet: Quiet
) -> None:
    """An event was acknowledged. A pause or an unpause is followed, or a later one."""
    fact = to_fact(event)
    if not isinstance(fact, Steered):
        return
    why, followed = _steered(truth.record, fact.of_workflow)
    excused = truth.over or is_of_earlier_run(event.data.origin, truth.created.origin)
    expect(followed >= fact.at or excused, "a pause was not followed", event.id)
    if not fact.pauses or why is None or followed != fact.at:
        return
    truth.paused_by[process.name] = process, None if process.stale_view() else process.stale
    if quiet.is_quiet and truth.record.stop is None:  # that leaves those of cancelled attempts
        # The second message of an attempt that is over may be left, for the end of its lease
        left = [one for one in pending.attempts(truth.run) if not truth.is_past(*one)]
        # Those under limits are let in by others, who look whether the run pauses, and withdraw
        expect(
            not left or truth.plan.limited, "what is queued was not withdrawn", f"{event.id} {left}"
        )


def _steered(record: RunRecord, of_workflow: bool) -> tuple[Paused | None, float]:  # noqa: FBT001
    """Why a run pauses by itself, or by its workflow, and when what it has followed was said."""
    return (record.held, record.held_at) if of_workflow else (record.paused, record.steered)
