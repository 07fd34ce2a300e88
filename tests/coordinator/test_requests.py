"""Start messages that say what cannot be are rejected with the reason."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.requests import parse_start, read_object, run_of


def message(**headers):
    return SimpleNamespace(headers=headers, sequence=7, time=0.0, data=b"")


@pytest.mark.parametrize("wanted", ["a b", "a.b", "x" * 129])
def test_a_run_has_no_such_id(wanted):
    with pytest.raises(Rejected, match="cannot be a run id"):
        run_of(message(**{"Nats-Msg-Id": wanted}))


@pytest.mark.parametrize("name", ["", "a..b", "a b", "*"])
def test_a_workflow_has_no_such_name(name):
    with pytest.raises(Rejected, match="expected a workflow's name"):
        parse_start(name, "r1", message(), ())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[1]", "must be a JSON object, found list"),
        (b"null", "must be a JSON object, found NoneType"),
        (b"{", "is not JSON"),
        (b"[" * 5_000, "is not JSON"),
    ],
)
def test_an_input_is_an_object(raw, reason):
    with pytest.raises(Rejected, match=reason):
        read_object(raw)


def test_an_input_is_read():
    assert read_object(b'{"a": [1]}') == {"a": [1]}
