"""Where a failed attempt comes from stands in its step's record, and nowhere else."""

from __future__ import annotations

import json

import pytest

from flowworker.core.records import MAX_TRACEBACK
from flowworker.core.status import Outcome
from flowworker.worker.failures import traceback_of


def deep(levels: int) -> None:
    if levels:
        deep_too(levels - 1)
    raise ConnectionError("the bank is away")


def deep_too(levels: int) -> None:
    deep(levels)


@pytest.mark.parametrize("threaded", [True, False], ids=["thread", "loop"])
async def test_it_begins_in_the_handler_and_names_the_causes(fleet, threaded):
    def plain(ctx):
        try:
            deep(0)
        except ConnectionError as error:
            raise ValueError("not charged") from error

    async def on_loop(ctx):
        plain(ctx)

    fleet.app.step("fail")(plain if threaded else on_loop)
    await fleet.worker()

    await fleet.run("fail")

    record = await fleet.ended()
    first = "plain" if threaded else "on_loop"
    outermost = record.traceback.split("direct cause of")[1]
    assert record.outcome is Outcome.FAILED
    assert "ConnectionError: the bank is away" in record.traceback
    assert f"in {first}" in outermost.split("File ")[1]
    assert outermost.rstrip().endswith("ValueError: not charged")
    assert "the bank is away" not in json.dumps(await fleet.history())


async def test_an_error_of_our_own_needs_none(fleet):
    async def typed(ctx, amount: int): ...

    fleet.app.step("fail")(typed)
    await fleet.worker()

    await fleet.run("fail")

    record = await fleet.ended()
    assert record.error.type == "ConversionError"
    assert record.traceback == ""


def test_a_long_one_keeps_its_beginning_and_its_end():
    with pytest.raises(ConnectionError) as raised:
        deep(200)

    text = traceback_of(raised.value)

    assert len(text) == MAX_TRACEBACK
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ConnectionError: the bank is away\n")


def test_what_cannot_be_encoded_is_left_out():
    with pytest.raises(ValueError, match="x") as raised:
        raise ValueError("x\ud800")

    assert traceback_of(raised.value).endswith("ValueError: x?\n")


class Unreadable(Exception):
    def __getattribute__(self, name):
        if name == "__notes__":
            raise RuntimeError("no")
        return super().__getattribute__(name)


def test_one_that_cannot_be_shown_is_none():
    error = Unreadable()
    try:
        raise error
    except Unreadable:
        assert traceback_of(error) == ""
