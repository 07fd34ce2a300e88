"""JSON in and out. Decoders are compiled once per type."""

from __future__ import annotations

__all__ = [
    "MAX_NESTING",
    "UNREADABLE",
    "decode_record",
    "decode_run",
    "decode_step",
    "decode_value",
    "encode",
    "is_json",
    "is_nested_too_deep",
]

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from flowworker.codec.keys import run_key
from flowworker.codec.models import as_json
from flowworker.core.records import RECORD_VERSION, RunRecord, StepRecord
from flowworker.errors import CorruptRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding may raise."""

MAX_NESTING = 256
"""Levels of a value. It is read within messages of some levels, and the interpreter allows for a
thousand calls: what is deeper could be written and never be read."""

encode = msgspec.json.Encoder(enc_hook=as_json).encode
_run_decoder = msgspec.json.Decoder(RunRecord)
_step_decoder = msgspec.json.Decoder(StepRecord)
_any_decoder = msgspec.json.Decoder(Any)


def decode_record(key: str, raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A stored value, or CorruptRecord with its key and bytes."""
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        raise CorruptRecord(key, raw, str(error)) from error


def decode_value(key: str, raw: bytes) -> Any:
    """A stored value of any shape, or CorruptRecord with its key and bytes."""
    return decode_record(key, raw, _any_decoder)


def decode_run(key: str, raw: bytes) -> RunRecord:
    """A run record that this release can read."""
    record = decode_record(key, raw, _run_decoder)
    _check_version(key, raw, record.v)
    if key != run_key(record.run):
        raise CorruptRecord(key, raw, f"it is the record of run {record.run[:140]!r}")
    return record


def decode_step(key: str, raw: bytes) -> StepRecord:
    """A step record that this release can read."""
    record = decode_record(key, raw, _step_decoder)
    _check_version(key, raw, record.v)
    if not key.endswith(f".{record.run}.{record.step}"):
        about = f"step {record.step[:140]!r} of run {record.run[:140]!r}"
        raise CorruptRecord(key, raw, f"it is the record of {about}")
    return record


def _check_version(key: str, raw: bytes, version: int) -> None:
    if version > RECORD_VERSION:
        reason = f"written by a newer release (version {version}, this one reads {RECORD_VERSION})"
        raise CorruptRecord(key, raw, reason)


def is_json(raw: bytes) -> bool:
    """Whether the bytes are one valid JSON value."""
    try:
        _any_decoder.decode(raw)
    except UNREADABLE:
        return False
    return True


def is_nested_too_deep(raw: bytes) -> bool:
    """Whether a valid JSON value has more than MAX_NESTING levels of arrays and objects."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_NESTING:
        return False
    try:
        level = _containers([_any_decoder.decode(raw)])
    except RecursionError:
        return True
    for _ in range(MAX_NESTING):
        level = [
            inner
            for outer in level
            for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, list | dict)]
