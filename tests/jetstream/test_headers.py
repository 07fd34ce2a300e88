"""Which headers a message can have: what a server would not store is refused before it is sent."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput
from flowworker.jetstream.client.headers import decode, encode


def test_what_is_encoded_is_decoded():
    said = {"Flow-Actor": "Zoë Ops", "Nats-Msg-Id": "a-1"}
    assert decode(encode(said)) == said
    assert encode({}) == b""


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("Flow Actor", "ops", "a header name must be one word of ASCII, found 'Flow Actor'"),
        ("Flow-Actor", "ops\r\nNats-Msg-Id: 1", "header Flow-Actor must be one line"),
        ("Flow-Actor", "\udcff", "a header must be Unicode text: .* surrogates not allowed"),
        ("Flow-Actor", "a" * 65_536, "may have 65,535: Flow-Actor is too long"),
    ],
)
def test_what_would_break_a_message_is_refused(name, value, says):
    with pytest.raises(InvalidInput, match=says):
        encode({"Other": "x", name: value})


def test_a_server_stores_as_much_as_is_let_through():
    room = 65_535 - len(encode({"A": ""}))
    assert len(encode({"A": "a" * room})) == 65_535
