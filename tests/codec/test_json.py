"""Stored bytes: read, or reported with all that is known of them."""

from __future__ import annotations

import pytest

from flowworker.codec.json import decode_run, decode_step, encode, is_json
from flowworker.core.payload import EMPTY
from flowworker.core.records import RECORD_VERSION, RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.errors import CorruptRecord

RUN = RunRecord("r", "w", "hash", RunStatus.RUNNING, EMPTY, 1.0)
STEP = StepRecord("r", "s", Kind.RUN, 1, 1, Outcome.RUNNING)


def test_records_are_read_as_they_were_written():
    assert decode_run("run.r", encode(RUN)) == RUN
    assert decode_step("step.q.r.s", encode(STEP)) == STEP


def test_a_field_of_a_newer_release_is_passed_over():
    raw = encode(STEP)[:-1] + b',"new":1}'

    assert decode_step("step.q.r.s", raw) == STEP


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[]", b"{}", b'{"run": 1}', b"\xff", b"[" * 9999]
)
@pytest.mark.parametrize("decode", [decode_run, decode_step])
def test_what_cannot_be_read_is_kept(decode, raw):
    with pytest.raises(CorruptRecord, match=r"some\.key: stored bytes cannot be read") as caught:
        decode("some.key", raw)

    assert (caught.value.key, caught.value.raw) == ("some.key", raw)


@pytest.mark.parametrize(("decode", "record"), [(decode_run, RUN), (decode_step, STEP)])
def test_a_newer_version_is_refused(decode, record):
    raw = encode(record)[:-1] + b',"v":%d}' % (RECORD_VERSION + 1)

    with pytest.raises(CorruptRecord, match="written by a newer release"):
        decode("some.key", raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"{}", True), (b"null", True), (b" 1 ", True), (b"", False), (b"{", False), (b"\xff", False)],
)
def test_json_is_told_from_other_bytes(raw, expected):
    assert is_json(raw) is expected
