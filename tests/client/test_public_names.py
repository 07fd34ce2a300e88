"""`import flowworker` is light, and every public name is there when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import flowworker


@pytest.mark.parametrize("name", flowworker.__all__)
def test_every_public_name_can_be_loaded(name):
    found = getattr(flowworker, name)

    assert found is not None
    assert name in dir(flowworker)


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = flowworker.nosuch
    with pytest.raises(ImportError):
        from flowworker import nosuch  # noqa: F401


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import flowworker", {"nats", "redis", "asyncio", "msgspec", "flowworker.errors"}),
        ("from flowworker import App, StepContext", {"nats", "redis", "click"}),
        ("from flowworker import Client, connect", {"nats", "redis", "click"}),
    ],
)
def test_imports_load_no_more_than_they_need(code, absent):
    script = f"{code}\nimport sys\nprint(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert set(loaded) & absent == set()
