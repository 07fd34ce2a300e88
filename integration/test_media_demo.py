"""The demo of `make demo-media`, as a user starts it."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from examples.media.samples import BROKEN, NAMES
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

ROOT = Path(__file__).parents[1]
DEMO = [sys.executable, "-m", "examples.media"]

pytestmark = pytest.mark.slow


class Links(HTMLParser):
    """What a page links to, and which pictures it shows."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {"href": [], "src": []}
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in self.found:
                self.found[name].append(value or "")


def processes_with(text: str) -> list[str]:
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if text in line]


def test_one_album_is_published_and_the_other_taken_away(tmp_path):
    # Given a site with an album from elsewhere
    (tmp_path / "site" / "older").mkdir(parents=True)

    done = subprocess.run(
        [*DEMO, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        # What the caller knows of another fleet is not for this one
        env=os.environ
        | {"FLOWWORKER_NAMESPACE": "another", "FLOWWORKER_NATS_URL": "nats://nobody"},
        timeout=WAIT_LIMIT,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    # Then it showed what happened, what was asked, and by which command that was answered
    for shown in (
        r"by-the-sea .* step\.completed +list",
        rf"by-the-sea .* step\.failed +pictures\[{len(NAMES)}\] +BrokenPicture: .*{BROKEN}: ",
        r"Publish what .*sheet\.jpg shows\?",
        r"flowworker approve by-the-sea --nats-url \S+ --output '\{",
        r"too-heavy .* step\.compensated +publish",
    ):
        assert re.search(shown, done.stdout), shown
    # And the album has a page that leads to all pictures but the broken one
    site = tmp_path / "site"
    assert sorted(os.listdir(site)) == ["by-the-sea", "by-the-sea.csv", "older"]
    album = site / "by-the-sea"
    links = Links(album / "index.html").found
    assert sorted(Path(link).stem for link in links["href"]) == sorted(NAMES)
    # And these are no larger than they may be, with square thumbnails
    for link, picture in zip(links["href"], links["src"], strict=True):
        with Image.open(album / link) as shown_large, Image.open(album / picture) as shown_small:
            assert max(shown_large.size) <= 1024
            assert shown_small.size == (160, 160)
    # And the report has a row for each file
    with (site / "by-the-sea.csv").open(encoding="utf-8", newline="") as file:
        outcomes = {row["file"]: row["outcome"] for row in csv.DictReader(file)}
    assert sorted(outcomes) == sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert outcomes[BROKEN] == "broken"
    assert outcomes["attic.jpg"] == "resized"
    assert outcomes["canal.jpg"] == "as it is"
    # And no process is left
    [url] = set(re.findall(r"nats://\S+", done.stdout))
    assert processes_with(url) == []


def test_somebody_else_may_answer_and_say_no(tmp_path):
    # Given a demo with pictures of one's own that waits for an answer
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "mine" / "teal.png")
    mine = ["--folder", str(tmp_path / "mine"), "--out", str(tmp_path / "out"), "--ask"]
    demo = subprocess.Popen(
        [*DEMO, *mine], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if asked := re.search(r"flowworker approve by-the-sea --nats-url (\S+)", line):
                break
        else:
            pytest.fail(demo.communicate()[1])

        # When somebody says no
        answer = ["reject", "by-the-sea", "--nats-url", asked[1], "--reason", "too small"]
        subprocess.run([sys.executable, "-m", "flowworker", *answer], cwd=ROOT, check=True)
        said, complaint = demo.communicate(timeout=WAIT_LIMIT)

    # Then nothing is published, and the demo says why
    assert demo.returncode == 1, said
    assert "too small" in complaint
    assert complaint.count("\n") == 1
    assert os.listdir(tmp_path / "out" / "site") == []
    blocking_eventually(lambda: processes_with(asked[1]) == [])
