"""Seals the values of a run's payloads, and opens them in their own places alone.

What a value is *about* is its namespace, its run and its place in the run: the run's input, what
a step is given, the items of a loop, the output of a step, an answer of a human (whose step is not
known when it is sealed), or what the run results in. It is authenticated with the value: one that
somebody puts in another place does not open there.
"""

from __future__ import annotations

__all__ = [
    "ANSWER",
    "INPUT",
    "RESULT",
    "SCHEDULE",
    "SECRETS",
    "Sealing",
    "given_place",
    "items_place",
    "output_place",
    "output_places",
]

from typing import TYPE_CHECKING

from flowworker.errors import CorruptRecord, PayloadKeyMissing

if TYPE_CHECKING:
    from flowworker.core.status import Kind
    from flowworker.ports import PayloadCodec

INPUT = "input"
ANSWER = "answer"
RESULT = "result"
SECRETS = "secrets"
SCHEDULE = "schedule"
"""The input of a schedule's runs, as it waits; its run is the schedule's id."""


def output_place(step: str) -> str:
    """The place of what a step's handler put out."""
    return f"output.{step}"


def output_places(step: str) -> tuple[str, str]:
    """The places in which a step's output may stand: a human may have given it."""
    return output_place(step), ANSWER


def given_place(step: str, kind: Kind) -> str:
    """The place of what a step's attempts of that kind are given by `with`."""
    return f"given.{kind}.{step}"


def items_place(step: str) -> str:
    """The place of the items of a loop."""
    return f"items.{step}"


class Sealing:
    """Seals for one namespace, or leaves everything as it is if there is no codec.

    Attributes:
        required: what is not sealed does not open.
        expected: the fleet seals payloads.
    """

    def __init__(
        self,
        codec: PayloadCodec | None = None,
        namespace: str = "",
        *,
        required: bool = False,
        expected: bool = False,
    ) -> None:
        """Seal with `codec`."""
        self.expected = expected
        self._codec = codec
        self._namespace = namespace
        self.required = required

    @property
    def active(self) -> bool:
        """Whether anything is sealed."""
        return self._codec is not None

    async def seal(self, run: str, place: str, data: bytes) -> tuple[str, bytes]:
        """Id of the key and sealed bytes; without a codec an empty id and the bytes."""
        if self._codec is None:
            return "", data
        return await self._codec.seal(data, self._about(run, place))

    async def open(
        self, key: str, data: bytes, run: str, places: tuple[str, ...], where: str
    ) -> bytes:
        """The value that was sealed for one of the places.

        Args:
            key: the id of the key; empty if it is not sealed.
            data: as it was found.
            run: whose value it must be.
            places: in which it may stand.
            where: for errors.

        Raises:
            PayloadKeyMissing: the key is not here.
            CorruptRecord: it does not open, or is not sealed and should be.
        """
        if not key:
            if self.required and data != b"{}":  # which the engine says for nothing
                raise CorruptRecord(where, b"", "it is not sealed, and require_sealed is set")
            return data
        if self._codec is None:
            raise PayloadKeyMissing(key)
        reason = ""
        for place in places:
            try:
                return await self._codec.open(key, data, self._about(run, place))
            except ValueError as error:
                reason = str(error)
        raise CorruptRecord(where, b"", f"sealed with the key {key!r:.80}: {reason}")

    def _about(self, run: str, place: str) -> bytes:
        return f"flowworker payload v1\0{self._namespace}\0{run}\0{place}".encode()
