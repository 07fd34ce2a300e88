"""Worlds in which a user's workflow is run while things go wrong."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from flowworker import App, parse
from flowworker.errors import InvalidInput
from flowworker.simulate import Task, World, shrunk
from flowworker.simulate.loop import VirtualLoop
from flowworker.simulate.samples import sample
from flowworker.simulate.troubles import MOST, Troubles

SHIP = """
- {id: ship, uses: ship, depends_on: [charge], retry: 2}
"""
UNSAFE = parse(
    f"""
name: order
steps:
- {{id: reserve, uses: reserve, saga: release, retry: 2}}
- {{id: charge, uses: charge, depends_on: [reserve], retry: 3}}{SHIP}"""
)
SAFE = parse(
    f"""
name: order
steps:
- {{id: reserve, uses: reserve, saga: release, retry: 2}}
- {{id: charge, uses: charge, depends_on: [reserve], retry: 3, saga: refund}}{SHIP}"""
)
LEFT = "order: step 'charge' was completed, and has no saga to undo it; it is FAILED"


def lived(workflow, seeds, **about):
    task = Task((workflow,), App(), **about)
    return [World(task, seed).run() for seed in seeds]


@pytest.fixture(scope="module")
def unsafe():
    return lived(UNSAFE, range(40))


def test_a_step_without_a_saga_is_left_done_when_a_later_one_fails(unsafe):
    left = {line for outcome in unsafe for line in outcome.left}

    assert LEFT in left
    assert not any("'reserve'" in line or "has not ended" in line for line in left)


def test_that_a_run_is_not_started_is_said_at_once(monkeypatch):
    loop = VirtualLoop()
    monkeypatch.setattr("flowworker.simulate.world.VirtualLoop", lambda: loop)
    refusing = replace(SAFE, input_schema={"required": ["amount"]})

    with pytest.raises(InvalidInput, match="run run was not started"):
        lived(refusing, [1], input={})
    assert loop.moment < 60.0


def test_what_is_harmless_is_not_reported():
    assert {outcome.left for outcome in lived(UNSAFE, range(20), harmless={"charge"})} == {()}


def test_with_a_saga_for_each_step_nothing_is_left_half_done():
    worlds = lived(SAFE, range(40))

    assert {outcome.left for outcome in worlds} == {()}
    assert {outcome.status.partition(":")[0] for outcome in worlds} >= {"COMPLETED", "FAILED"}


def test_handlers_are_called_again_when_workers_die_and_when_they_fail(unsafe):
    again = {name for outcome in unsafe for name in outcome.again}
    retried = {name for outcome in unsafe for name in outcome.retried}

    assert again & {"reserve", "charge", "ship"}
    assert retried & {"reserve", "charge", "ship"}


def test_a_seed_is_one_world(unsafe):
    assert lived(UNSAFE, range(5)) == unsafe[:5]


def test_the_shortest_world_has_the_one_cause(unsafe):
    found = next(outcome for outcome in unsafe if LEFT in outcome.left)
    shortest = shrunk(Task((UNSAFE,), App()), found)

    assert shortest.seed == found.seed
    assert len(shortest.troubles) <= len(found.troubles)
    assert {trouble.text.partition(" ")[0] for trouble in shortest.troubles} == {"ship"}
    kept = {trouble.key for trouble in shortest.troubles}
    assert World(Task((UNSAFE,), App()), found.seed, kept).run() == shortest


def test_people_answer_and_signals_come():
    workflow = parse(
        """
name: asks
steps:
- {id: ask, approval: {prompt: Go?, schema: {type: boolean}, timeout: 30d}}
- {id: paid, wait_for: {signal: paid, match: signal.n == 1, timeout: 30d}, depends_on: [ask]}
- {id: work, uses: work, depends_on: [paid], with: {n: "${steps.paid.output.n}"}}
"""
    )
    statuses = {
        outcome.status.partition(":")[0]
        for outcome in lived(workflow, range(12), signals={"paid": {"n": 1}})
    }

    assert "COMPLETED" in statuses


def test_what_a_handler_returns_can_be_said():
    workflow = parse(
        "name: w\nsteps:\n- {id: a, uses: a, repeat: {until: output.done, interval: 1h, max: 3}}\n"
    )

    done = lived(workflow, range(3), outputs={"a": {"done": True}})
    never = lived(workflow, range(3), outputs={"a": {"done": False}})

    assert any(outcome.status == "COMPLETED" for outcome in done)
    assert not any(outcome.status == "COMPLETED" for outcome in never)


def test_no_more_goes_wrong_than_a_run_can_bear():
    virtual = VirtualLoop()
    troubles = Troubles(1, virtual)

    assert sum(troubles.happens(1.0, "all") for _ in range(100)) == MOST
    virtual.close()


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"const": 7}, {7}),
        ({"enum": ["a", "b"]}, {"a", "b"}),
        ({"type": "boolean"}, {True, False}),
        ({"type": "integer", "minimum": 3, "maximum": 4}, {3, 4}),
        ({"type": "string", "minLength": 6}, {"texttt"}),
        ({"type": "null"}, {None}),
        ({"anyOf": [{"const": 1}, {"type": ["null"]}]}, {1, None}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"const": 2}}}, {2}),
        ({"examples": ["x"]}, {"x"}),
    ],
)
def test_samples_fit_their_schema(schema, values):
    assert {sample(schema, Random(seed)) for seed in range(40)} == values


def test_samples_of_objects_have_what_is_required():
    schema = {
        "type": "object",
        "required": ["n"],
        "properties": {
            "n": {"type": "integer"},
            "on": {"type": "boolean", "default": True},
            "all": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        },
    }
    found = [sample(schema, Random(seed)) for seed in range(40)]

    assert all(isinstance(each["n"], int) for each in found)
    assert {len(each) for each in found} == {1, 2, 3}
    assert sample(None, Random(1)) == sample(True, Random(1)) == {}


def test_limits_that_operators_would_set_keep_no_world_waiting():
    text = "{name: w, steps: [{id: a, uses: call, limits: [api]}]}"

    worlds = lived(parse(text), range(5), harmless={"call"})

    assert {(outcome.status.partition(":")[0], outcome.left) for outcome in worlds} <= {
        ("COMPLETED", ()),
        ("FAILED", ()),
        ("CANCELLED", ()),
    }
