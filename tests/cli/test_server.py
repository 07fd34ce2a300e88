"""When the embedded server flushes each write."""

from __future__ import annotations

import pytest

from flowworker import embedded
from flowworker.cli.server import is_durable


@pytest.mark.parametrize(
    ("word", "holds", "expected"),
    [
        ("", False, False),
        ("process", False, False),
        ("power", False, True),
        ("", True, True),
    ],
)
def test_it_is_asked_for_or_what_is_there_was_made_so(monkeypatch, tmp_path, word, holds, expected):
    monkeypatch.setenv("FLOWWORKER_DURABILITY", word)
    monkeypatch.setattr(embedded, "holds_durable", lambda store: holds and store == tmp_path)

    assert is_durable(tmp_path) is expected
    assert is_durable(None) is (word == "power")
