"""What a process says of itself."""

from __future__ import annotations

import pytest

from flowworker.codec.json import UNREADABLE, encode
from flowworker.codec.presence import (
    Presence,
    decode_presence,
    presence_keys,
    queue_of_presence,
    workers_of,
)


def test_a_coordinator_stands_in_one_place():
    assert presence_keys(Presence("coordinator", "host-1-ab")) == ("present.coordinator.host-1-ab",)


def test_a_worker_stands_under_each_of_its_queues_which_its_keys_say():
    keys = presence_keys(Presence("worker", "w1"), ("default", "gpu"))

    assert keys == ("present.worker.default.w1", "present.worker.gpu.w1")
    assert [queue_of_presence(key) for key in keys] == ["default", "gpu"]
    assert workers_of("gpu") == "present.worker.gpu.*"


def test_an_id_is_one_token_of_its_key_whatever_the_host_is_called():
    [key] = presence_keys(Presence("coordinator", "pod.shop.svc *>-1"))

    assert key == "present.coordinator.pod-shop-svc----1"


def test_it_is_read_as_it_was_written():
    said = Presence("worker", "w1", slots=3, handlers={"a": "b"}, draining=True)

    assert decode_presence(encode(said)) == said
    assert decode_presence(b'{"role":"worker","id":"w1","new":1}') == Presence("worker", "w1")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"role":"cat","id":"w1"}', b"\xff"])
def test_what_is_none_is_refused(body):
    with pytest.raises(UNREADABLE):
        decode_presence(body)
