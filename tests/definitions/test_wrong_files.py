"""Whole wrong files, as people write them; what is said about each stands below it, as comments.

Each message is right about line, column, cause and remedy, and all problems are found at once.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowworker.definitions import parse_all
from flowworker.errors import DefinitionError

FILES = sorted((Path(__file__).parent / "wrong").glob("*.yaml"))


def test_there_are_twenty():
    assert len(FILES) >= 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_wrong_file(file):
    text = file.read_text(encoding="utf-8")
    expected = re.findall(r"^# (\d+:\d+: .*)$", text, re.MULTILINE)
    assert expected

    with pytest.raises(DefinitionError) as caught:
        parse_all(text, file.name)

    assert [str(one) for one in caught.value.problems] == [f"{file.name}:{it}" for it in expected]
