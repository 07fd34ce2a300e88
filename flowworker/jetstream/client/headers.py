"""Message headers as bytes, without a server: encode, decode, status lines."""

from __future__ import annotations

__all__ = [
    "EXPECTED",
    "EXPECTED_OF",
    "GIVEN_UP",
    "MSG_ID",
    "TTL",
    "decode",
    "encode",
    "expecting",
    "identified",
    "is_marker",
    "schedule",
    "status_of",
]

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

MSG_ID = "Nats-Msg-Id"
"""Messages of one id are stored once within the stream's duplicate window."""
EXPECTED = "Nats-Expected-Last-Subject-Sequence"
"""Compare-and-set: the subject's last message must have that sequence, 0 for none."""
EXPECTED_OF = "Nats-Expected-Last-Subject-Sequence-Subject"
"""Which subject's, or whichever subjects' that match, if not the message's own."""
TTL = "Nats-TTL"
"""How long the message lives, such as `10s`, where its stream allows that."""
GIVEN_UP = {"KV-Operation": "DEL", TTL: "1s"}
"""Marks a key as deleted, for as short as a server can."""

_DELETED = b"\r\nKV-Operation:"
"""What other tools leave behind when they delete a key."""
_EXPIRED = b"\r\nNats-Marker-Reason:"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_BREAK = re.compile(r"[\r\n]")
_MAX_BLOCK = 64 * 1024 - 1
"""Bytes that a server stores as the headers of one message."""


def encode(headers: Mapping[str, str]) -> bytes:
    """A header block; nothing for no headers.

    Raises:
        InvalidInput: a name or a value would break the block, or it is larger than a server takes.
    """
    if not headers:
        return b""
    lines = ["NATS/1.0"]
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None:
            raise InvalidInput(f"a header name must be one word of ASCII, found {name[:80]!r}")
        if _LINE_BREAK.search(value):
            raise InvalidInput(f"header {name} must be one line, found {value[:80]!r}")
        lines.append(f"{name}: {value}")
    try:
        block = "\r\n".join([*lines, "", ""]).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"a header must be Unicode text: {error}") from error
    if len(block) > _MAX_BLOCK:
        longest = max(headers, key=lambda name: len(headers[name]))
        raise InvalidInput(
            f"headers have {len(block):,} bytes and may have {_MAX_BLOCK:,}: {longest} is too long"
        )
    return block


def identified(identity: str) -> bytes:
    """The block of a message's id alone, which nearly all have; raises as `encode` does."""
    if len(identity) < _MAX_BLOCK // 2 and identity.isascii() and identity.isprintable():
        return f"NATS/1.0\r\n{MSG_ID}: {identity}\r\n\r\n".encode()
    return encode({MSG_ID: identity})


def expecting(sequence: int) -> bytes:
    """The block of a compare-and-set over that sequence."""
    return b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: %d\r\n\r\n" % sequence


def decode(block: bytes | None) -> dict[str, str]:
    """Headers by name; of a name that occurs twice, the last. Broken lines are left out."""
    if not block:
        return {}
    found: dict[str, str] = {}
    for line in block.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.strip().decode("ascii", "replace")] = value.strip().decode(
                "utf-8", "replace"
            )
    return found


def is_marker(block: bytes | None) -> bool:
    """Whether a key was deleted or expired: this is what is left of it."""
    return block is not None and (_DELETED in block or _EXPIRED in block)


def status_of(block: bytes | None) -> tuple[int, str] | None:
    """Code and description of a status message (`NATS/1.0 408 Request Timeout`), else None."""
    if not block or block[8:9] != b" ":
        return None
    code, _, text = block[9 : block.index(b"\r\n")].partition(b" ")
    return (int(code) if code.isdigit() else 0), text.decode("utf-8", "replace")


def schedule(at: float, target: str) -> dict[str, str]:
    """Headers that let a message wait until `at` (epoch seconds) and then go to `target`.

    It replaces what waits on the same subject.
    """
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "Nats-Schedule": f"@at {moment}",
        "Nats-Schedule-Target": target,
        "Nats-Rollup": "sub",
    }
