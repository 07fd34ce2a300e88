"""`BlockingClient` is `Client` for code without an event loop."""

from __future__ import annotations

import inspect

import pytest

from flowworker import BlockingClient, Client

WAITS = [
    name
    for name, method in inspect.getmembers(Client, inspect.iscoroutinefunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize("name", WAITS)
def test_every_method_takes_the_same_arguments(name):
    expected = inspect.signature(getattr(Client, name))

    found = inspect.signature(getattr(BlockingClient, name))

    assert found.parameters == expected.parameters
