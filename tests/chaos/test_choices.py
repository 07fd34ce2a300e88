"""What ran and should not have, planted; and steps that did not wait as they should."""

from __future__ import annotations

from typing import Any

import pytest

from bench.chaos import checker
from bench.chaos.checker import check
from tests.chaos.history import RUN, History, completed, failed, kinds

CHOICE: dict[str, dict[str, Any]] = {
    "first": {"uses": "do"},
    "odd": {"uses": "do", "depends_on": ["first"], "when": "input.odd"},
    "even": {"uses": "do", "depends_on": ["first"], "when": "!input.odd"},
    "ill": {"uses": "do", "depends_on": ["first"], "trigger_rule": "one_failed"},
    "strict": {"uses": "do", "depends_on": ["odd", "even"]},
    "join": {"uses": "do", "depends_on": ["odd", "even"], "trigger_rule": "all_done"},
    "tidy": {"uses": "do", "finally": True},
}
WAITS: dict[str, dict[str, Any]] = {
    "nap": {"sleep": "500ms"},
    "one": {"wait_for": {"signal": "go"}},
    "two": {"wait_for": {"signal": "go"}, "depends_on": ["one"]},
    "ask": {"approval": {}},
}


def choice(**instead: str) -> History:
    """A run of which some steps are skipped; another reason, or `runs`, for those named."""
    history = History(CHOICE)
    history.tell("started")
    skips = {"even": "when", "ill": "upstream", "strict": "upstream", **instead}
    for step in CHOICE:
        if skips.get(step, "runs") == "runs":
            history.complete(step)
        else:
            history.skip(step, skips[step])
    history.end("COMPLETED")
    return history


def waits(first: str = "s1", second: str = "s2", seconds: float = 1.0) -> History:
    """A run that sleeps, takes two of three signals, and asks."""
    history = History(WAITS)
    history.tell("started")
    for number in (1, 2, 3):
        history.tell("signalled", f"s{number}", signal="go")
    history.evidence.signals[RUN] = [
        {"id": f"s{number}", "payload": {"kind": "inline", "data": {"n": number}}}
        for number in (1, 2, 3)
    ]
    history.settle("nap", {})
    history.find("step.completed", "nap")["data"]["at"] += seconds - 1.0
    for step, signal in (("one", first), ("two", second)):
        history.settle(step, {"n": int(signal[1:])}, signal=signal)
    history.tell("human_decided", "9", step_id="ask", action="approve")
    history.settle("ask", {})
    history.end("COMPLETED")
    return history


def ended(event: str = "") -> History:
    """A run that a step ends while another one is in flight; perhaps something follows that."""
    history = History(
        {"one": {"uses": "do"}, "two": {"uses": "do", "depends_on": ["one"]}, "stop": {"end": {}}}
    )
    history.tell("started")
    history.settle("stop", {})
    history.complete("one")
    if event:
        history.complete("two")
    history.end("COMPLETED", "ended")
    return history


@pytest.mark.parametrize("make", [choice, waits, ended])
def test_a_good_history_passes(make):
    assert check(make().evidence).violations == []


def test_what_was_skipped_and_ran_is_found():
    history = choice()
    history.execute("even", "do")

    assert kinds(history) == {checker.CHOICES}


@pytest.mark.parametrize(
    "instead",
    [
        {"even": "runs"},
        {"odd": "when", "even": "runs"},
        {"ill": "runs"},
        {"strict": "runs"},
        {"strict": "upstream_failed"},
        {"join": "upstream"},
    ],
)
def test_what_a_condition_or_a_rule_does_not_say_is_found(instead):
    assert checker.CHOICES in kinds(choice(**instead))


def test_a_finally_that_is_missing_is_found():
    history = choice()
    history.remove("step.completed", "tidy")

    assert checker.CHOICES in kinds(history)


def test_a_finally_before_the_end_of_the_saga_is_found():
    history = failed()
    history.evidence.definitions["w"] = {
        **history.evidence.definitions["w"],
        "tidy": {"uses": "do", "finally": True},
    }
    end = history.events.pop()
    history.complete("tidy")
    history.events.append(end)
    assert kinds(history) == set()

    history.move("step.started", "tidy", 3)

    assert kinds(history) == {checker.CHOICES}


def test_what_begins_after_an_early_end_is_found():
    assert kinds(ended("two")) == {checker.CHOICES}


def test_what_was_kept_and_ran_is_found():
    history = completed()
    history.tell("step.kept", "one", step_id="one", kept_from="r0")

    assert checker.CHOICES in kinds(history)


def test_more_attempts_than_the_policy_allows_are_found():
    history = completed()
    history.execute("one", "do", attempt=2)

    assert kinds(history) == {checker.CHOICES}


def test_what_no_handler_returned_and_another_was_given_is_found():
    history = choice()
    note = next(note for note in history.notes if note["step"] == "odd")
    note["seen"] = 1
    assert kinds(history) == set()

    note["seen"] = 999

    assert kinds(history) == {checker.CHOICES}


@pytest.mark.parametrize(
    "made",
    [
        waits(seconds=0.4),
        waits(first="s1", second="s1"),
        waits(first="s2", second="s3"),
        waits(first="s9"),
    ],
)
def test_a_wait_that_ends_with_what_is_not_its_own_is_found(made):
    assert kinds(made) == {checker.WAITS}


def test_a_signal_that_is_kept_twice_is_found():
    history = waits()
    again = {**history.evidence.signals[RUN][2], "id": "s4"}
    history.evidence.signals[RUN].append(again)

    assert kinds(history) == {checker.WAITS}


def test_an_approval_that_nobody_gave_is_found():
    history = waits()
    history.remove("human_decided")

    assert kinds(history) == {checker.WAITS}
