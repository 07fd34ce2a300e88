"""A workflow as a file: what is written is read as the same."""

from __future__ import annotations

from hypothesis import given, settings

from flowworker.core.model import Saga, Step, Workflow
from flowworker.definitions import parse
from flowworker.definitions.content import content_hash
from flowworker.definitions.writing import to_yaml
from tests.definitions.strategies import workflows


@given(workflows())
@settings(max_examples=30)
def test_what_is_written_is_read_as_the_same_workflow(workflow):
    written = to_yaml(workflow)

    assert content_hash(parse(written)) == content_hash(workflow)


def test_a_workflow_without_steps_at_its_end():
    assert to_yaml(Workflow("w", (Step("a", "h"),))) == "name: w\nsteps:\n- id: a\n  uses: h\n"


def test_what_people_look_for_first_comes_first():
    workflow = Workflow(
        "order",
        (Step("a", "h", timeout=30.0), Step("b", "h", ("a",), saga=Saga("undo"))),
        timeout=60.0,
        version="v1",
        finally_=(Step("z", "h"),),
    )

    assert to_yaml(workflow) == (
        "name: order\n"
        "version: v1\n"
        "timeout: 60.0\n"
        "steps:\n"
        "- id: a\n  uses: h\n  timeout: 30.0\n"
        "- id: b\n  uses: h\n  depends_on:\n  - a\n  saga:\n    uses: undo\n"
        "finally:\n"
        "- id: z\n  uses: h\n"
    )
    assert content_hash(parse(to_yaml(workflow))) == content_hash(workflow)
