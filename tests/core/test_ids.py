"""Names, partitions, and the identities that make effects idempotent."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowworker.core.attempt import Attempt
from flowworker.core.ids import (
    DOTTED_NAME,
    RUN_ID,
    TOKEN,
    attempt_key,
    defined_id,
    event_id,
    event_message_id,
    idempotency_key,
    index_of,
    instance_id,
    is_past,
    origin_of,
    partition_of,
    run_id_of_sequence,
    sequence_of,
    shown_id,
    step_of,
    time_of,
)
from flowworker.core.status import Kind


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("a", True),
        ("0197-aB_9", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a.b", False),
        ("a b", False),
        ("a*", False),
        (">", False),
        ("a\n", False),
        ("ä", False),
    ],
)
def test_run_ids_and_tokens_are_one_token_of_a_subject(text, is_id):
    assert bool(RUN_ID.fullmatch(text)) is is_id
    assert bool(TOKEN.fullmatch(text)) is is_id


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("a", True),
        ("customer.calculate_persona", True),
        ("a.b-c.d_e.9", True),
        ("", False),
        (".a", False),
        ("a.", False),
        ("a..b", False),
        ("a b", False),
        ("a.*", False),
        ("a.>", False),
        ("a\n", False),
    ],
)
def test_names_are_tokens_joined_by_dots(text, is_name):
    assert bool(DOTTED_NAME.fullmatch(text)) is is_name


@pytest.mark.parametrize(
    ("run", "partitions", "partition"),
    [("r1", 16, 1), ("r1", 1, 0), ("seq-000000000001", 16, 0), ("", 16, 0)],
)
def test_partitions_stay_the_same_in_every_release(run, partitions, partition):
    assert partition_of(run, partitions) == partition


@pytest.mark.slow
@given(st.from_regex(RUN_ID, fullmatch=True), st.integers(1, 64))
def test_every_run_has_one_of_the_partitions(run, partitions):
    assert 0 <= partition_of(run, partitions) < partitions


def test_the_id_from_a_sequence_is_a_run_id_and_sorts_by_it():
    ids = [run_id_of_sequence(sequence) for sequence in (1, 9, 10, 99_999, 123_456_789_012)]

    assert ids[0] == "seq-000000000001"
    assert ids == sorted(ids)
    assert all(RUN_ID.fullmatch(id_) for id_ in ids)


def test_what_is_different_has_a_different_key():
    kinds, numbers = list(Kind), (1, 2, 11)
    keys = {
        attempt_key(run, step, Attempt(kind, turn, number), lost)
        for run, step, kind, turn, number, lost in itertools.product(
            ("r", "r1"), ("a", "a.b"), kinds, numbers, numbers, (0, 1, 2)
        )
    }

    assert len(keys) == 2 * 2 * 3 * 3 * 3 * 3


@pytest.mark.parametrize(("lost", "key"), [(0, "r/a.b/fallback/2.1"), (2, "r/a.b/fallback/2.1+2")])
def test_an_attempts_key(lost, key):
    assert attempt_key("r", "a.b", Attempt(Kind.FALLBACK, 2, 1), lost) == key


def test_idempotency_keys_are_stable_over_attempts_but_not_over_kinds():
    assert idempotency_key("r", "a", Kind.RUN) == "r/a/run"
    assert idempotency_key("r", "a", Kind.COMPENSATE) == "r/a/compensate"


@pytest.mark.parametrize("sequence", [1, 123_456_789])
def test_an_origin_says_where_its_start_message_is(sequence):
    origin = origin_of(sequence, 1.5)

    assert origin == f"{sequence}@1.500000"
    assert sequence_of(origin) == sequence


def test_a_run_without_a_start_message_has_no_sequence():
    assert sequence_of("") == 0


def test_event_ids():
    assert event_id("r", "workflow.started") == "r/workflow.started"
    assert event_id("r", "workflow.step.failed", "a/1") == "r/workflow.step.failed/a/1"


def test_an_origin_names_the_start_message_and_its_place():
    assert origin_of(7, 1000.5) == "7@1000.500000"
    assert sequence_of("7@1000.500000") == 7
    assert time_of("7@1000.500000") == 1000.5
    assert sequence_of("") == 0


def test_instances_of_loops():
    one = instance_id("media.resize", 3)

    assert (one, shown_id(one)) == ("media.resize/3", "media.resize[3]")
    assert step_of(shown_id(one)) == step_of(one) == one
    assert (defined_id(one), index_of(one)) == ("media.resize", 3)
    assert (defined_id("resize"), index_of("resize"), shown_id("resize")) == (
        "resize",
        None,
        "resize",
    )
    assert step_of("resize") == "resize"
    assert index_of("resize/x") is None


@pytest.mark.parametrize(
    ("last", "origin", "past"),
    [
        ("", "1@9.000000", False),
        ("3@9.000000", "3@9.000000", True),
        ("3@9.000000", "2@8.000000", True),
        ("3@9.000000", "4@9.000000", False),
        ("3@9.000000", "1@9.500000", False),  # of a process that counts for itself
    ],
)
def test_a_command_is_followed_once_and_none_that_was_sent_before(last, origin, past):
    assert is_past(origin, last) is past


def test_one_event_in_two_histories_is_two_messages():
    rejected = event_id("r1", "workflow.rejected", "7")

    assert event_message_id("r1", rejected) == rejected
    assert event_message_id("seq-7", rejected) == f"seq-7/{rejected}"
    assert event_message_id("r", rejected) == f"r/{rejected}"
