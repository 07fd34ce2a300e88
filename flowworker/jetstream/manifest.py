"""What a folder is the backup of, and whether it still is.

The folder is as `flowworker.jetstream.backups` says.
"""

from __future__ import annotations

__all__ = ["CONTENT", "FORMAT", "MANIFEST", "META", "Manifest", "Part", "manifest_of", "ordered"]

import hashlib
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

from flowworker.codec.json import UNREADABLE
from flowworker.errors import InvalidInput
from flowworker.jetstream.names import Names
from flowworker.jetstream.shards import Spread

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
MANIFEST, META, CONTENT = "namespace.json", "backup.json", "stream.tar.s2"


class Part(Struct, frozen=True):
    """A stream of a backup.

    Attributes:
        messages: that were in it.
        size: of the file with its content.
        sha256: of that file, and the one with its configuration behind it.
    """

    stream: str
    messages: int
    size: int
    sha256: str


class Manifest(Struct, frozen=True):
    """What a folder is the backup of.

    Attributes:
        release: of flowworker, that took it.
        began, ended: epoch seconds.
        since: sequence of each bucket of runs when it began.
        partitions, shards: of the namespace.
    """

    namespace: str
    release: str
    began: float
    ended: float
    since: tuple[int, ...]
    partitions: int
    shards: int
    streams: tuple[Part, ...]
    format: int = field(default=FORMAT)

    @property
    def names(self) -> Names:
        """Of the namespace."""
        return Names(self.namespace, Spread(self.partitions, self.shards))


def ordered(names: Names) -> list[str]:
    """The streams of a namespace, as they are taken and restored."""
    streams = [names.commands]
    streams += [shard.steps for shard in names.shards]
    streams += [shard.events for shard in names.shards]
    streams += [shard.runs.stream for shard in names.shards]
    return streams + [one.stream for one in (names.payloads, names.definitions, names.locks)]


def manifest_of(folder: Path) -> Manifest:
    """What a folder is the backup of, after all of it was read once.

    Raises:
        InvalidInput: it is none, of a newer form, or damaged.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, *UNREADABLE) as error:
        raise InvalidInput(
            f"{folder} is no backup of a namespace: {MANIFEST} cannot be read ({error}); it is "
            "written when a backup is complete"
        ) from error
    if manifest.format > FORMAT:
        raise InvalidInput(
            f"{folder} is a backup of form {manifest.format}, made by flowworker "
            f"{manifest.release}; this release reads form {FORMAT}: restore it with that one"
        )
    expected = ordered(manifest.names)
    if [part.stream for part in manifest.streams] != expected:
        raise InvalidInput(
            f"{folder / MANIFEST}: expected the streams {', '.join(expected)}, in this order; a "
            "namespace comes back under the name that it had"
        )
    for part in manifest.streams:
        below = folder / part.stream
        with (below / CONTENT).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        digest.update((below / META).read_bytes())
        if digest.hexdigest() != part.sha256:
            raise InvalidInput(
                f"{below} is not what was written when the backup was made: its SHA-256 differs; "
                "take it from another copy"
            )
    return manifest
