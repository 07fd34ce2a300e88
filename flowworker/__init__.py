"""Durable DAG workflows for Python on NATS JetStream.

Public names are loaded when they are first used, so that a module of handlers, a client and a
command each import only what they need.
"""

from __future__ import annotations

__all__ = [
    "App",
    "AttemptView",
    "Backoff",
    "BlockingClient",
    "Client",
    "Conflict",
    "ConnectionOptions",
    "ConversionError",
    "CoordinatorView",
    "CorruptRecord",
    "DefinitionError",
    "Diagnosis",
    "EmbeddedServer",
    "Escalation",
    "EscalationStrategy",
    "Event",
    "EventBus",
    "EventType",
    "ExpressionError",
    "Fallback",
    "FlowworkerError",
    "HandlerNotFound",
    "HolderView",
    "HumanAction",
    "InMemBus",
    "InMemLocker",
    "InMemStore",
    "InvalidInput",
    "LimitView",
    "LockTimeoutError",
    "Locker",
    "NATSBus",
    "NATSLocker",
    "NATSStore",
    "NamespaceNotFound",
    "NewerRelease",
    "NonRetryableError",
    "NotFound",
    "OccurrenceState",
    "OccurrenceView",
    "Overlap",
    "Parser",
    "PayloadCodec",
    "PayloadKeyMissing",
    "PayloadTooLarge",
    "PayloadView",
    "PermissionDenied",
    "Priority",
    "Problem",
    "Reason",
    "ReasonKind",
    "RedisLocker",
    "RedisStore",
    "Registry",
    "RerunView",
    "ResultTimeout",
    "RetryAfter",
    "RetryPolicy",
    "RunCancelled",
    "RunFailed",
    "RunIdTaken",
    "RunNotFound",
    "RunPage",
    "RunRefused",
    "RunResult",
    "RunStatus",
    "RunSummary",
    "RunView",
    "Runner",
    "Saga",
    "Schedule",
    "ScheduleIdTaken",
    "ScheduleView",
    "ServerUnavailable",
    "Settings",
    "Standstill",
    "StateStore",
    "Step",
    "StepContext",
    "StepDiagnosis",
    "StepHandler",
    "StepResult",
    "StepStatus",
    "StepView",
    "TopologyMismatch",
    "TopologyOptions",
    "Unavailable",
    "WaiterPage",
    "WaiterView",
    "WorkerView",
    "Workflow",
    "WorkflowBuilder",
    "WorkflowNotFound",
    "acquire_lock",
    "connect",
    "current_context",
    "emit",
    "get_event_bus",
    "get_state_store",
    "get_workflow_id",
    "load_paths",
    "parse",
    "release_lock",
    "with_runner",
]

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.blocking import BlockingClient
    from flowworker.builder import WorkflowBuilder
    from flowworker.client import (
        AttemptView,
        Client,
        CoordinatorView,
        Diagnosis,
        HolderView,
        LimitView,
        OccurrenceView,
        PayloadView,
        Reason,
        ReasonKind,
        RerunView,
        RunPage,
        RunResult,
        RunSummary,
        RunView,
        ScheduleView,
        StepDiagnosis,
        StepView,
        WaiterPage,
        WaiterView,
        WorkerView,
    )
    from flowworker.compat.buses import Event, EventBus
    from flowworker.compat.locking import Locker
    from flowworker.compat.state import StateStore
    from flowworker.core.event_types import EventType
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
    from flowworker.core.occurrence import OccurrenceState
    from flowworker.core.schedule import Overlap, Schedule
    from flowworker.core.status import HumanAction, Priority, RunStatus, StepStatus
    from flowworker.definitions import Parser, Registry, load_paths, parse
    from flowworker.embedded import EmbeddedServer
    from flowworker.errors import (
        Conflict,
        ConversionError,
        CorruptRecord,
        DefinitionError,
        ExpressionError,
        FlowworkerError,
        HandlerNotFound,
        InvalidInput,
        LockTimeoutError,
        NamespaceNotFound,
        NewerRelease,
        NonRetryableError,
        NotFound,
        PayloadKeyMissing,
        PayloadTooLarge,
        PermissionDenied,
        Problem,
        ResultTimeout,
        RetryAfter,
        RunCancelled,
        RunFailed,
        RunIdTaken,
        RunNotFound,
        RunRefused,
        ScheduleIdTaken,
        ServerUnavailable,
        Standstill,
        TopologyMismatch,
        Unavailable,
        WorkflowNotFound,
    )
    from flowworker.handlers import App, StepContext
    from flowworker.handlers.ambient import (
        acquire_lock,
        emit,
        get_event_bus,
        get_state_store,
        get_workflow_id,
        release_lock,
    )
    from flowworker.handlers.app import StepHandler, StepResult
    from flowworker.handlers.context import current_context
    from flowworker.jetstream import ConnectionOptions, TopologyOptions
    from flowworker.ports import PayloadCodec
    from flowworker.runner.backends import (
        InMemBus,
        InMemLocker,
        InMemStore,
        NATSBus,
        NATSLocker,
        NATSStore,
        RedisLocker,
        RedisStore,
    )
    from flowworker.runner.runner import Runner
    from flowworker.runner.scope import with_runner
    from flowworker.settings import Settings
    from flowworker.wiring import connect

_HOMES = {
    "runner.backends": (
        *("InMemBus", "InMemLocker", "InMemStore", "NATSBus", "NATSLocker", "NATSStore"),
        *("RedisLocker", "RedisStore"),
    ),
    "blocking": ("BlockingClient",),
    "builder": ("WorkflowBuilder",),
    "client": (
        *("AttemptView", "Client", "CoordinatorView", "Diagnosis", "PayloadView", "Reason"),
        *("ReasonKind", "RerunView", "RunPage", "RunResult", "RunSummary", "RunView"),
        *("StepDiagnosis", "StepView", "WorkerView"),
        *("HolderView", "LimitView", "OccurrenceView", "ScheduleView", "WaiterPage", "WaiterView"),
    ),
    "core.event_types": ("EventType",),
    "core.model": (
        *("Backoff", "Escalation", "EscalationStrategy", "Fallback"),
        *("RetryPolicy", "Saga", "Step", "Workflow"),
    ),
    "core.occurrence": ("OccurrenceState",),
    "core.schedule": ("Overlap", "Schedule"),
    "core.status": ("HumanAction", "Priority", "RunStatus", "StepStatus"),
    "definitions": ("Parser", "Registry", "load_paths", "parse"),
    "embedded": ("EmbeddedServer",),
    "handlers": ("App", "StepContext"),
    "jetstream": ("ConnectionOptions", "TopologyOptions"),
    "ports": ("PayloadCodec",),
    "runner.runner": ("Runner",),
    "runner.scope": ("with_runner",),
    "settings": ("Settings",),
    "compat.buses": ("Event", "EventBus"),
    "compat.locking": ("Locker",),
    "compat.state": ("StateStore",),
    "wiring": ("connect",),
    "handlers.context": ("current_context",),
    "handlers.ambient": (
        *("acquire_lock", "emit", "release_lock"),
        *("get_event_bus", "get_state_store", "get_workflow_id"),
    ),
    "handlers.app": ("StepHandler", "StepResult"),
}
"""Where the public names live; those that are not listed are in `errors`."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        # Not imported before: it costs as much as all else that is imported here.
        version: str = import_module("importlib.metadata").version(__name__)
        return version
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
