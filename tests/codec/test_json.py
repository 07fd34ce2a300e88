"""Stored bytes: read, or reported with all that is known of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.codec.json import (
    decode_run,
    decode_schedule,
    decode_step,
    decode_value,
    encode,
    is_json,
    is_nested_too_deep,
)
from flowworker.core.occurrence import ScheduleRecord
from flowworker.core.payload import EMPTY
from flowworker.core.records import MAX_MOMENT, RECORD_VERSION, RunRecord, StepRecord
from flowworker.core.schedule import Schedule
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.errors import CorruptRecord, NewerRelease

RUN = RunRecord("r", "w", "hash", RunStatus.RUNNING, EMPTY, 1.0)
STEP = StepRecord("r", "s", Kind.RUN, 1, 1, Outcome.RUNNING)
SCHEDULE = ScheduleRecord(Schedule("s", every=60.0), "w", 1.0, 1.0, "1@1.0", 1.0)


def test_records_are_read_as_they_were_written():
    assert decode_run("run.r", encode(RUN)) == RUN
    assert decode_step("step.q.r.s", encode(STEP)) == STEP
    assert decode_schedule("schedule.s", encode(SCHEDULE)) == SCHEDULE


def test_a_field_of_a_newer_release_is_passed_over():
    raw = encode(STEP)[:-1] + b',"new":1}'

    assert decode_step("step.q.r.s", raw) == STEP


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[]", b"{}", b'{"run": 1}', b"\xff", b"[" * 9999]
)
@pytest.mark.parametrize("decode", [decode_run, decode_step, decode_schedule])
def test_what_cannot_be_read_is_kept(decode, raw):
    with pytest.raises(CorruptRecord, match=r"some\.key: stored bytes cannot be read") as caught:
        decode("some.key", raw)

    assert (caught.value.key, caught.value.raw) == ("some.key", raw)


@pytest.mark.parametrize(
    ("decode", "record"),
    [(decode_run, RUN), (decode_step, STEP), (decode_schedule, SCHEDULE)],
)
def test_a_newer_version_is_refused(decode, record):
    raw = encode(record)[:-1] + b',"v":%d}' % (RECORD_VERSION + 1)

    for newer in (raw, b'{"v":%d,"in":"another form"}' % (RECORD_VERSION + 1)):
        with pytest.raises(NewerRelease, match="written by a newer release, in"):
            decode("some.key", newer)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"{}", True), (b"null", True), (b" 1 ", True), (b"", False), (b"{", False), (b"\xff", False)],
)
def test_json_is_distinguished_from_other_bytes(raw, expected):
    assert is_json(raw) is expected


@pytest.mark.parametrize(("levels", "too_deep"), [(1, False), (256, False), (257, True)])
@pytest.mark.parametrize(
    ("before", "core", "after"),
    [("[", "", "]"), ('{"a":', "1", "}"), ('[1,{},"[[[",', "[]", ",[]]")],
)
def test_levels_are_counted(levels, too_deep, before, core, after):
    around = levels - (core == "[]")

    assert is_nested_too_deep((around * before + core + around * after).encode()) is too_deep


def test_what_is_deeper_than_the_interpreter_is_too_deep():
    assert is_nested_too_deep(b"[" * 9999 + b"]" * 9999)


def test_many_brackets_are_not_deep():
    assert not is_nested_too_deep(encode([[{}]] * 9999))
    assert not is_nested_too_deep(encode("[" * 9999))


def test_a_value_of_any_shape():
    assert decode_value("some.key", b'{"a":[1]}') == {"a": [1]}

    with pytest.raises(CorruptRecord, match=r"some\.key"):
        decode_value("some.key", b"{")


@pytest.mark.parametrize("moment", [1e300, -1.0, MAX_MOMENT * 1.01])
@pytest.mark.parametrize(
    ("decode", "key", "record", "field"),
    [
        (decode_run, "run.r", RUN, "created_at"),
        (decode_run, "run.r", RUN, "finished_at"),
        (decode_run, "run.r", RUN, "expires"),
        (decode_step, "step.q.r.s", STEP, "started_at"),
        (decode_step, "step.q.r.s", STEP, "finished_at"),
        (decode_step, "step.q.r.s", STEP, "lease_until"),
    ],
)
def test_a_time_that_no_calendar_has_is_damage(decode, key, record, field, moment):
    raw = encode(replace(record, **{field: moment}))

    with pytest.raises(CorruptRecord, match=rf"{key}: .*\$\.{field}"):
        decode(key, raw)


@pytest.mark.parametrize(
    ("decode", "key", "record"),
    [
        (decode_run, "run.other", RUN),
        (decode_step, "step.q.r.other", STEP),
        (decode_step, "step.q.other.s", STEP),
        (decode_schedule, "schedule.other", SCHEDULE),
    ],
)
def test_a_record_under_the_key_of_another_is_damage(decode, key, record):
    with pytest.raises(CorruptRecord, match=f"{key}: .* it is the record of"):
        decode(key, encode(record))
