"""The lanes of a queue: its workers may not be permitted to make them."""

from __future__ import annotations

import pytest

from flowworker.core.status import Priority
from flowworker.jetstream.client.api import Api
from flowworker.ports import StepAddress


@pytest.fixture
def calls(monkeypatch):
    """Requests to the API of every connection."""
    seen: list[str] = []
    right = Api.raw

    async def raw(self, request, body=b""):
        seen.append(request)
        return await right(self, request, body)

    monkeypatch.setattr(Api, "raw", raw)
    return seen


async def test_a_queue_has_its_lanes_before_its_first_step(open_jetstream, api, names, calls):
    backend = await open_jetstream()
    address = StepAddress("gpu", Priority.HIGH, "run-1", "charge")

    await backend.steps.enqueue(address, b"{}", "1")

    for priority in Priority:
        request = f"CONSUMER.INFO.{names.first.steps}.{names.lane_consumer('gpu', priority)}"
        found = (await api.call(request))["config"]
        assert found["filter_subjects"] == [names.first.lane("gpu", priority)]

    # Once per queue and process
    del calls[:]
    await backend.steps.enqueue(address, b"{}", "2")
    assert calls == []
