"""Ports for servers that have to be given theirs."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_OURS = range(20_000, 32_000)
"""Which systems hand out to nobody: who asks for any port, as other tests do, cannot get these."""


def free_port() -> int:
    """One on which nobody listens."""
    while True:
        port = random.SystemRandom().choice(_OURS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
