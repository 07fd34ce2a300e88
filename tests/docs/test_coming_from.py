"""docs/how-to/coming-from.md: what stands under "here" is there."""

from __future__ import annotations

import re

import pytest

from flowworker.definitions import document
from tests.docs.pages import ROOT

ROWS = re.findall(
    r"^\| (.+) \| (.+) \|$", (ROOT / "docs" / "how-to" / "coming-from.md").read_text(), re.MULTILINE
)
KEYS = {
    key
    for name in vars(document)
    if name.endswith("Document")
    for key in getattr(document, name).__struct_encode_fields__
}
OTHERS = {"default", "ctx", "lock", "heartbeat_timeout"}
"""A word of JSON Schema, and what a handler has."""


def test_there_are_rows():
    assert len(ROWS) > 100


@pytest.mark.parametrize(("theirs", "ours"), ROWS)
def test_what_stands_here_is_a_key_of_definitions(theirs, ours):
    for text in re.findall(r"`([a-z_.]+)(?::[^`]*)?`", ours):
        if not text.startswith(("steps.", "run.", "workflow.")):
            assert set(text.split(".")) <= KEYS | OTHERS, theirs
