"""Requests to JetStream whose answers say that a cluster elects."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from flowworker.errors import Unavailable
from flowworker.jetstream.client import retrying
from flowworker.jetstream.client.api import Api, ApiError, is_passing

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection

ELECTING = {"error": {"code": 503, "err_code": 10008, "description": "temporarily unavailable"}}
NOT_ENABLED = {"error": {"code": 503, "err_code": 10039, "description": "not enabled"}}
FOUND = {"message": {"subject": "a", "seq": 7}}


def api(*answers: dict) -> tuple[Api, list[str]]:
    """One whose server gives these answers, the last one for ever; and what it was asked."""
    asked: list[str] = []

    async def ask(subject: str, _body: bytes) -> bytes:
        asked.append(subject)
        return json.dumps(answers[min(len(asked), len(answers)) - 1]).encode()

    connection = SimpleNamespace(requests=SimpleNamespace(ask=ask), connected=True)
    return Api(cast("Connection", connection)), asked


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0)


async def test_a_cluster_that_elects_is_asked_again():
    made, asked = api(ELECTING, ELECTING, FOUND)

    found = await made.message("S", {"seq": 7})

    assert found is not None
    assert found.seq == 7
    assert asked == ["$JS.API.STREAM.MSG.GET.S"] * 3
    made, asked = api(ELECTING, {"config": {}})
    assert await made.call("STREAM.INFO.S") == {"config": {}}
    assert len(asked) == 2


async def test_one_that_elects_for_long_is_an_error_that_may_pass():
    made, asked = api(ELECTING)

    electing = r"temporarily unavailable \(JetStream error 10008\)"
    with pytest.raises(Unavailable, match=electing) as error:
        await made.call("STREAM.INFO.S")

    assert is_passing(error.value)
    assert 1 < len(asked) < 10


async def test_what_will_not_pass_is_not_asked_again():
    made, asked = api(NOT_ENABLED)

    with pytest.raises(ApiError, match="10039"):
        await made.call("STREAM.INFO.S")

    assert len(asked) == 1
