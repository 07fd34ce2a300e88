"""JSON in and out. Decoders are compiled once per type."""

from __future__ import annotations

__all__ = [
    "MAX_NESTING",
    "UNREADABLE",
    "decode_debounce",
    "decode_limit",
    "decode_pause",
    "decode_record",
    "decode_run",
    "decode_schedule",
    "decode_step",
    "decode_value",
    "encode",
    "encode_sorted",
    "is_json",
    "is_nested_too_deep",
    "version_of",
]

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from flowworker.codec.keys import debounce_key, limit_key, run_key, schedule_key
from flowworker.codec.models import as_json
from flowworker.core.debounce import DebounceRecord
from flowworker.core.limit import LimitRecord
from flowworker.core.occurrence import ScheduleRecord
from flowworker.core.records import RECORD_VERSION, RunRecord, StepRecord
from flowworker.core.standing import PauseRecord
from flowworker.errors import CorruptRecord, NewerRelease

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")
R = TypeVar("R", RunRecord, StepRecord, ScheduleRecord, PauseRecord, DebounceRecord, LimitRecord)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding may raise."""

MAX_NESTING = 256
"""Levels of a value. It is read within messages of some levels, and the interpreter allows for a
thousand calls: what is deeper could be written and never be read."""

encode = msgspec.json.Encoder(enc_hook=as_json).encode
encode_sorted = msgspec.json.Encoder(order="sorted").encode
"""The same with the keys of all objects in order: equal values are equal bytes."""
_run_decoder = msgspec.json.Decoder(RunRecord)
_step_decoder = msgspec.json.Decoder(StepRecord)
_schedule_decoder = msgspec.json.Decoder(ScheduleRecord)
_pause_decoder = msgspec.json.Decoder(PauseRecord)
_limit_decoder = msgspec.json.Decoder(LimitRecord)
_debounce_decoder = msgspec.json.Decoder(DebounceRecord)
_any_decoder = msgspec.json.Decoder(Any)


class _Versioned(msgspec.Struct):
    v: int = 1


_version_decoder = msgspec.json.Decoder(_Versioned)


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
    record = _decode_versioned(key, raw, _run_decoder)
    if key != run_key(record.run):
        raise CorruptRecord(key, raw, f"it is the record of run {record.run[:140]!r}")
    return record


def decode_step(key: str, raw: bytes) -> StepRecord:
    """A step record that this release can read."""
    record = _decode_versioned(key, raw, _step_decoder)
    if key.split(".", 3)[2:] != [record.run, record.step]:
        about = f"step {record.step[:140]!r} of run {record.run[:140]!r}"
        raise CorruptRecord(key, raw, f"it is the record of {about}")
    return record


def decode_schedule(key: str, raw: bytes) -> ScheduleRecord:
    """A schedule's record that this release can read."""
    record = _decode_versioned(key, raw, _schedule_decoder)
    if key != schedule_key(record.id):
        raise CorruptRecord(key, raw, f"it is the record of schedule {record.id[:140]!r}")
    return record


def decode_pause(key: str, raw: bytes) -> PauseRecord:
    """What this release can read of a pause that stands beside the runs."""
    return _decode_versioned(key, raw, _pause_decoder)


def decode_limit(key: str, raw: bytes) -> LimitRecord:
    """A limit's record that this release can read."""
    record = _decode_versioned(key, raw, _limit_decoder)
    if key != limit_key(record.id):
        raise CorruptRecord(key, raw, f"it is the record of limit {record.id[:140]!r}")
    return record


def decode_debounce(key: str, raw: bytes) -> DebounceRecord:
    """What this release can read of starts that replace each other."""
    record = _decode_versioned(key, raw, _debounce_decoder)
    if key != debounce_key(record.id):
        raise CorruptRecord(key, raw, f"it is the record of debounce {record.id[:140]!r}")
    return record


def _decode_versioned(key: str, raw: bytes, decoder: msgspec.json.Decoder[R]) -> R:
    """A record of a version that this release knows; of a newer one the rest may have any form."""
    try:
        record = decode_record(key, raw, decoder)
    except CorruptRecord:
        _check_version(key, raw, version_of(raw))
        raise
    _check_version(key, raw, record.v)
    return record


def _check_version(key: str, raw: bytes, version: int) -> None:
    if version > RECORD_VERSION:
        raise NewerRelease(key, raw, f"in version {version} (this one reads {RECORD_VERSION})")


def version_of(raw: bytes) -> int:
    """The `v` of a JSON object, whatever else is in it; 0 for what is none."""
    try:
        return _version_decoder.decode(raw).v
    except UNREADABLE:
        return 0


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
