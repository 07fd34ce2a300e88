"""Where the dashboard of `dev` is, and what is said of it."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from flowworker.cli import dashboard
from flowworker.cli.dashboard import place_for
from flowworker.errors import InvalidInput


def test_if_the_usual_port_is_taken_another_one_is_found(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(dashboard, "USUAL_PORT", port)

        place, said = place_for(None)

    assert place is not None
    with closing(place.bound):
        found = place.bound.getsockname()[1]
    assert found != port
    assert said.startswith(f"at http://127.0.0.1:{found}/#token=")


def test_a_token_of_ones_own_is_not_shown(monkeypatch):
    monkeypatch.setenv("FLOWWORKER_UI_TOKEN", "my-own-token-0123456")

    place, said = place_for(0)

    assert place is not None
    with closing(place.bound):
        port = place.bound.getsockname()[1]
    assert said == f"at http://127.0.0.1:{port}/ with the token of FLOWWORKER_UI_TOKEN"
    assert place.access.tokens.caller("my-own-token-0123456") is not None


def test_a_token_that_is_none_is_refused_before_a_port_is_taken(monkeypatch):
    monkeypatch.setenv("FLOWWORKER_UI_TOKEN", "short")

    with pytest.raises(InvalidInput, match="FLOWWORKER_UI_TOKEN"):
        place_for(0)
