"""Records' keys, which `nats kv` and other programs see too, and the patterns that find them."""

from __future__ import annotations

import pytest

from flowworker.codec import keys
from flowworker.core.status import RunStatus


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.run_key("r1"), "run.r1"),
        (keys.step_key("gpu", "r1", "a.b"), "step.gpu.r1.a.b"),
        (keys.index_key(RunStatus.RUNNING, "orders.ship", "r1"), "index.RUNNING.orders.ship.r1"),
        (keys.emit_key("gpu", "r1", "order.paid"), "emit.gpu.r1.order.paid"),
        (keys.signal_key("r1", "7-1", "order.paid"), "signal.r1.7-1.order.paid"),
        (keys.heard_key("r1", "0f"), "heard.r1.0f"),
        (keys.steps_pattern("r1"), "step.*.r1.>"),
        (keys.index_pattern(RunStatus.FAILED), "index.FAILED.>"),
        (keys.index_pattern(RunStatus.FAILED, "orders.ship"), "index.FAILED.orders.ship.*"),
        (keys.index_entries("orders.ship", "r1"), "index.*.orders.ship.r1"),
    ],
)
def test_keys(key, expected):
    assert key == expected


@pytest.mark.parametrize("name", ["timeout", "retention", "start", "steps"])
def test_timers_of_steps(name):
    assert keys.step_of_timer(keys.step_timer("a.b")) == "a.b"
    assert keys.step_of_timer(name) == ""


def test_a_run_is_removed_last_of_all_that_belongs_to_it():
    assert keys.run_patterns("orders.ship", "r1") == (
        "step.*.r1.>",
        "emit.*.r1.>",
        "signal.r1.>",
        "heard.r1.>",
        "index.*.orders.ship.r1",
        "run.r1",
    )
