"""What `doctor` makes of the server's answers."""

from __future__ import annotations

import pytest

from flowworker.jetstream import findings
from flowworker.settings import Settings

UNLIMITED = {"max_storage": -1, "max_memory": 0}


@pytest.mark.parametrize(
    ("used", "limits", "full"),
    [
        ({"storage": 10**12, "memory": 9}, UNLIMITED, None),
        ({"storage": 899}, {"max_storage": 1000}, None),
        ({"storage": 900}, {"max_storage": 1000}, "900 of 1,000 bytes on disk"),
        ({"memory": 1000}, {"max_memory": 1000}, "1,000 of 1,000 bytes in memory"),
    ],
)
def test_an_account_that_is_nearly_full(used, limits, full):
    plain = findings.account({**used, "limits": limits})
    tiered = findings.account({"tiers": {"R3": {**used, "limits": limits}}})

    assert plain.ok == tiered.ok == (full is None)
    if full is not None:
        assert plain.found == f"nearly full: {full}"
        assert tiered.found == f"nearly full: {full} of tier R3"
        assert plain.advice


@pytest.mark.parametrize(
    ("discard", "then"), [("new", "takes nothing more"), ("old", "oldest is dropped")]
)
def test_a_stream_that_is_nearly_full(discard, then):
    config = {"name": "S", "max_bytes": 100, "max_msgs": -1, "discard": discard}

    well = findings.stream({"config": config, "state": {"messages": 3, "bytes": 89}})
    full = findings.stream({"config": config, "state": {"messages": 3, "bytes": 95}})

    assert well == findings.Finding("stream S", ok=True, found="3 messages, 0.0 MB")
    assert not full.ok
    assert full.found == "nearly full: 95 of 100 bytes"
    assert then in full.advice


def test_messages_that_the_server_would_not_take():
    settings = Settings(message_limit=1_000_000)

    well = findings.payload(1_048_576, settings)
    large = findings.payload(1_000_000, settings)
    small = findings.payload(65_536, Settings())

    assert well == findings.Finding(
        "max_payload", ok=True, found="messages of up to 1,048,576 bytes"
    )
    assert not large.ok
    assert "message_limit=1000000" in large.found
    assert "raise the server's max_payload" in large.advice
    assert not small.ok
    assert small.advice == "raise the server's max_payload to 786,432 or more"


BUSY = {"num_pending": 3, "num_ack_pending": 1, "num_waiting": 0}
IDLE = {"num_pending": 0, "num_ack_pending": 0, "num_waiting": 2}
LEFT = {"num_pending": 2, "num_ack_pending": 0, "num_waiting": 0}


@pytest.mark.parametrize(
    ("stored", "lanes", "ok", "found"),
    [
        (0, [], True, "0 steps wait, 0 are in flight"),
        (4, [BUSY], True, "3 steps wait, 1 are in flight"),
        (6, [BUSY, LEFT], True, "5 steps wait, 1 are in flight"),
        (2, [LEFT, IDLE], True, "2 steps wait, 0 are in flight"),
        (2, [LEFT], False, "2 steps wait, 0 are in flight, and no process requests them"),
        (7, [{}, {}], False, "7 steps wait, 0 are in flight, and no process requests them"),
    ],
)
def test_a_queue_needs_a_worker_for_any_of_its_lanes(stored, lanes, ok, found):
    finding = findings.queue("gpu", stored, lanes)

    assert (finding.ok, finding.found) == (ok, found)
    assert finding.advice == ("" if ok else "no worker serves it: start a worker with --queue gpu")
