"""The handlers of the workflows: they take paths and give paths, so that files stay on disk.

Each can be called twice: it writes the same file again.
"""

from __future__ import annotations

from pathlib import Path

from examples.media import album as albums
from examples.media import pictures as drawing
from examples.media.album import Picture, Published
from examples.media.pictures import Facts
from flowworker import App, NonRetryableError, StepContext

app = App()


@app.step("media.list")
def list_files(ctx: StepContext, folder: str) -> list[str]:
    if not Path(folder).is_dir():
        raise NonRetryableError(f"{folder} is no folder")
    files = (path for path in Path(folder).iterdir() if path.suffix.lower() in drawing.SUFFIXES)
    return sorted(str(path.absolute()) for path in files)


@app.step("media.check")
def check(ctx: StepContext, file: str) -> Facts:
    return drawing.facts(Path(file))


@app.step("media.resize")
def resize(ctx: StepContext, file: str, longest: int, folder: str) -> str:
    path = Path(file)
    return str(drawing.resize(path, longest, Path(folder, "resized", path.name)))


@app.step("media.thumbnail")
def thumbnail(ctx: StepContext, file: str, folder: str) -> str:
    path = Path(file)
    return str(drawing.thumbnail(path, Path(folder, "thumbnails", f"{path.name}.jpg")))


@app.step("media.sheet")
def sheet(ctx: StepContext, files: list[str], title: str, folder: str) -> str:
    return str(drawing.sheet([Path(file) for file in files], title, Path(folder, "sheet.jpg")))


@app.step("media.copy")
def copy(ctx: StepContext, pictures: list[Picture], album: str) -> list[Published]:
    return albums.copy(pictures, Path(album))


@app.step("media.index")
def index(ctx: StepContext, published: list[Published], title: str, album: str) -> str:
    return str(albums.write_index(published, title, Path(album)))


@app.step("media.verify")
def verify(ctx: StepContext, published: list[Published], album: str, max_bytes: int) -> int:
    return albums.verify(published, Path(album), max_bytes)


@app.step("media.withdraw")
def withdraw(ctx: StepContext, album: str) -> None:
    albums.remove(Path(album))


@app.step("media.report")
def report(ctx: StepContext, files: list[str], pictures: list[Picture | None], report: str) -> str:
    return str(albums.write_report(files, pictures, Path(report)))


@app.step("media.clean")
def clean(ctx: StepContext, folder: str) -> None:
    albums.remove(Path(folder))
