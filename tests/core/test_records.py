"""What records take of a text."""

from __future__ import annotations

import pytest

from flowworker.core.records import MAX_TEXT, shortened


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("why", "why"),
        (MAX_TEXT * "x", MAX_TEXT * "x"),
        ((MAX_TEXT + 1) * "x", MAX_TEXT * "x" + "…"),
    ],
)
def test_a_long_text_is_kept_in_part(text, kept):
    assert shortened(text) == kept
