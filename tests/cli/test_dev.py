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


def test_a_server_whose_connections_broke_gets_a_moment_to_be_gone():
    looks = iter([7, None])

    class Ending(EmbeddedServer):
        @property
        def pid(self) -> int | None:
            return next(looks)

    ended = pytest.raises(ServerUnavailable, match="nats-server ended; see ")
    with ended, _as_long_as_it_runs(Ending()):
        raise ConnectionResetError


def test_a_server_that_has_ended_when_all_else_ends_well_is_named():
    server = EmbeddedServer()  # never started

    ended = pytest.raises(ServerUnavailable, match="nats-server ended; see ")
    with ended, _as_long_as_it_runs(server):
        pass


def test_what_fails_beside_a_server_that_runs_is_reported_as_it_is():
    as_it_is = pytest.raises(OSError, match="broken pipe")
    with EmbeddedServer() as server, as_it_is, _as_long_as_it_runs(server):
        raise OSError("broken pipe")
