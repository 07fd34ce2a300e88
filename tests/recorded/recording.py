"""What was recorded, and the parts of it that tests ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from flowworker.codec.json import decode_run
from tests.recorded.files import Message, read

EVENTS = "flowworker.event."
HOME = Path(__file__).parent


class Recording:
    """One folder: all that one fleet said on one server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return self._folder.name

    @cached_property
    def messages(self) -> list[Message]:
        """All, those of a scenario in the order of their sending."""
        return [each for path in sorted(self._folder.glob("*.jsonl")) for each in read(path)]

    def stored(self, stream: str) -> list[Message]:
        """What a stream has stored, in its order."""
        found = (each for each in self.messages if each.stream == stream)
        return sorted(found, key=lambda each: each.sequence)

    def keys(self, bucket: str) -> Iterator[tuple[str, bytes]]:
        """Keys and values that a bucket has stored, in its order."""
        for each in self.stored(f"KV_{bucket}"):
            yield each.key, each.data

    @cached_property
    def definitions(self) -> dict[str, bytes]:
        """What stands in the definitions bucket, by key."""
        return dict(self.keys("flowworker_definitions"))

    def runs(self) -> list[str]:
        """The ids of all runs of the fleet that has the default namespace, but of refused ones."""
        records = [decode_run(*each) for each in self.keys("flowworker_runs") if _is_run(*each)]
        refused = {each.run for each in records if each.refused}
        return sorted({each.run for each in records} - refused)

    def kin(self, run: str) -> Iterator[str]:
        """A run, the runs that are steps of it, and the one that it is a rerun of, with its kin."""
        yield run
        records = [decode_run(*each) for each in self.keys("flowworker_runs") if _is_run(*each)]
        children = {each.run for each in records if each.parent and each.parent.run == run}
        before = {each.rerun_of for each in records if each.run == run and each.rerun_of}
        for other in sorted(children | before):
            yield from self.kin(other)

    def of_family(self, run: str) -> list[Message]:
        """The same as `of_run`, of a run and its kin."""
        return self.of_run("|".join(self.kin(run)))

    def of_run(self, run: str) -> list[Message]:
        """Records, events and step messages of a run, as stored, in the order of their sending."""
        about = re.compile(
            rf"\$KV\.flowworker_runs\.(run\.({run})|(step\.[^.]+|emit)\.({run})\..+)"
            rf"|flowworker\.(event\.\d+|step\.[^.]+\.[^.]+|timer\.at\.step)\.({run})\..+"
        )
        return [each for each in self.messages if each.sequence and about.fullmatch(each.subject)]


def _is_run(key: str, data: bytes) -> bool:
    return key.startswith("run.") and data != b""


RECORDINGS = [Recording(path) for path in sorted(HOME.glob("v*/"))]
"""The oldest first."""
