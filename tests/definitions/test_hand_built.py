"""Parser and Registry: the Go package's names, and the rules for workflows built in Python."""

from __future__ import annotations

import functools
import math

import pytest
from msgspec.structs import replace

from flowworker.core.model import Fallback, RetryPolicy, Saga, Step, Workflow
from flowworker.definitions import Parser, Registry
from flowworker.definitions.document import MAX_BYTES
from flowworker.errors import DefinitionError, WorkflowNotFound


def workflow(name="w", step_id="a", **further):
    return Workflow(name=name, steps=(Step(id=step_id, uses="u"),), **further)


def of_steps(*steps):
    return Workflow(name="w", steps=steps)


def nested(depth):
    innermost: dict = {}
    return functools.reduce(lambda inner, _: {"default": inner}, range(depth), innermost)


def test_the_parser_parses():
    assert Parser().parse(b"name: w\nsteps: [{id: a, uses: u}]") == workflow()


def test_what_was_parsed_is_valid_when_it_is_built_by_hand():
    text = "{name: w, steps: [{id: a, uses: u}, {id: b, sleep: 1h, depends_on: [a]}]}"

    Parser().validate(Parser().parse(text))


def test_the_parser_accepts_what_is_valid():
    Parser().validate(
        Workflow(
            name="w",
            steps=(
                Step(
                    id="a",
                    uses="u",
                    timeout=3,
                    retry=RetryPolicy(max_attempts=2),
                    fallback=Fallback("v"),
                    saga=Saga("x", retry=RetryPolicy()),
                ),
            ),
            input_schema={"type": "object"},
            retention=0,
        )
    )


@pytest.mark.parametrize(
    ("broken", "problems"),
    [
        (Workflow(name="w", steps=()), ["a workflow has 1 to 10,000 steps, found 0"]),
        (
            workflow(step_id=""),
            [
                "'id' of step '': expected at most 128 letters, digits, '_' and '-' joined by "
                "dots, found an empty text"
            ],
        ),
        (
            of_steps(Step("a", "u", ("b", "a")), Step("a", "u", timeout=-1)),
            [
                "'timeout' of step 'a': expected a duration from 0 to 1000d, found -1 "
                "(numbers without a unit are seconds)",
                "duplicate step id 'a'",
                "step 'a' depends on unknown step 'b'",
                "step 'a' depends on itself",
            ],
        ),
        (
            of_steps(Step("a", "u", ("b",)), Step("b", "u", ("a",))),
            ["circular dependency: a -> b -> a"],
        ),
        (workflow(timeout=math.nan), ["JSON has no number nan"]),
        (workflow(input_schema={"default": math.inf}), ["JSON has no number inf"]),
        (
            workflow(input_schema={"required": 5}),
            ["'input_schema.required': 5 is not of type \"array\""],
        ),
        (workflow(input_schema=nested(100)), ["nested too deeply: more than 64 levels"]),
    ],
)
def test_the_parser_tells_every_problem(broken, problems):
    with pytest.raises(DefinitionError) as caught:
        Parser().validate(broken)
    assert tuple(map(str, caught.value.problems)) == tuple(
        f"workflow 'w': {problem}" for problem in problems
    )


@pytest.mark.parametrize(
    "broken",
    [
        replace(workflow(), name=5),
        of_steps(replace(Step("a", "u"), depends_on="b")),
        of_steps(replace(Step("a", "u"), retry=None)),
        workflow(input_schema={"properties": {5: {}}}),
        workflow(input_schema={"default": object()}),
        workflow(input_schema={"default": nested(5000)}),
        workflow(description="\ud83d"),
    ],
)
def test_values_of_other_types_are_refused(broken):
    with pytest.raises(DefinitionError):
        Parser().validate(broken)


class TestRegistry:
    def test_what_is_too_large_is_refused(self):
        # Given a workflow whose JSON is larger than a file may be
        large = workflow(description="x" * MAX_BYTES)
        # When it is registered, then it is refused as a file would be
        with pytest.raises(
            DefinitionError, match=r"workflow 'w': too large: .* at most 16,777,216"
        ):
            Registry().register(large)

    def test_it_gives_back_what_was_registered(self):
        registry = Registry()
        first, second = workflow("order.fulfil"), workflow("order.cancel")
        registry.register(first)
        registry.register(second)
        assert registry.get("order.fulfil") is first
        assert registry.list() == [first, second]

    def test_a_later_definition_replaces_the_earlier_one(self):
        registry = Registry()
        registry.register(workflow("w"))
        registry.register(later := workflow("w", version="2"))
        assert registry.get("w") is later
        assert registry.list() == [later]

    def test_an_invalid_workflow_is_not_registered(self):
        registry = Registry()
        with pytest.raises(DefinitionError):
            registry.register(workflow("no name"))
        assert registry.list() == []

    def test_an_unknown_name_is_an_error_that_helps(self):
        registry = Registry()
        registry.register(workflow("order.fulfil"))
        with pytest.raises(WorkflowNotFound, match=r"'order.fulfill' .*mean 'order.fulfil'\?"):
            registry.get("order.fulfill")
        with pytest.raises(WorkflowNotFound, match=r"^no workflow 'zzz' is registered$"):
            registry.get("zzz")
