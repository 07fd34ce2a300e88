"""The sender of a command that cannot be taken is notified, where permitted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from flowworker.codec.messages import ResultStatus, decode_result
from flowworker.coordinator.commands.rejection import Rejected, Rejections
from flowworker.core.ids import run_id_of_sequence
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from tests.support.histories import bodies


@pytest.fixture
async def replies(backend):
    found = []
    for subject in ("_INBOX.me", "orders.start"):
        await backend.notifier.subscribe(subject, lambda at, data: found.append((at, data)))
    return found


async def tell(backend, headers):
    """Reject a start message, until all that is published because of it has arrived."""
    metrics = Metrics(CollectorRegistry())
    stores = stores_of(backend, Settings(reply_prefixes=("_INBOX.",)))
    rejections = Rejections(stores, ManualClock(), metrics)
    delivery = SimpleNamespace(subject="start.one", headers=headers, sequence=7)
    await rejections.publish(Rejected("no such workflow"), delivery)
    await settle()


async def test_one_who_asked_for_a_reply_is_given_the_reason_in_it(backend, replies):
    headers = {"Nats-Msg-Id": "r1", "Flow-Reply": "_INBOX.me"}

    await tell(backend, headers)

    [(subject, data)] = replies
    answer = decode_result(data)
    assert (subject, answer.id) == ("_INBOX.me", "r1")
    assert (answer.status, answer.error) == (ResultStatus.REJECTED, "no such workflow")


@pytest.mark.parametrize("headers", [{}, {"Flow-Reply": "orders.start"}])
async def test_nothing_is_published_where_no_reply_may_go(backend, replies, headers):
    await tell(backend, headers)

    [event] = await bodies(backend.events, run_id_of_sequence(7))
    assert b"no such workflow" in event
    assert replies == []
