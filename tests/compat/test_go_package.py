"""Every public name of the Go package has its counterpart, where the table says it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flowworker
from flowworker import App
from flowworker.compat.state import StateStore

PAGE = Path(__file__).parents[2] / "docs" / "from-hyperrr.md"

STORE = (
    *("GetInput", "GetState", "GetStepOutput", "InitializeExecution", "IsEventEmitted"),
    *("ListExecutions", "RecordEventEmitted", "SaveInput", "SaveState", "SaveStepOutput", "SetTTL"),
)
METHODS = {
    "InMemStore": (*STORE, "Close"),
    "NATSStore": STORE,
    "RedisStore": STORE,
    "StateStore": STORE,
    "Parser": ("Parse", "Validate"),
    "Registry": ("Get", "List", "Register"),
    "Runner": (
        *("Cancel", "Execute", "ExecuteSync", "ExecuteSyncWorkflow", "GetStateStore", "Register"),
        *("RegisterHandler", "ResumeExecution", "SetRuntime", "Status"),
    ),
}
GO = {
    *(f"State{x}" for x in ("Pending", "Running", "Completed", "Failed", "WaitingHuman")),
    *("StateRetrying", "StateFallback", "StateCompensating", "ActionRetry", "ActionCancel"),
    *("BackoffExponential", "BackoffConstant", "EscalationWaitHuman"),
    *(f"EventWorkflow{x}" for x in ("Started", "Completed", "Failed", "Compensating")),
    *(f"EventStep{x}" for x in ("Started", "Completed", "Failed", "Retrying", "Fallback")),
    *("EventWaitingHuman", "StepPending", "StepRunning", "StepCompleted", "StepFailed"),
    *("StepRetrying", "StepSkipped", "AcquireLock", "Emit", "GetEventBus", "GetWorkflowID"),
    *("ReleaseLock", "WithRunner", "GetStateStore", "Step", "StepContext", "StepHandler"),
    *("StepResult", "StepStatus", "Workflow"),
    *(f"New{x}" for x in ("InMemStore", "NATSStore", "Parser", "RedisStore", "Registry", "Runner")),
    *METHODS,
    *(f"{type_}.{name}" for type_, names in METHODS.items() for name in names),
}
OTHERS = re.compile(r"(mdk|locking)\.\w+")
CODE = re.compile(r"`([^`]+)`")


def rows() -> list[tuple[list[str], list[str]]]:
    """Go names and Python names of every row."""
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            go, python, _ = line[1:].split("|", 2)
            found.append((CODE.findall(go), CODE.findall(python)))
    return found


PYTHON = sorted({name for _, names in rows() for name in names})


def test_the_table_has_every_name_of_the_go_package():
    listed = [name for names, _ in rows() for name in names if not OTHERS.fullmatch(name)]

    assert sorted(listed) == sorted(GO)


@pytest.mark.parametrize("name", PYTHON)
def test_a_name_in_the_table_exists(name):
    first, *rest = name.split(".")
    assert first in flowworker.__all__
    found = getattr(flowworker, first)
    for part in rest:
        found = getattr(App(), part) if found is App else getattr(found, part)


def test_every_row_says_where():
    assert all(go and python for go, python in rows())


def test_a_member_has_the_go_packages_word():
    for go, (first, *_) in rows():
        for name in go:
            kind = re.match(r"(State|Step|Action|Backoff)([A-Z]\w+)$", name)
            if kind and "." in first:
                words = re.sub(r"(?<!^)([A-Z])", r"_\1", kind[2]).upper()
                assert first.endswith(f".{words}"), name
                value = getattr(getattr(flowworker, first.split(".")[0]), words)
                assert value.upper() == words


def test_a_store_has_all_operations_of_the_go_package():
    for name in ("InMemStore", "NATSStore", "RedisStore"):
        store = getattr(flowworker, name)
        assert issubclass(store, StateStore)
        for operation in (*STORE, "Close"):
            python = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower()
            assert callable(getattr(store, python))
