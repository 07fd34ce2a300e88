"""Durable DAG workflows for Python on NATS JetStream.

Public names are loaded when they are first used, so that a module of handlers, a client and a
command each import only what they need.
"""

from __future__ import annotations

__all__ = [
    "App",
    "Backoff",
    "Client",
    "Conflict",
    "ConversionError",
    "CorruptRecord",
    "DefinitionError",
    "Escalation",
    "EscalationStrategy",
    "Fallback",
    "FlowworkerError",
    "HandlerNotFound",
    "HumanAction",
    "InvalidInput",
    "LockTimeoutError",
    "NonRetryableError",
    "NotFound",
    "Parser",
    "PayloadTooLarge",
    "Priority",
    "Registry",
    "ResultTimeout",
    "RetryPolicy",
    "RunCancelled",
    "RunFailed",
    "RunNotFound",
    "RunResult",
    "RunStatus",
    "RunSummary",
    "RunView",
    "Saga",
    "ServerUnavailable",
    "Settings",
    "Step",
    "StepContext",
    "StepStatus",
    "StepView",
    "TopologyMismatch",
    "Unavailable",
    "Workflow",
    "WorkflowNotFound",
    "connect",
    "load_paths",
    "parse",
]

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.client import Client, RunResult, RunSummary, RunView, StepView
    from flowworker.core.model import (
        Backoff,
        Escalation,
        EscalationStrategy,
        Fallback,
        RetryPolicy,
        Saga,
        Step,
        Workflow,
    )
    from flowworker.core.status import HumanAction, Priority, RunStatus, StepStatus
    from flowworker.definitions import Parser, Registry, load_paths, parse
    from flowworker.errors import (
        Conflict,
        ConversionError,
        CorruptRecord,
        DefinitionError,
        FlowworkerError,
        HandlerNotFound,
        InvalidInput,
        LockTimeoutError,
        NonRetryableError,
        NotFound,
        PayloadTooLarge,
        ResultTimeout,
        RunCancelled,
        RunFailed,
        RunNotFound,
        ServerUnavailable,
        TopologyMismatch,
        Unavailable,
        WorkflowNotFound,
    )
    from flowworker.settings import Settings
    from flowworker.wiring import connect
    from flowworker.worker import App, StepContext

_HOMES = {
    "client": ("Client", "RunResult", "RunSummary", "RunView", "StepView"),
    "core.model": (
        *("Backoff", "Escalation", "EscalationStrategy", "Fallback"),
        *("RetryPolicy", "Saga", "Step", "Workflow"),
    ),
    "core.status": ("HumanAction", "Priority", "RunStatus", "StepStatus"),
    "definitions": ("Parser", "Registry", "load_paths", "parse"),
    "settings": ("Settings",),
    "wiring": ("connect",),
    "worker": ("App", "StepContext"),
}
"""Where the public names live; those that are not listed are in `errors`."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
