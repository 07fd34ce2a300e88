"""A namespace as a folder, and back, while its fleet goes on.

    <folder>/namespace.json              what it is, written last: without it, it is no backup
    <folder>/<STREAM>/backup.json        the configuration and state of a stream
    <folder>/<STREAM>/stream.tar.s2      its messages and its consumers

The seven snapshots are not of one moment, so their order matters (decision 0043). Records are taken
after all that refers to them, and what they refer to after them:

    commands   a start that becomes a run meanwhile comes again, and finds its run
    steps      a message that is served meanwhile comes again, and finds its outcome
    events     a fact that is older than its record is what recovery is made for
    runs       the truth: no message and no event tells of a record that is not there
    payloads, definitions    what a record names was written before the record
    locks      leases that have ended; the numbers of later ones go on from here

What was published between the snapshots of events and runs is in no history. Recovery publishes
it for runs that go on. Those that ended in between nobody would look at: they are listed as
unfinished in a restored namespace, as is a run whose coordinator died before its end was published.
"""

from __future__ import annotations

__all__ = ["restore", "take"]

import asyncio
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import InvalidInput, Unavailable
from flowworker.jetstream.client.api import RESTORE_FAILED, Api, ApiError
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.client.snapshots import CHUNK, Snapshot, restored, snapshot
from flowworker.jetstream.manifest import (
    CONTENT,
    MANIFEST,
    META,
    Manifest,
    Part,
    ordered,
)
from flowworker.jetstream.records import BucketRecords
from flowworker.jetstream.topology.namespaces import holdings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.shards import Bucket

_PAUSES = (0.2, 1.0, 3.0)
"""Seconds until a stream is restored again."""


class _Taking:
    """Takes a file and its digest together."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        with self._named():
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def close(self) -> None:
        with self._named():
            self._file.close()

    def digest(self, meta: bytes) -> str:
        self._digest.update(meta)
        return self._digest.hexdigest()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A write does not say by itself for which file there is no room."""
        try:
            yield
        except OSError as error:
            error.filename = self._file.name
            raise


async def take(
    connection: Connection,
    names: Names,
    folder: Path,
    release: str,
    now: Callable[[], float],
    each: Callable[[Part], Any],
) -> Manifest:
    """Take a backup; `each` is called with every stream once it is taken.

    Raises:
        InvalidInput: the folder exists and is not empty.
        NamespaceNotFound, TopologyMismatch: there is no such namespace, or not all of it.
        Unavailable: the server refuses, or the connection was lost; the folder is no backup then.
    """
    api = Api(connection)
    found = {held.stream for held in await holdings(api, names)}
    if lacking := [stream for stream in ordered(names) if stream not in found]:
        raise InvalidInput(
            f"namespace {names.namespace!r} has no stream {', '.join(lacking)}: a coordinator or "
            "`flowworker setup` creates what is missing"
        )
    _make(folder)
    began, parts = now(), []
    since = tuple([await _last_sequence(api, shard.runs.stream) for shard in names.shards])
    for stream in ordered(names):
        below = folder / stream
        below.mkdir()
        taking = _Taking(below / CONTENT)
        try:
            taken = await snapshot(connection, stream, taking.write)
        finally:
            taking.close()
        meta = msgspec.json.encode(taken)
        (below / META).write_bytes(meta)
        parts.append(Part(stream, taken.state.get("messages", 0), taking.size, taking.digest(meta)))
        each(parts[-1])
    manifest = Manifest(names.namespace, release, began, now(), since, *names.spread, tuple(parts))
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def _make(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} exists: a backup is made in a folder that is new or empty")
    folder.mkdir(parents=True, exist_ok=True)


async def restore(
    connection: Connection,
    manifest: Manifest,
    folder: Path,
    replicas: int | None,
    each: Callable[[Part], Any],
) -> dict[RunStatus, int]:
    """Make a namespace of a backup; how many runs it has by state.

    Args:
        connection: to a server that has no stream of that namespace.
        manifest: of the backup.
        folder: the backup.
        replicas: of each stream; as they were if None.
        each: called with every stream once it is there.

    Raises:
        InvalidInput: the namespace exists. Nothing was changed.
        Unavailable: the server refuses, or the connection was lost. What was made is removed, or
            named if it could not be.
    """
    api, names = Api(connection), manifest.names
    await _refuse_existing(api, names)
    made: list[str] = []
    try:
        for part in manifest.streams:
            below = folder / part.stream
            of = msgspec.json.decode((below / META).read_bytes(), type=Snapshot)
            if replicas is not None:
                of = msgspec.structs.replace(of, config={**of.config, "num_replicas": replicas})
            await _restored(connection, api, part.stream, of, below / CONTENT)
            made.append(part.stream)
            each(part)
        for shard, since in zip(names.shards, manifest.since, strict=True):
            await _list_again(Publisher(connection), api, shard.runs, since)
    except BaseException as error:
        try:
            for stream in made:
                await api.remove(stream)
        except Unavailable:
            raise Unavailable(
                f"{str(error) or type(error).__name__}; what was made could not be removed: "
                f"`flowworker namespace delete {manifest.namespace}` before the next attempt"
            ) from error
        raise
    return {status: await _count(api, names, status) for status in RunStatus}


async def _restored(
    connection: Connection, api: Api, stream: str, of: Snapshot, content: Path
) -> None:
    """Make a stream of what was taken of it; again, if one of that name was removed just now.

    A server removes files behind its answer. If those of an earlier stream are still being removed,
    those of the last one stay, and a stream that is made meanwhile has the messages of that
    (nats-server 2.15: `fileStore.Delete`, which moves them to a name that is in use). It stays as
    well, though its restore fails.
    """
    pauses = iter(_PAUSES)
    while True:
        try:
            return await restored(connection, stream, of, _chunks(content))
        except ApiError as error:
            if error.failure.err_code != RESTORE_FAILED:
                raise
            await api.remove(stream)
            if (pause := next(pauses, None)) is None:
                raise
            await asyncio.sleep(pause)


async def _refuse_existing(api: Api, names: Names) -> None:
    for stream in ordered(names):
        if await api.stream(stream) is not None:
            raise InvalidInput(
                f"namespace {names.namespace!r} exists: there is a stream {stream}; a backup is "
                "restored where there is none. Stop the fleet, which would create it anew, and "
                f"`flowworker namespace delete {names.namespace}`"
            )


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


async def _last_sequence(api: Api, stream: str) -> int:
    return int((await api.call(f"STREAM.INFO.{stream}"))["state"]["last_seq"])


async def _list_again(publisher: Publisher, api: Api, bucket: Bucket, since: int) -> None:
    """List runs as unfinished whose end may be in no history, so that recovery looks at them."""
    records = BucketRecords(publisher, api, bucket)
    for status in TERMINAL:
        prefix = f"{bucket.prefix}index.{status}."
        query: dict[str, Any] = {"next_by_subj": f"{prefix}>", "seq": since + 1}
        while (found := await api.message(bucket.stream, query)) is not None:
            await records.put(
                f"index.{RunStatus.RUNNING}.{found.subject.removeprefix(prefix)}", b""
            )
            query["seq"] = found.seq + 1


async def _count(api: Api, names: Names, status: RunStatus) -> int:
    count = 0
    for bucket in (shard.runs for shard in names.shards):
        pattern = bucket.filter(f"index.{status}.>")
        info = await api.call(f"STREAM.INFO.{bucket.stream}", {"subjects_filter": pattern})
        count += int(info.get("total") or len(info["state"].get("subjects") or {}))
    return count
