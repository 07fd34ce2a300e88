"""Recorded messages: one JSON object a line, one file per scenario, in the order of their sending.

A body that is a JSON object stands in its line byte for byte. Any other is `text`: pieces, of which
`["x", 5000]` stands for five thousand times that character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

_REPEATED = re.compile(r"(.)\1{999,}", re.DOTALL)


class Message(Struct, omit_defaults=True):
    """A message as it was sent.

    Attributes:
        stream: that has stored it, under `sequence`; empty for core NATS.
        refused: why it was not stored: as a duplicate, or since somebody else wrote first.
    """

    subject: str
    headers: dict[str, str] = {}
    stream: str = ""
    sequence: int = 0
    refused: str = ""
    body: Raw = Raw(b"")
    text: tuple[str | tuple[str, int], ...] = ()

    @property
    def data(self) -> bytes:
        """The body as it was sent."""
        pieces = (piece if isinstance(piece, str) else piece[0] * piece[1] for piece in self.text)
        return bytes(self.body) + "".join(pieces).encode()

    @property
    def is_marker(self) -> bool:
        """Whether it stands for a key that was given up."""
        return "KV-Operation" in self.headers

    @property
    def key(self) -> str:
        """Of a record, in its bucket."""
        return self.subject.split(".", 2)[2]


def message(subject: str, headers: dict[str, str], data: bytes) -> Message:
    """A message with its body where it can be read best."""
    text = data.decode()
    if _is_object(data) and not _REPEATED.search(text):
        return Message(subject, headers, body=Raw(data))
    return Message(subject, headers, text=tuple(_pieces(text)))


def write(path: Path, messages: Iterable[Message]) -> None:
    path.write_bytes(msgspec.json.Encoder().encode_lines(messages))


def read(path: Path) -> list[Message]:
    return msgspec.json.Decoder(Message).decode_lines(path.read_bytes())


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(data), dict)
    except msgspec.DecodeError:
        return False


def _pieces(text: str) -> Iterable[str | tuple[str, int]]:
    end = 0
    for found in _REPEATED.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        yield found[1], len(found[0])
        end = found.end()
    if text[end:]:
        yield text[end:]
