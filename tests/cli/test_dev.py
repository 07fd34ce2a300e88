"""What `dev` says when its parts end."""

from __future__ import annotations

import pytest

from flowworker.cli.dev import _as_long_as_it_runs
from flowworker.embedded import EmbeddedServer
from flowworker.errors import ServerUnavailable


def test_whatever_fails_first_when_the_server_has_ended_the_server_is_named():
    server = EmbeddedServer()  # never started

    ended = pytest.raises(ServerUnavailable, match="nats-server ended; see ")
    with ended, _as_long_as_it_runs(server):
        raise ExceptionGroup("", [OSError("broken pipe")])


def test_what_fails_beside_a_server_that_runs_is_told_as_it_is():
    as_it_is = pytest.raises(OSError, match="broken pipe")
    with EmbeddedServer() as server, as_it_is, _as_long_as_it_runs(server):
        raise OSError("broken pipe")
