"""Reruns through the command line."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture
def run(dev):
    """A run that completed."""
    return json.loads(dev("start", "sum", "--input", '{"n": 5}', "--wait"))["id"]


def test_what_a_rerun_would_do_is_shown(dev, run):
    shown = dev("rerun", run, "--from", "second", "--dry-run").splitlines()

    assert [line.split(maxsplit=2) for line in shown] == [
        ["STEP", "DOES", "WHY"],
        ["first", "kept", "it is COMPLETED"],
        ["second", "runs", "the rerun begins here"],
    ]
    shown = json.loads(dev("rerun", run, "--from", "second", "--dry-run", "--json"))
    assert [step["kept"] for step in shown["steps"]] == [True, False]


def test_a_rerun_keeps_what_was_completed(dev, run):
    result = json.loads(dev("rerun", run, "--from", "second", "--wait"))

    assert result["output"] == {"second": {"n": 7}}
    view = dev("status", result["id"])
    assert f"rerun of:        {run}" in view
    assert f"kept from run {run}" in view
    assert f"step.kept step_id=first kept_from={run}" in re.sub(
        r" worker=\S+", "", dev("history", result["id"])
    )


def test_a_rerun_has_another_input_if_one_is_given(dev, run):
    result = json.loads(dev("rerun", run, "--input", '{"n": 40}', "--wait"))

    assert result["output"] == {"second": {"n": 42}}


def test_a_retry_prints_the_id_of_the_new_run(dev):
    run = json.loads(dev.process("start", "broken", "--wait").stdout)["id"]

    planned = json.loads(dev("retry", run, "--dry-run", "--json"))
    again = dev("retry", run, "--id", f"{run}-again").strip()

    assert planned["steps"][0]["why"] == "it is COMPENSATED"
    assert again == f"{run}-again"


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (["retry"], 2, "every step is completed, so nothing would run"),
        (["retry", "--dry-run"], 1, "every step is completed, so nothing would run"),
        (["rerun", "--from", "secnd"], 2, "has no step 'secnd': did you mean 'second'?"),
        (["rerun", "--from", "second", "--failed"], 2, "exclude each other"),
        (["rerun", "--input", "[1]"], 2, "expected a JSON object"),
    ],
)
def test_what_cannot_be_is_refused_at_once(dev, run, arguments, code, shown):
    command, *options = arguments

    result = dev.process(command, run, *options)

    assert result.returncode == code
    assert shown in result.stderr


def test_a_run_that_is_not_there_is_not_found(dev):
    assert dev.process("retry", "nobody").returncode == 3
