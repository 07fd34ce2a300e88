"""Which of the user's files changed: looked at now and then, as that works on every file system."""

from __future__ import annotations

__all__ = ["Changes"]

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LOOK = 0.25
"""Seconds between looks."""

_CODE = (".py",)
_DEFINITIONS = (".yaml", ".yml", ".json")
_NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})


class Changes:
    """Python files below a directory, definitions, and other files that the app has loaded."""

    def __init__(self, directory: Path, definitions: Path | None) -> None:
        """Changes from now on count.

        Args:
            directory: whose Python files are watched, hidden ones and environments left out.
            definitions: a file, or a directory with all below.
        """
        self._directory = directory
        self._definitions = definitions
        self._others: frozenset[Path] = frozenset()
        self._seen = self._look()

    def watch(self, files: Iterable[Path]) -> None:
        """Watch these files as well."""
        added = {file.resolve() for file in files} - self._seen.keys()
        self._others |= added
        self._seen |= _states(added)

    async def next(self) -> list[Path]:
        """The files that changed, came or went since the last time, once they change no more."""
        while (now := await self._look_aside()) == self._seen:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
        while True:
            await asyncio.sleep(_LOOK)
            before, now = now, await self._look_aside()
            if now == before:
                break
        changed = {file for file, _ in now.items() ^ self._seen.items()}
        self._seen = now
        return sorted(changed)

    async def _look_aside(self) -> dict[Path, tuple[int, int]]:
        """Look without holding up the event loop; again, if meanwhile there is more to watch."""
        while True:
            others = self._others
            now = await asyncio.to_thread(self._look)
            if self._others is others:
                return now

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = {*_below(self._directory, _CODE), *self._others}
        if self._definitions is not None and self._definitions.is_dir():
            found.update(_below(self._definitions, _DEFINITIONS))
        elif self._definitions is not None:
            found.add(self._definitions.resolve())
        return _states(found)


def _states(files: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """When each file was changed, and its size; without those that are not there."""
    states = {}
    for file in files:
        with suppress(OSError):
            state = file.stat()
            states[file] = state.st_mtime_ns, state.st_size
    return states


def _below(directory: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for where, directories, files in os.walk(directory.resolve()):
        here = Path(where)
        directories[:] = [name for name in directories if _is_ours(here / name)]
        yield from (here / name for name in files if name.endswith(suffixes))


def _is_ours(directory: Path) -> bool:
    name = directory.name
    # Not Path.exists, which raises where we may not look.
    is_environment = os.path.exists(directory / "pyvenv.cfg")
    return not (name.startswith(".") or name in _NOT_OURS or is_environment)
