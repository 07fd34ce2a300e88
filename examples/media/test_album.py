"""The workflow, as its author tests it: real handlers and files, and no time that passes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from examples.media.handlers import app
from examples.media.samples import BROKEN, NAMES, draw_samples
from flowworker.testing import WorkflowTest, fails, returns

HERE = Path(__file__).parent


class Given:
    """Pictures, and a site without albums."""

    def __init__(self, pictures: Path, site: Path) -> None:
        self.pictures, self.site = pictures, site
        self.input = {"folder": str(pictures), "site": str(site)}

    def published(self) -> list[str]:
        """What stands in the site's folder, whatever its name begins with."""
        return sorted(path.name for path in self.site.glob("*"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    draw_samples(folder)
    return folder


@pytest.fixture
def given(pictures, tmp_path):
    return Given(pictures, tmp_path / "site")


@pytest.fixture
def flow():
    with WorkflowTest(app, HERE) as flow:
        yield flow


def test_an_album_is_published_when_somebody_has_looked_at_it(flow, given):
    # Given a run that has made everything, and asks
    run = flow.run(given.input, workflow="media.album")
    assert run.waiting == ("approve",)
    assert given.published() == [f".{run.id}"]

    # When somebody answers two days later
    flow.advance(timedelta(days=2))
    run.approve(output={"title": "By the sea"})

    # Then the album is there, with all pictures but the broken one, and nothing else
    assert run.completed
    assert given.published() == [run.id, f"{run.id}.csv"]
    album = given.site / run.id
    assert "By the sea" in (album / "index.html").read_text("utf-8")
    published = {path.stem for path in album.iterdir() if path.is_file()}
    assert published == {*NAMES, "index"}
    # And large pictures were resized, small ones not
    assert (album / "attic.jpg").stat().st_size < (given.pictures / "attic.jpg").stat().st_size
    small = [(folder / "canal.jpg").read_bytes() for folder in (album, given.pictures)]
    assert small[0] == small[1]
    # And the report tells of the broken one
    rows = Path(run.output["report"]).read_text("utf-8").splitlines()
    assert [row for row in rows if "broken" in row] == [f"{BROKEN},broken,,,,,"]
    assert run.output["broken"] == 1


def test_nobody_answers_for_three_days(flow, given):
    run = flow.run(given.input, workflow="media.album").wait_for_end()
    assert run.status == "FAILED"
    assert flow.elapsed == timedelta(days=3)
    assert given.published() == []


def test_somebody_does_not_like_it(flow, given):
    run = flow.run(given.input, workflow="media.album")
    run.reject("out of focus")
    assert run.status == "FAILED"
    assert "out of focus" in run.error
    assert given.published() == []


def test_a_heavy_album_is_taken_away_again(flow, given):
    run = flow.run(given.input | {"max_bytes": 1000}, workflow="media.album")
    run.approve()
    assert run.status == "FAILED"
    assert "TooHeavy" in run.error
    assert run.step("publish").status == "COMPENSATED"
    assert given.published() == []


def test_an_album_whose_report_cannot_be_written_is_taken_away_again(flow, given):
    flow.replace("media.report", fails(OSError("the disk is full")))
    run = flow.run(given.input, workflow="media.album")
    run.approve()
    assert run.error == "step 'report' failed: OSError: the disk is full"
    assert run.step("report").attempts == 2
    assert given.published() == []


def test_half_an_album_is_never_there(flow, given):
    flow.replace("media.index", fails(OSError("the disk is full")))
    run = flow.run(given.input, workflow="media.album")
    run.approve()
    assert run.status == "FAILED"
    assert given.published() == []


def test_too_many_broken_pictures_are_an_error(flow, given, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(b"no picture")
    run = flow.run(given.input | {"folder": str(folder)}, workflow="media.album")
    assert run.status == "FAILED"
    assert "TooManyFailures" in run.error
    assert flow.calls("media.sheet") == []


def test_a_hiccup_is_retried(flow, given):
    flow.replace("media.list", fails(OSError("the disk sleeps"), times=1))
    run = flow.run(given.input, workflow="media.album")
    assert run.waiting == ("approve",)
    assert run.step("list").attempts == 2


def test_a_folder_without_pictures_gives_an_empty_album(flow, given):
    flow.replace("media.list", returns([]))
    run = flow.run(given.input, workflow="media.album")
    run.approve()
    assert run.completed
    assert run.output["broken"] == 0
