"""What `dev` says when its parts end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flowworker.cli.dev import _as_long_as_it_runs
from flowworker.errors import ServerUnavailable


def test_whatever_fails_first_when_the_server_has_ended_the_server_is_named():
    server = SimpleNamespace(pid=None, log_path="nats.log")

    ended = pytest.raises(ServerUnavailable, match=r"nats-server ended; see nats\.log")
    with ended, _as_long_as_it_runs(server):
        raise ExceptionGroup("", [OSError("broken pipe")])


def test_what_fails_beside_a_server_that_runs_is_told_as_it_is():
    with pytest.raises(OSError, match="broken pipe"), _as_long_as_it_runs(SimpleNamespace(pid=7)):
        raise OSError("broken pipe")
