"""Order, neighbours and cycles of a workflow's graph."""

from __future__ import annotations

import itertools
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowworker.core.for_each import ForEach
from flowworker.core.graph import Plan, find_cycle, positions, topological_order
from flowworker.core.model import Step, Workflow
from flowworker.core.status import Kind
from flowworker.errors import DefinitionError


def plan(**depends_on: str) -> Plan:
    """`plan(a="", b="a", c="a b")`."""
    steps = (Step(id_, "h", tuple(deps.split())) for id_, deps in depends_on.items())
    return Plan(Workflow("w", tuple(steps)), "hash")


@pytest.mark.parametrize(
    ("depends_on", "order"),
    [
        ({}, []),
        ({"a": []}, ["a"]),
        ({"b": ["a"], "a": []}, ["a", "b"]),
        ({"b": [], "a": []}, ["b", "a"]),
        ({"d": ["b", "c"], "c": ["a"], "b": ["a"], "a": []}, ["a", "c", "b", "d"]),
        ({"a": ["a"]}, []),
        ({"a": ["b"], "b": ["a"], "c": ["b"], "d": []}, ["d"]),
    ],
)
def test_topological_order(depends_on, order):
    assert topological_order(depends_on) == order


@pytest.mark.parametrize(
    ("depends_on", "cycle"),
    [
        ({}, None),
        ({"a": [], "b": ["a"]}, None),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
        ({"a": ["c"], "b": ["a"], "c": ["b"]}, ["a", "c", "b", "a"]),
        # a step behind the cycle is not part of its path
        ({"z": ["y"], "x": ["y"], "y": ["x"]}, ["y", "x", "y"]),
        ({"r": [], "a": ["r", "b"], "b": ["r", "a"]}, ["a", "b", "a"]),
    ],
)
def test_the_path_of_a_cycle(depends_on, cycle):
    assert find_cycle(depends_on) == cycle


graphs = st.integers(1, 8).flatmap(
    lambda size: st.fixed_dictionaries(
        {
            f"s{number}": st.lists(
                st.integers(0, size - 1).map(lambda other: f"s{other}"), max_size=4, unique=True
            )
            for number in range(size)
        }
    )
)


@pytest.mark.slow
@given(graphs)
def test_a_graph_has_either_a_full_order_or_a_cycle(depends_on):
    order = topological_order(depends_on)
    cycle = find_cycle(depends_on)

    position = {step: index for index, step in enumerate(order)}
    assert all(position[dep] < position[step] for step in order for dep in depends_on[step])
    assert (cycle is None) == (len(order) == len(depends_on))
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(dep in depends_on[step] for step, dep in itertools.pairwise(cycle))


def test_a_plan_knows_the_neighbours_of_each_step():
    diamond = plan(d="b c", b="a", c="a", a="", e="")

    assert diamond.order == ("a", "e", "b", "c", "d")
    assert diamond.successors == {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": (), "e": ()}
    assert {step: diamond.ancestors(step) for step in diamond.order} == {
        "a": (),
        "b": ("a",),
        "c": ("a",),
        "d": ("a", "b", "c"),
        "e": (),
    }
    assert diamond.leaves == ("e", "d")
    assert diamond.hash == "hash"
    assert diamond.steps["b"].depends_on == ("a",)


@pytest.mark.slow
@given(graphs)
def test_ancestors_are_all_that_a_step_can_reach_in_topological_order(depends_on):
    if find_cycle(depends_on):
        return
    found = plan(**{step: " ".join(deps) for step, deps in depends_on.items()})

    for step in found.order:
        reached, todo = set(), list(depends_on[step])
        while todo:
            before = todo.pop()
            reached.add(before)
            todo.extend(depends_on[before])
        assert found.ancestors(step) == tuple(other for other in found.order if other in reached)


def test_to_find_a_few_ancestors_does_not_look_at_every_step():
    steps = [
        Step(f"s{number}", "h", (f"s{number - 60}",) * (number >= 60)) for number in range(600)
    ]
    wide = Plan(Workflow("w", tuple(steps)), "h")
    lines = []

    def trace(_frame, event, _about):
        lines.append(event)
        return trace

    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        found = positions(wide.before("s599"))
    finally:
        sys.settrace(usual)

    assert found == list(range(59, 599, 60))
    assert len(lines) < 150  # none for each step that might be one


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ((), ("workflow 'w' has no steps",)),
        ((Step("a", "h"), Step("a", "h")), ("workflow 'w' has duplicate step ids",)),
        (
            (Step("a", "h", ("x",)), Step("b", "h", ("a", "y"))),
            ("step 'a' depends on unknown step 'x'", "step 'b' depends on unknown step 'y'"),
        ),
        (
            (Step("a", "h", ("b",)), Step("b", "h", ("a",))),
            ("deadlock detected in workflow DAG: a -> b -> a",),
        ),
    ],
)
def test_what_is_not_a_dag_is_refused(steps, problems):
    with pytest.raises(DefinitionError) as refused:
        Plan(Workflow("w", steps), "h")

    assert tuple(map(str, refused.value.problems)) == problems


def test_what_is_known_of_an_instance_is_known_of_its_loop_and_of_no_other_step_anything():
    loop = Step("b", "h", ("a",), for_each=ForEach("${input.all}"))
    known = Plan(Workflow("w", (Step("a", "h"), loop)), "h")

    assert known.before("b/7") == known.before("b") == 1
    assert known.position("b/7") == known.position("b") == 1
    assert known.call("b/7", Kind.RUN) == known.call("b", Kind.RUN)
    for unknown in ("c", "c/7"):
        with pytest.raises(KeyError):
            known.before(unknown)


def test_steps_as_bits_of_their_positions():
    known = plan(a="", b="a", c="a", d="c")

    assert [known.order[at] for at in positions(known.before("d"))] == list(known.ancestors("d"))
    assert known.before("a") == 0
    assert [known.position(step) for step in known.order] == [0, 1, 2, 3]
    assert positions(0) == []
    assert positions(1 << 7 | 1 << 8 | 1 << 600) == [7, 8, 600]
