"""Whose log lines they are: those of an attempt say which one, also those of users and libraries.

And what must not stand in them, nor in anything else that people see of the attempt.

Set once per attempt, in the task that executes it; the tasks and threads that begin with a copy of
its context have it as well. What that means in words is found out when there is a line to write.
"""

from __future__ import annotations

__all__ = ["add_attempt", "attempt_in_logs", "hide", "hide_in_attempt", "hide_value"]

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flowworker.codec.trace import trace_of
from flowworker.redaction import Hider, Rules

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

    from flowworker.codec.messages import StepMessage


_NOTHING = Hider(Rules())


class _Executed:
    """Shared by all that runs for one attempt; what is secret is known once its input is read."""

    def __init__(self, message: StepMessage, worker: str, namespace: str) -> None:
        self.message = message
        self.worker = worker
        self.namespace = namespace
        self.hider = _NOTHING


_current: ContextVar[_Executed | None] = ContextVar("flowworker_attempt", default=None)


def attempt_in_logs(message: StepMessage, worker: str, namespace: str) -> None:
    """Let the lines of this task from now on, and of what it starts, name that attempt."""
    _current.set(_Executed(message, worker, namespace))


def hide_in_attempt(rules: Rules) -> None:
    """Hide that in whatever is said of the attempt of this task from now on."""
    executed = _current.get()
    if executed is not None:
        executed.hider = Hider(rules)


def hide(text: str) -> str:
    """A text without the secrets of the attempt that runs here, if one does."""
    executed = _current.get()
    return text if executed is None else executed.hider.text(text)


def hide_value(value: Any) -> Any:
    """The same of a JSON value, without its secret fields."""
    executed = _current.get()
    return value if executed is None else executed.hider.value(value)


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
