"""Records' keys, which `nats kv` and other programs see too, and the patterns that find them."""

from __future__ import annotations

import pytest

from flowworker.codec import keys
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.run_key("r1"), "run.r1"),
        (keys.step_key("gpu", "r1", "a.b"), "step.gpu.r1.a.b"),
        (keys.emit_key("gpu", "r1", "order.paid"), "emit.gpu.r1.order.paid"),
        (keys.signal_key("r1", "7-1", "order.paid"), "signal.r1.7-1.order.paid"),
        (keys.heard_key("r1", "0f"), "heard.r1.0f"),
        (keys.schedule_key("nightly"), "schedule.nightly"),
        (keys.limit_key("named.api"), "limit.named.api"),
        (keys.waiting_key("named.api", "5-1", "r", "s"), "waiting.named.api.5-1.r.s"),
        (keys.waiting_key("run.0f", "5-1", "r", ""), "waiting.run.0f.5-1.r"),
        (keys.scheduled_key("orders.ship", "nightly"), "scheduled.orders.ship.nightly"),
        (keys.looked_key(3), "looked.3"),
        (keys.outbox_key("r1", "0f"), "outbox.r1.0f"),
        (keys.outbox_key("schedule:nightly", "*"), "outbox.schedule/nightly.*"),
        (keys.emits_pattern("r1"), "emit.*.r1.>"),
        (keys.steps_pattern("r1"), "step.*.r1.>"),
    ],
)
def test_keys(key, expected):
    assert key == expected


def test_what_keys_of_events_say():
    assert keys.emitted_at(keys.emit_key("gpu", "r1", "order.paid")) == ("gpu", "order.paid")
    for history in ("r1", "schedule:nightly"):
        assert keys.outboxed_of(keys.outbox_key(history, "0f")) == history


@pytest.mark.parametrize("name", ["timeout", "retention", "start", "steps"])
def test_timers_of_steps(name):
    assert keys.step_of_timer(keys.step_timer("a.b")) == "a.b"
    assert keys.step_of_timer(name) == ""


def test_a_run_is_removed_last_of_all_that_belongs_to_it():
    record = RunRecord("r1", "orders.ship", "h", RunStatus.COMPLETED, EMPTY, 1e9)
    assert keys.run_patterns(record) == (
        "step.*.r1.>",
        "emit.*.r1.>",
        "signal.r1.>",
        "heard.r1.>",
        "index.*.orders/ship.2001.09.09.01.46.40.000.r1",
        "run.r1",
    )


@pytest.mark.parametrize(
    ("pattern", "run"),
    [
        (keys.run_key("r1"), "r1"),
        (keys.step_key("gpu", "r1", "a.b"), "r1"),
        (keys.emit_key("gpu", "r1", "order.paid"), "r1"),
        (keys.emit_key("*", "r1", ">"), "r1"),
        (keys.signal_key("r1", "*", "order.paid"), "r1"),
        (keys.heard_key("r1", "0f"), "r1"),
        (keys.steps_pattern("r1"), "r1"),
        ("index.RUNNING.orders/ship.2026.11.28.23.05.59.003.r1", "r1"),
        ("index.*.orders/ship.2026.11.28.23.05.59.003.r1", "r1"),
        ("index.RUNNING.orders.r1", "r1"),
        ("index.RUNNING.>", keys.ANY_RUN),
        ("index.RUNNING.*.2026.*.*.*.*.*.*.*", keys.ANY_RUN),
        ("run.*", keys.ANY_RUN),
        ("step.>", keys.ANY_RUN),
        (">", keys.ANY_RUN),
        (keys.outbox_key("r1", "0f"), "r1"),
        (keys.outbox_key("schedule:nightly", "*"), "schedule:nightly"),
        ("outbox.>", keys.ANY_RUN),
        (keys.schedule_key("nightly"), ""),
        (keys.limit_key(">"), ""),
        (keys.waiting_key("named.api", "5-1", "r", "s"), ""),
        (keys.looked_key(3), ""),
        ("pause.queue.gpu", ""),
    ],
)
def test_the_run_that_a_key_is_of(pattern, run):
    assert keys.run_in(pattern) == run


def test_the_partition_that_a_key_is_about():
    assert keys.partition_in(keys.looked_key(12)) == 12
    assert keys.partition_in(keys.run_key("looked")) is None
