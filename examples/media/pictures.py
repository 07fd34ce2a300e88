"""What is done with one picture, and the sheet that shows many; by Pillow, without workflows.

Files are written under another name first, so that a crash leaves the whole file or none.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, ImageDraw, ImageOps

from flowworker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
THUMBNAIL = 160
COLUMNS = 4


class BrokenPicture(NonRetryableError):
    """A file that is no picture, or not a whole one; it will not get better."""


@dataclass
class Facts:
    """What is known of a picture; `taken` and `camera` from its EXIF data, empty without."""

    name: str
    width: int
    height: int
    sha256: str
    taken: str
    camera: str


def facts(path: Path) -> Facts:
    """Read a picture to its last byte.

    Raises:
        BrokenPicture: that cannot be done.
    """
    with _opened(path) as picture:
        exif = picture.getexif()
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal, "")
        return Facts(
            name=path.name,
            width=picture.width,
            height=picture.height,
            sha256=digest(path),
            taken=str(taken),
            camera=str(exif.get(ExifTags.Base.Model, "")),
        )


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def resize(path: Path, longest: int, into: Path) -> Path:
    """A copy whose longer side has that many pixels, in the format of the original."""
    with _opened(path) as picture:
        smaller = ImageOps.contain(picture, (longest, longest))
        return _saved(smaller, into, picture.format or "PNG")


def thumbnail(path: Path, into: Path) -> Path:
    """A square of the middle of a picture, as JPEG."""
    with _opened(path) as picture:
        square = ImageOps.fit(picture.convert("RGB"), (THUMBNAIL, THUMBNAIL))
        return _saved(square, into, "JPEG")


def sheet(paths: Sequence[Path], title: str, into: Path) -> Path:
    """One picture that shows many, each with its name."""
    cell, margin, line = THUMBNAIL, 16, 20
    rows = -(-len(paths) // COLUMNS)
    size = (COLUMNS * (cell + margin) + margin, rows * (cell + line + margin) + line + 2 * margin)
    drawn = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(drawn)
    draw.text((margin, margin), title, fill="black", font_size=16)
    for number, path in enumerate(paths):
        row, column = divmod(number, COLUMNS)
        x = margin + column * (cell + margin)
        y = line + 2 * margin + row * (cell + line + margin)
        with _opened(path) as picture:
            drawn.paste(ImageOps.fit(picture.convert("RGB"), (cell, cell)), (x, y))
        draw.text((x, y + cell + 3), path.stem[:24], fill="black", font_size=12)
    return _saved(drawn, into, "JPEG")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A picture, decoded and turned the way that it was taken."""
    try:
        with Image.open(path) as picture:
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BrokenPicture(f"{path.name}: {error}") from error
    yield picture


def _saved(picture: Image.Image, into: Path, format_: str) -> Path:
    into.parent.mkdir(parents=True, exist_ok=True)
    unfinished = into.with_name(f"{into.name}.unfinished")
    picture.save(unfinished, format_)
    unfinished.replace(into)
    return into
