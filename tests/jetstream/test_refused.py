"""What is said of a server that closes the connection, by what was heard last."""

from __future__ import annotations

import pytest

from flowworker.jetstream.client.options import ConnectionOptions
from flowworker.jetstream.client.refused import unreachable

LOST = ["[Errno 104] Connection reset by peer", "[Errno 32] Broken pipe"]


@pytest.mark.parametrize("reason", LOST)
def test_a_certificate_may_be_refused_without_a_word(reason):
    with_tls = unreachable(ConnectionOptions(url="nats://a:1", tls_ca="ca.pem"), reason)
    without = unreachable(ConnectionOptions(url="nats://a:1"), reason)

    assert "does it want a client's certificate" in str(with_tls)
    assert "is it running" in str(without)
