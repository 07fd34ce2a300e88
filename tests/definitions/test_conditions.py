"""Keys of steps that say when they run."""

from __future__ import annotations

import pytest

from flowworker.core.model import TriggerRule
from flowworker.definitions import parse
from flowworker.definitions.content import content_hash
from tests.definitions.complaints import in_step


@pytest.mark.parametrize("rule", TriggerRule)
def test_every_rule_can_be_named(rule):
    text = f"name: w\nsteps: [{{id: a, uses: u, trigger_rule: {rule}, continue_on_error: yes}}]\n"

    (step,) = parse(text).steps

    assert step.trigger_rule is rule
    assert step.continue_on_error is True


def test_what_is_usual_changes_no_identity():
    usual = "trigger_rule: all_success, continue_on_error: false"
    short, long = (
        parse(f"name: w\nsteps: [{{id: a, uses: u{more}}}]\n") for more in ("", f", {usual}")
    )

    assert content_hash(short) == content_hash(long)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "trigger_rule: all_sucess",
            "3:17: 'trigger_rule' of step 'a': expected one of all_success, all_done, all_failed, "
            "all_skipped, one_success, one_failed, one_done, none_failed, "
            "none_failed_min_one_success, all_done_min_one_success, none_skipped, always, found "
            "'all_sucess' (did you mean 'all_success'?)",
        ),
        (
            "continue_on_error: 2",
            "3:22: 'continue_on_error' of step 'a': expected true or false, found 2",
        ),
    ],
)
def test_what_is_wrong_has_its_place(line, expected):
    assert in_step(line) == [f"f.yaml:{expected}"]
