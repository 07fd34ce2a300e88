"""Draws a folder of pictures: `python -m examples.media.samples FOLDER`.

The same seed draws the same ones. Large and small, in two formats, some with EXIF data, one on
its side as a telephone stores it, and one file that breaks off in the middle.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from random import Random

from PIL import ExifTags, Image, ImageDraw, ImageOps

NAMES = (
    "attic", "bakery", "canal", "dunes", "estuary", "ferry",
    "garden", "harbour", "island", "jetty", "kiosk", "lighthouse",
)  # fmt: skip
LARGE, SMALL = (1600, 1200), (480, 360)
BROKEN = "moor.jpg"
ON_ITS_SIDE = 6


def draw_samples(folder: Path, seed: int = 7) -> list[Path]:
    """Twelve pictures and a broken one, sorted by name."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = Random(seed)
    paths = [_sample(folder, number, name, chance) for number, name in enumerate(NAMES)]
    broken = folder / BROKEN
    broken.write_bytes(paths[0].read_bytes()[:2000])
    return sorted([*paths, broken])


def _sample(folder: Path, number: int, name: str, chance: Random) -> Path:
    picture = _landscape(LARGE if number % 3 == 0 else SMALL, chance)
    if number % 4 == 1:
        path = folder / f"{name}.png"
        picture.save(path)
        return path
    exif = Image.Exif()
    if number % 2 == 0:
        exif[ExifTags.Base.Model] = "Box Camera 2"
        taken = f"2026:06:{number + 1:02} 10:{chance.randrange(60):02}:00"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    if number == len(NAMES) - 1:
        exif[ExifTags.Base.Orientation] = ON_ITS_SIDE
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    path = folder / f"{name}.jpg"
    picture.save(path, quality=85, exif=exif)
    return path


def _landscape(size: tuple[int, int], chance: Random) -> Image.Image:
    """A sky, a sun, and three lines of hills."""
    width, height = size
    hue = chance.randrange(360)
    sky = Image.linear_gradient("L").resize(size)
    picture = ImageOps.colorize(sky, f"hsl({hue}, 70%, 45%)", f"hsl({(hue + 40) % 360}, 80%, 85%)")
    draw = ImageDraw.Draw(picture)
    x, y, radius = chance.random() * width, height * (0.2 + 0.2 * chance.random()), height / 12
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill="#fff6d0")
    for line in range(3):
        waves, phase = 1 + 3 * chance.random(), 6 * chance.random()
        base, rise = height * (0.55 + 0.15 * line), height / (8 + 4 * line)
        points = [
            (x, base + rise * math.sin(phase + waves * math.tau * x / width))
            for x in range(0, width + 8, 8)
        ]
        shade = f"hsl({(hue + 160) % 360}, 35%, {42 - 12 * line}%)"
        draw.polygon([(0, height), *points, (width, height)], fill=shade)
    return picture


def main() -> None:
    """Draw them into the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m examples.media.samples", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    for path in draw_samples(options.folder, options.seed):
        print(path)


if __name__ == "__main__":
    main()
