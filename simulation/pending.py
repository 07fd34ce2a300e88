"""What is on its way of a run, in the memory adapters."""

from __future__ import annotations

__all__ = ["Pending"]

from typing import TYPE_CHECKING, cast

from flowworker.codec.messages import decode_step_message

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt
    from flowworker.memory.commands import MemoryCommandQueue
    from flowworker.memory.events import MemoryEventLog
    from flowworker.memory.steps import MemoryStepQueue
    from flowworker.memory.timers import MemoryTimers
    from flowworker.ports import Backend


class Pending:
    """Counts what is stored and not acknowledged."""

    def __init__(self, backend: Backend) -> None:
        """Look at a backend of memory adapters."""
        self._commands = cast("MemoryCommandQueue", backend.commands)
        self._steps = cast("MemoryStepQueue", backend.steps)
        self._events = cast("MemoryEventLog", backend.events)
        self._timers = cast("MemoryTimers", backend.timers)

    def commands(self, kind: str) -> list[str]:
        """Subjects of commands that begin with these tokens."""
        return [message.subject for message in self._commands.pending(kind)]

    def messages(self, run: str) -> int:
        """Step messages."""
        return self._steps.pending(run)

    def attempts(self, run: str) -> list[tuple[str, Attempt]]:
        """Step and attempt of each of these."""
        found = map(decode_step_message, self._steps.bodies(run))
        return [(message.step, message.attempt) for message in found]

    def moving(self, run: str, *children: str) -> int:
        """Events, step messages, and timers of steps that wait: all that moves a run on.

        So do events of its children: one of them may be the last, after which the step is settled.
        """
        waits = sum(each == run for each, _ in self._timers.of_steps())
        return sum(map(self.events, (run, *children))) + self.messages(run) + waits

    def events(self, run: str) -> int:
        """Events of which its coordinator has to hear."""
        return self._events.pending(run)

    def timers(self, run: str, name: str) -> int:
        """Timers of that name."""
        return self._timers.pending(run, name)
