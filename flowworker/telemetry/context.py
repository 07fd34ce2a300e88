"""Whose log lines they are: those of an attempt say which one, also those of users and libraries.

Set once per attempt, in the task that executes it; the tasks and threads that begin with a copy of
its context have it as well. What that means in words is found out when there is a line to write.
"""

from __future__ import annotations

__all__ = ["add_attempt", "attempt_in_logs"]

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.trace import trace_of

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

    from flowworker.codec.messages import StepMessage


class _Executed(NamedTuple):
    message: StepMessage
    worker: str
    namespace: str


_current: ContextVar[_Executed | None] = ContextVar("flowworker_attempt", default=None)


def attempt_in_logs(message: StepMessage, worker: str, namespace: str) -> None:
    """Let the lines of this task from now on, and of what it starts, name that attempt."""
    _current.set(_Executed(message, worker, namespace))


def add_attempt(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the attempt in a line, where there is one: a processor of structlog."""
    executed = _current.get()
    if executed is None:
        return event
    message = executed.message
    names = {
        "run": message.run,
        "workflow": message.workflow,
        "step": message.step,
        "kind": message.kind.value,
        "turn": message.turn,
        "attempt": message.number,
        "worker": executed.worker,
        "trace_id": trace_of(message.trace, executed.namespace, message.run).trace_id,
    }
    return {**names, **event}
