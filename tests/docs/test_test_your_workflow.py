"""The how-to on tests: its files, run in a folder of their own as a reader would."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from flowworker import testing
from tests.docs.pages import FENCE, REFERENCE, ROOT, words

PAGE = (ROOT / "docs" / "how-to" / "test-your-workflow.md").read_text("utf-8")

SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


@pytest.mark.slow
def test_its_examples_pass(tmp_path):
    # Given the files that the page shows
    shown = [(match[2], match[3]) for match in FENCE.finditer(PAGE)]
    [definition] = [text for language, text in shown if language == "yaml"]
    (tmp_path / "order.yaml").write_text(definition)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    files = [text for language, text in shown if language == "py"]
    for text in files:
        name = re.match(r"# (\w+\.py)\n", text)
        assert name, text
        (tmp_path / name[1]).write_text(text)

    # When somebody runs the tests in that folder
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    # Then all of them pass
    count = sum(len(re.findall(r"def test_", text)) for text in files)
    assert f"\n{count} passed" in ended.stdout, ended.stdout + ended.stderr


def test_all_names_are_described():
    page = (REFERENCE / "testing.md").read_text("utf-8")
    first = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    described = [word for cell in first for word in words(cell)]
    assert sorted(described) == sorted(testing.__all__)
