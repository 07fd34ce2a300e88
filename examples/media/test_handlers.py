"""Handlers alone: functions, called with a context made for them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from examples.media import handlers
from examples.media.album import Picture, TooHeavy
from examples.media.pictures import THUMBNAIL, BrokenPicture, digest
from examples.media.samples import BROKEN, LARGE, NAMES, SMALL, draw_samples
from flowworker import NonRetryableError
from flowworker.testing import handler_context


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    draw_samples(folder)
    return folder


def test_the_same_seed_draws_the_same_files(samples, tmp_path):
    again = draw_samples(tmp_path)
    assert len(again) == len(NAMES) + 1
    assert [digest(path) for path in again] == [digest(samples / path.name) for path in again]
    assert len({digest(path) for path in again}) == len(again)


def test_pictures_of_a_folder_are_listed_by_name(samples, tmp_path):
    with handler_context() as ctx:
        found = [Path(file) for file in handlers.list_files(ctx, str(samples))]
        assert found == sorted(samples.iterdir())
        (tmp_path / "notes.txt").touch()
        assert handlers.list_files(ctx, str(tmp_path)) == []
        with pytest.raises(NonRetryableError, match="is no folder"):
            handlers.list_files(ctx, str(tmp_path / "notes.txt"))


def test_a_picture_is_checked_to_its_last_byte(samples):
    ctx = handler_context()
    facts = handlers.check(ctx, str(samples / "attic.jpg"))
    assert (facts.width, facts.height) == LARGE
    assert facts.sha256 == digest(samples / "attic.jpg")
    assert (facts.taken, facts.camera) == ("2026:06:01 10:05:00", "Box Camera 2")
    # One that was stored on its side is measured as it is shown, and has no camera
    facts = handlers.check(ctx, str(samples / "lighthouse.jpg"))
    assert (facts.width, facts.height, facts.camera) == (*SMALL, "")


@pytest.mark.parametrize("content", [None, b"", b"GIF89a"])
def test_what_is_no_whole_picture_is_broken(samples, tmp_path, content):
    file = samples / BROKEN
    if content is not None:
        file = tmp_path / "picture.gif"
        file.write_bytes(content)
    with pytest.raises(BrokenPicture, match=file.name):
        handlers.check(handler_context(), str(file))


def test_large_ones_become_smaller_and_thumbnails_square(samples, tmp_path):
    ctx, folder = handler_context(), str(tmp_path)
    with Image.open(handlers.resize(ctx, str(samples / "jetty.png"), 640, folder)) as resized:
        assert (resized.format, resized.size) == ("PNG", (640, 480))
    with Image.open(handlers.thumbnail(ctx, str(samples / "jetty.png"), folder)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (THUMBNAIL, THUMBNAIL))


def test_an_album_is_published_verified_and_withdrawn(samples, tmp_path):
    # Given a picture whose name is hard on URLs and HTML
    ctx, album = handler_context(), tmp_path / "album"
    file = tmp_path / "one & two #3.jpg"
    file.write_bytes((samples / "canal.jpg").read_bytes())
    thumbnail = handlers.thumbnail(ctx, str(file), str(tmp_path))
    picture = Picture(handlers.check(ctx, str(file)), str(file), thumbnail, resized=False)

    # When it is published, twice as after a crash
    handlers.copy(ctx, [picture], str(album))
    published = handlers.copy(ctx, [picture], str(album))
    page = Path(handlers.index(ctx, published, "<Title>", str(album))).read_text()

    # Then it is there, and is what it was
    assert "&lt;Title&gt;" in page
    assert 'href="one%20%26%20two%20%233.jpg"' in page
    assert 'title="one &amp; two #3.jpg"' in page
    size = handlers.verify(ctx, published, str(album), 1_000_000)
    assert size == sum(path.stat().st_size for path in album.rglob("*.*"))
    # And found out if it is not
    with pytest.raises(TooHeavy, match=f"has {size:,} bytes"):
        handlers.verify(ctx, published, str(album), size - 1)
    (album / file.name).write_bytes(b"another")
    with pytest.raises(ValueError, match="not the file that was published"):
        handlers.verify(ctx, published, str(album), 1_000_000)
    # And gone when it is withdrawn, twice
    for _ in range(2):
        handlers.withdraw(ctx, str(album))
    assert not album.exists()


def test_the_report_has_a_row_for_each_file(samples, tmp_path):
    ctx = handler_context()
    facts = handlers.check(ctx, str(samples / "attic.jpg"))
    picture = Picture(facts, "resized/attic.jpg", "attic.jpg.jpg", resized=True)
    written = handlers.report(ctx, ["attic.jpg", BROKEN], [picture, None], str(tmp_path / "r.csv"))
    with Path(written).open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["file"], first["outcome"], first["width"]) == ("attic.jpg", "resized", "1600")
    assert (second["file"], second["outcome"], second["sha256"]) == (BROKEN, "broken", "")
