"""What is installed is what was written: the dashboard's files are in the wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from flowworker.web.pages import PAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_has_the_pages(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    [built] = tmp_path.glob("flowworker-*.whl")

    with ZipFile(built) as wheel:
        found = {
            name.rpartition("/")[2]: wheel.read(name)
            for name in wheel.namelist()
            if name.startswith("flowworker/web/static/")
        }

    assert found == {page.name: page.read_bytes() for page in PAGES.iterdir()}
    assert {"index.html", "app.js", "style.css"} <= found.keys()
