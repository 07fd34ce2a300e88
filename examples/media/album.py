"""An album on disk: published whole or not at all, weighed, taken away again, reported."""

from __future__ import annotations

import csv
import html
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from examples.media.pictures import Facts, digest
from flowworker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("file", "outcome", "width", "height", "taken", "camera", "sha256")
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ font: 16px sans-serif; margin: 2em }} img {{ margin: 0 .5em .5em 0 }}</style>
<h1>{title}</h1>
{links}
"""
LINK = '<a href="{file}"><img src="{thumbnail}" alt="{name}" title="{name}"></a>'


class TooHeavy(NonRetryableError):
    """An album has more bytes than it may have."""


@dataclass
class Picture:
    """A picture of an album: what is known of it, and the files to publish."""

    facts: Facts
    file: str
    thumbnail: str
    resized: bool


@dataclass
class Published:
    """A file of a published album, by its path in there."""

    file: str
    thumbnail: str
    sha256: str


def copy(pictures: Sequence[Picture], album: Path) -> list[Published]:
    """Put pictures and thumbnails into the album's folder; a crash leaves all of them or none."""
    unfinished = album.with_name(f"{album.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "thumbnails").mkdir(parents=True)
    published = []
    for picture in pictures:
        file, thumbnail = picture.facts.name, f"thumbnails/{Path(picture.thumbnail).name}"
        shutil.copyfile(picture.file, unfinished / file)
        shutil.copyfile(picture.thumbnail, unfinished / thumbnail)
        published.append(Published(file, thumbnail, digest(unfinished / file)))
    remove(album)
    unfinished.rename(album)
    return published


def write_index(published: Sequence[Published], title: str, album: Path) -> Path:
    """The page that shows the thumbnails, each with a link to its picture."""
    links = (
        LINK.format(
            file=quote(each.file), thumbnail=quote(each.thumbnail), name=html.escape(each.file)
        )
        for each in published
    )
    page = album / "index.html"
    page.write_text(PAGE.format(title=html.escape(title), links="\n".join(links)), "utf-8")
    return page


def verify(published: Sequence[Published], album: Path, max_bytes: int) -> int:
    """Look at what is there; gives its size in bytes.

    Raises:
        TooHeavy: it has more than `max_bytes`.
        ValueError: a file is not what was published.
    """
    for each in published:
        if digest(album / each.file) != each.sha256:
            raise ValueError(f"{each.file} is not the file that was published")
    size = sum(path.stat().st_size for path in album.rglob("*") if path.is_file())
    if size > max_bytes:
        raise TooHeavy(f"the album has {size:,} bytes, and may have {max_bytes:,}")
    return size


def remove(folder: Path) -> None:
    """Take a folder away, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def write_report(files: Sequence[str], pictures: Sequence[Picture | None], into: Path) -> Path:
    """A CSV file with a row for each file; a picture that is None could not be read."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with into.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for path, picture in zip(files, pictures, strict=True):
            writer.writerow(_row(Path(path).name, picture))
    return into


def _row(name: str, picture: Picture | None) -> list[str | int]:
    if picture is None:
        return [name, "broken", "", "", "", "", ""]
    facts = picture.facts
    outcome = "resized" if picture.resized else "as it is"
    return [
        name, outcome, facts.width, facts.height, facts.taken, facts.camera, facts.sha256
    ]  # fmt: skip
