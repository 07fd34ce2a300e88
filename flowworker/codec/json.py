"""JSON in and out. Decoders are compiled once per type."""

from __future__ import annotations

__all__ = ["decode_record", "decode_run", "decode_step", "encode", "is_json"]

from typing import Any, TypeVar

import msgspec

from flowworker.core.records import RECORD_VERSION, RunRecord, StepRecord
from flowworker.errors import CorruptRecord

T = TypeVar("T")

encode = msgspec.json.Encoder().encode
_run_decoder = msgspec.json.Decoder(RunRecord)
_step_decoder = msgspec.json.Decoder(StepRecord)
_any_decoder = msgspec.json.Decoder(Any)


def decode_record(key: str, raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A stored value, or CorruptRecord with its key and bytes."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptRecord(key, raw, str(error)) from error


def decode_run(key: str, raw: bytes) -> RunRecord:
    """A run record that this release can read."""
    record = decode_record(key, raw, _run_decoder)
    _check_version(key, raw, record.v)
    return record


def decode_step(key: str, raw: bytes) -> StepRecord:
    """A step record that this release can read."""
    record = decode_record(key, raw, _step_decoder)
    _check_version(key, raw, record.v)
    return record


def _check_version(key: str, raw: bytes, version: int) -> None:
    if version > RECORD_VERSION:
        reason = f"written by a newer release (version {version}, this one reads {RECORD_VERSION})"
        raise CorruptRecord(key, raw, reason)


def is_json(raw: bytes) -> bool:
    """Whether the bytes are one valid JSON value."""
    try:
        _any_decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
