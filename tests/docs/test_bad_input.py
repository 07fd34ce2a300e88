"""docs/reference/errors.md, "What bad input gets": each line is produced here, word by word."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from flowworker import App, DefinitionError, FlowworkerError, RunStatus, parse
from flowworker.definitions import parse_all
from flowworker.testing import WorkflowTest
from tests.docs.pages import table

ROWS = {row["what"]: row for row in table("errors.md", "What bad input gets")}
MAKERS: dict[str, Callable[[], str]] = {}

NESTED = "input.l.map(a, input.l.map(b, input.l.map(c, 1)))"
ASKS = "{id: ask, approval: {schema: {properties: {amount: {type: integer}}}}}"
SHIPPED = '{id: a, wait_for: {signal: shipped, match: signal.parcel == "p1"}}'


def row(what):
    """Keep the function that makes the message of that row."""

    def keep(maker):
        MAKERS[what] = maker
        return maker

    return keep


def tried(steps, more="", also=""):
    app = App()
    app.step("work")(lambda ctx: {})
    others = [parse(also)] if also else []
    return WorkflowTest(app, parse(f"{{name: w, steps: [{steps}]{more}}}"), *others)


def error_of(steps, given, more=""):
    """The error of a run that such input fails."""
    with tried(steps, more) as flow:
        run = flow.run(given)
        assert run.status is RunStatus.FAILED
        assert run.history[-1]["type"] == "workflow.failed"
        return run.error


def problem_of(text):
    with pytest.raises(DefinitionError) as caught:
        parse_all(text, "w.yaml")
    [problem] = caught.value.problems
    return str(problem)


def refused(*texts):
    """What `register` says, of all workflows together."""
    with pytest.raises(DefinitionError) as caught, WorkflowTest(App(), *map(parse, texts)):
        pass
    [problem] = caught.value.problems
    return str(problem)


def rejection(flow, subject, body=b""):
    """What a client in any language hears that publishes that."""
    engine, heard = flow._engine, []

    async def send():
        backend = engine.stores.backend
        await backend.notifier.subscribe("workflow.>", lambda _, data: heard.append(data))
        await backend.commands.send(subject, body, {})
        await engine.advance(120)

    flow._drive(send())
    [event] = [it for it in map(json.loads, heard) if it["type"] == "workflow.rejected"]
    return event["data"]["reason"]


def raised(flow, work):
    with pytest.raises(FlowworkerError) as caught:
        flow._drive(work)
    return str(caught.value)


@row("an expression over a key that is missing")
def missing_key():
    return error_of('{id: a, uses: work, with: {x: "${input.nmae}"}}', {"name": "Ada"})


@row("a `when` that is neither true nor false")
def no_truth():
    return error_of("{id: a, uses: work, when: input.go}", {"go": "yes"})


@row("a `match` that comes to nothing")
def failing_match():
    with tried(SHIPPED) as flow:
        run = flow.run().signal("shipped", {"parcle": "p1"})
        assert run.status is RunStatus.FAILED
        return run.error


@row("a duration, as a value of the run, that is none")
def no_duration():
    return error_of('{id: a, uses: work, timeout: "${input.limit}"}', {"limit": "soon"})


@row("a moment, as a value of the run, that is none")
def no_moment():
    return error_of("{id: a, until: input.at}", {"at": "tomorrow"})


@row("items that are no list and no map")
def no_items():
    return error_of("{id: a, uses: work, for_each: {items: input.orders}}", {"orders": 7})


@row("10,001 items")
def many_items():
    many = {"orders": list(range(10_001))}
    return error_of("{id: a, uses: work, for_each: {items: input.orders}}", many)


@row("more failed instances of a loop than are tolerated")
def failed_instances():
    loop = "{id: a, uses: work, with: {x: '${1 / item}'}, for_each: {items: input.l}}"
    return error_of(loop, {"l": [1, 0, 1]})


@row("a `repeat` whose `until` never holds")
def never():
    return error_of("{id: a, uses: work, repeat: {until: 1 > 2, max: 3}}", {})


@row("an expression that would build a list of a billion")
def a_billion():
    thousand = {"l": list(range(1000))}
    return error_of(f'{{id: a, uses: work, with: {{x: "${{{NESTED}}}"}}}}', thousand)


@row("the same in the `output` of a workflow")
def a_billion_as_output():
    more = f', output: {{x: "${{{NESTED}}}"}}'
    return error_of("{id: a, uses: work}", {"l": list(range(1000))}, more)


@row("a `${` that is not closed")
def unclosed():
    return problem_of('{name: w, steps: [{id: a, uses: work, with: {x: "${input.x"}}]}')


@row("an expression of 1 MB")
def a_megabyte():
    text = "1 + " * 2**18
    return problem_of(f'{{name: w, steps: [{{id: a, uses: work, when: "{text}1 == 1"}}]}}')


@row("an output that the `schema` of an approval refuses")
def refused_output():
    with tried(ASKS) as flow:
        run = flow.run()
        said = raised(flow, flow._engine.client.approve(run.id, "", {"amount": "ten"}))
        assert run.waiting == ("ask",)
        assert run.approve(output={"amount": 10}).completed
        return said


@row("the same, from a bare client")
def refused_output_of_a_bare_client():
    with tried(ASKS) as flow:
        run = flow.run()
        said = rejection(flow, f"control.approve.{run.id}", b'{"output": {"amount": "ten"}}')
        assert run.waiting == ("ask",)
        return said


@row("an approval that nothing asks for")
def nothing_asks():
    with tried(f"{SHIPPED}, {ASKS}") as flow:
        run = flow.run()
        return rejection(flow, f"control.approve.{run.id}", b'{"step": "a"}')


@row("a signal for a run that nobody knows")
def unknown_run():
    with tried(SHIPPED) as flow:
        return raised(flow, flow._engine.client.signal("nobody", "shipped", {}))


@row("the same signal, from a bare client")
def unknown_run_of_a_bare_client():
    with tried(SHIPPED) as flow:
        return rejection(flow, "signal.nobody.shipped", b"{}")


@row("a signal for a run that has ended")
def ended_run():
    with tried("{id: a, uses: work}") as flow:
        run = flow.run()
        said = raised(flow, flow._engine.client.signal(run.id, "shipped", {}))
        assert run.completed
        return said


@row("the same signal for it, from a bare client")
def ended_run_of_a_bare_client():
    with tried("{id: a, uses: work}") as flow:
        return rejection(flow, f"signal.{flow.run().id}.shipped", b"{}")


@row("a signal that is not JSON, from a bare client")
def no_json():
    with tried(SHIPPED) as flow:
        run = flow.run()
        said = rejection(flow, f"signal.{run.id}.shipped", b"parcel p1")
        assert run.waiting == ("a",)
        return said


@row("a child whose workflow does not exist")
def no_workflow():
    return refused("{name: w, steps: [{id: pay, workflow: payment}]}")


@row("workflows that call each other in a circle")
def a_circle():
    return refused(
        "{name: order, steps: [{id: pay, workflow: payment}]}",
        "{name: payment, steps: [{id: bill, workflow: order}]}",
    )


@row("a child whose `input_schema` refuses its input")
def refused_child():
    paying = "{name: payment, input_schema: {required: [amount]}, steps: [{id: a, uses: work}]}"
    with tried("{id: pay, workflow: payment}", also=paying) as flow:
        return flow.run(workflow="w").error


@row("a rerun from a step that is gone")
def gone_step():
    with tried("{id: charge, uses: work}") as flow:
        client = flow._engine.client
        run = flow.run()
        [planned] = flow._drive(client.plan_rerun(run.id, from_step="chrage")).problems
        again = flow._drive(client.rerun(run.id, from_step="chrage"))
        assert planned in raised(flow, client.result(again))
        return planned


@row("a rerun of a run that has not ended")
def running():
    with tried(SHIPPED) as flow:
        run = flow.run()
        return raised(flow, flow._engine.client.rerun(run.id))


@row("input that `input_schema` refuses")
def refused_input():
    more = ", input_schema: {required: [order_id]}"
    with tried("{id: a, uses: work}", more) as flow:
        return raised(flow, flow._engine.client.run("w", {}, run_id="run-1"))


def test_each_line_has_its_maker():
    assert ROWS.keys() == MAKERS.keys()


@pytest.mark.parametrize("what", MAKERS)
def test_bad_input_gets_what_the_table_says(what):
    message = MAKERS[what]()
    assert message
    assert ROWS[what]["message"] == (f"`` {message} ``" if "`" in message else f"`{message}`")
