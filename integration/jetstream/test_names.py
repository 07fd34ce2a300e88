"""Names, headers and deliveries: bytes and strings, no server."""

from __future__ import annotations

from typing import Any

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.facts import FACT_TYPES, to_fact
from flowworker.core.event_types import EventType
from flowworker.core.status import HumanAction, Kind, Priority
from flowworker.errors import InvalidInput
from flowworker.jetstream import Names
from flowworker.jetstream.client import headers
from flowworker.jetstream.consuming.delivery import JetStreamDelivery, Naming
from flowworker.jetstream.shards import Spread
from flowworker.ports import StepAddress

NAMES = Names("shop")
SECOND = Names("shop", Spread(5, 3)).shards[1]
NOBODY: Any = None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (NAMES.commands, "SHOP_COMMANDS"),
        (NAMES.first.steps, "SHOP_STEPS"),
        (NAMES.first.events, "SHOP_EVENTS"),
        (NAMES.first.runs.stream, "KV_shop_runs"),
        (NAMES.first.runs.subject("run.a"), "$KV.shop_runs.run.a"),
        (NAMES.first.runs.filter("step.*.r.>"), "$KV.shop_runs.step.*.r.>"),
        (NAMES.command("start.order.fulfil"), "shop.start.order.fulfil"),
        (
            NAMES.first.step(StepAddress("q", Priority.HIGH, "r", "a.b")),
            "shop.step.q.high.r.a.b",
        ),
        (NAMES.first.lane("q", Priority.LOW), "shop.step.q.low.>"),
        (NAMES.lane_consumer("q", Priority.LOW), "step-q-low"),
        (
            NAMES.event(3, "r", "gpu", "workflow.step.started"),
            "shop.event.3.r.gpu.workflow.step.started",
        ),
        (NAMES.events_of(3, "r"), "shop.event.3.r.*.>"),
        (NAMES.first.timer_schedule("r", "timeout"), "shop.timer.at.run.r.timeout"),
        (NAMES.first.timer_due("r", "timeout"), "shop.timer.due.r.timeout"),
        (NAMES.republished, ("shop.event.*.*.*.workflow.>", "shop.workflow.>")),
        (Names("flowworker").republished[1], "workflow.>"),
        (NAMES.first.event_subjects, ["shop.event.>"]),
        (SECOND.steps, "SHOP_STEPS_1"),
        (SECOND.events, "SHOP_EVENTS_1"),
        (SECOND.runs.subject("run.a"), "$KV.shop_runs_1.run.a"),
        (SECOND.step_subjects, ["shop.step_1.>", "shop.timer_1.>"]),
        (SECOND.event_subjects, ["shop.event.1.>", "shop.event.4.>"]),
        (SECOND.timer_due("r", "timeout"), "shop.timer_1.due.r.timeout"),
        (SECOND.lane("q", Priority.LOW), "shop.step_1.q.low.>"),
    ],
)
def test_names(made, expected):
    assert made == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: Names("a.b"),
        lambda: Names(""),
        lambda: Names("a b"),
        lambda: NAMES.command("stop.x"),
        lambda: NAMES.command("start"[:0]),
        lambda: NAMES.command("start.>"),
        lambda: NAMES.command("start.a\r\nPUB b 0"),
        lambda: NAMES.first.step(StepAddress("a.b", Priority.LOW, "r", "s")),
        lambda: NAMES.first.step(StepAddress("q", Priority.LOW, "r.x", "s")),
        lambda: NAMES.first.step(StepAddress("q", Priority.LOW, "r", "*")),
        lambda: NAMES.first.steps_of("*"),
        lambda: NAMES.first.step_schedule("r", ""),
        lambda: NAMES.first.lane("*", Priority.LOW),
        lambda: NAMES.lane_consumer("a/b", Priority.LOW),
        lambda: NAMES.event(0, ">", "gpu", "workflow.started"),
        lambda: NAMES.event(0, "r", "*", "workflow.started"),
        lambda: NAMES.event(0, "r", "gpu", "workflow..started"),
        lambda: NAMES.events_of(0, "*"),
        lambda: NAMES.first.timer_schedule("*", "a"),
        lambda: NAMES.first.timer_due("r", "a b"),
    ],
)
def test_what_is_no_name_is_refused(make):
    with pytest.raises(InvalidInput):
        make()


def test_schedulers_are_handed_what_is_a_fact_and_nothing_else():
    data = EventData("r", kind=Kind.RUN, action=HumanAction.RETRY)

    facts = {one for one in EventType if to_fact(cloud_event("shop", one, data, 0.0)) is not None}

    assert set(FACT_TYPES) == facts


def test_headers_there_and_back():
    block = headers.encode({"Nats-Msg-Id": "a/b:c", "x": "ü  y"})

    assert block.startswith(b"NATS/1.0\r\n")
    assert block.endswith(b"\r\n\r\n")
    assert headers.decode(block) == {"Nats-Msg-Id": "a/b:c", "x": "ü  y"}
    assert headers.encode({}) == b""
    assert headers.decode(None) == {}


@pytest.mark.parametrize(
    "bad", [{"a b": "c"}, {"a:": "c"}, {"": "c"}, {"a": "b\r\nc: d"}, {"a": "b\nc"}, {"ä": "b"}]
)
def test_headers_cannot_be_forged(bad):
    with pytest.raises(InvalidInput):
        headers.encode(bad)


@pytest.mark.parametrize(
    ("block", "status"),
    [
        (None, None),
        (b"", None),
        (b"NATS/1.0\r\na: b\r\n\r\n", None),
        (b"NATS/1.0 503\r\n\r\n", (503, "")),
        (b"NATS/1.0 408 Request Timeout\r\na: 1\r\n\r\n", (408, "Request Timeout")),
        (b"NATS/1.0 xyz\r\n\r\n", (0, "")),
    ],
)
def test_status_lines(block, status):
    assert headers.status_of(block) == status


@pytest.mark.parametrize(
    "reply",
    [
        b"$JS.ACK.S.c.2.17.23.1700000000500000000.4",
        b"$JS.ACK.hub.ACCHASH.S.c.2.17.23.1700000000500000000.4",
        b"$JS.ACK._.ACCHASH.S.c.2.17.23.1700000000500000000.4.random",
    ],
)
def test_a_delivery_knows_its_place(reply):
    delivery = JetStreamDelivery(
        NOBODY, Naming("shop."), b"shop.step.q.high.r.a", reply, b"x", b"NATS/1.0\r\na: b\r\n\r\n"
    )

    assert delivery.subject == "step.q.high.r.a"
    assert (delivery.delivered, delivery.sequence, delivery.order) == (2, 17, 23)
    assert delivery.time == 1_700_000_000.5
    assert delivery.headers == {"a": "b"}


def test_a_foreign_message_is_no_delivery():
    delivery = JetStreamDelivery(NOBODY, Naming(""), b"a", b"_INBOX.x", b"", None)

    with pytest.raises(InvalidInput, match="not a JetStream delivery"):
        _ = delivery.sequence
