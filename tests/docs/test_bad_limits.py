"""docs/how-to/limits.md, "What is refused": each line is produced here, word by word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.docs.pages import table
from tests.docs.test_bad_input import error_of, problem_of, raised, rejection, tried

ROWS = {row["what"]: row for row in table("../how-to/limits.md", "What is refused")}
MAKERS: dict[str, Callable[[], str]] = {}

STEP = "{id: a, uses: work}"


def of_step(limits):
    """What is wrong with limits of a step."""
    return lambda: problem_of(f"{{name: w, steps: [{{id: a, uses: work, {limits}}}]}}")


def of_workflow(limits, steps=STEP):
    """What is wrong with limits of a workflow."""
    return lambda: problem_of(f"{{name: w, {limits}, steps: [{steps}]}}")


def of_run(limits):
    """How a run of a step with limits fails."""
    return lambda: error_of(f"{{id: a, uses: work, {limits}}}", {"k": [1]})


def of_start(limits):
    """Why a start is rejected."""

    def made():
        with tried(STEP, f", {limits}") as flow:
            return raised(flow, flow._engine.client.run("w", {"k": [1]}, run_id="run-1"))

    return made


def of_client(method, *given, **more):
    """What a client raises."""

    def made():
        with tried(STEP) as flow:
            return raised(flow, getattr(flow._engine.client, method)(*given, **more))

    return made


def from_bare_client(subject, body=b""):
    def made():
        with tried(STEP) as flow:
            return rejection(flow, subject, body)

    return made


MAKERS |= {
    "a limit of 0, or of more than 1,000": of_step("concurrency: [{limit: 0}]"),
    "the same of a workflow": of_workflow("concurrency: [{limit: 1001}]"),
    "the same of a named limit": of_client("set_limit", "api", 0),
    "nothing that is limited": of_client("set_limit", "api"),
    "the same, from a bare client": from_bare_client("control.limit.set.api", b"{}"),
    "a name with a dot or a space": of_client("set_limit", "a.b", 1),
    "the same in a definition": of_step("limits: [a.b]"),
    "the lane of a queue, which nobody sets": of_client("set_limit", "fair.normal-default", 1),
    "a rate that is none": of_client("set_limit", "api", rate="fast"),
    "a rate above 1,000 in a second": of_client("set_limit", "api", rate="5000/s"),
    "the same of a workflow's runs": of_workflow("throttle: {limit: 5000, period: 1s}"),
    "a period of 0": of_workflow("rate_limit: {limit: 5, period: 0s}"),
    "a burst of more than 10,000": of_step("throttle: {limit: 1, period: 1m, burst: 20000}"),
    "a `debounce` that would never wait for so long": of_workflow(
        "debounce: {period: 10s, timeout: 1s}"
    ),
    "more than ten limits of a step": of_step("limits: [a, b, c, d, e, f, g, h, i, j, k]"),
    "a key that is no expression": of_step("concurrency: [{key: input., limit: 1}]"),
    "a key that names what is not there": of_step("concurrency: [{key: tenant, limit: 1}]"),
    "a key that is a list or a map": of_workflow("singleton: {key: '[input.k]'}"),
    "a step's key that comes to one in a run, or to null": of_run(
        "concurrency: [{key: input.k, limit: 1}]"
    ),
    "the same of a workflow's key": of_start("concurrency: [{key: input.k, limit: 1}]"),
    "a step without a handler": of_workflow("version: v1", "{id: a, sleep: 1s, limits: [api]}"),
    "a strategy that there is not": of_workflow("concurrency: [{limit: 1, strategy: drop}]"),
    "one of a step, whose attempts always wait": of_step(
        "concurrency: [{limit: 1, strategy: skip}]"
    ),
    "`limits show` or `delete` of one that is not set": of_client("limit", "api"),
}


def test_each_line_has_its_maker():
    assert ROWS.keys() == MAKERS.keys()


@pytest.mark.parametrize("what", MAKERS)
def test_what_is_refused_gets_what_the_table_says(what):
    message = MAKERS[what]()
    assert message
    assert ROWS[what]["message"] == (f"`` {message} ``" if "`" in message else f"`{message}`")
