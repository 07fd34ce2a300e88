"""Workflows built in Python: the same as a file of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowworker import App, DefinitionError, InvalidInput, WorkflowBuilder, parse
from flowworker.core.repetition import Repeat
from flowworker.definitions.content import content_hash

app = App()


@app.step("inventory.reserve")
async def reserve(ctx, order_id: int) -> dict[str, int]:
    return {"id": order_id}


@app.step("inventory.release")
def release(ctx) -> None: ...


@app.step("payments.charge")
def charge(ctx, reservation: int, text: str) -> dict[str, int]:
    return {"amount": reservation}


FILE = """
name: order.fulfil
version: v1
timeout: 1h
output: {amount: "${steps.charge.output.amount}"}
steps:
  - id: reserve
    uses: inventory.reserve
    saga: inventory.release
    with: {order_id: "${input.order_id}"}
  - id: charge
    uses: payments.charge
    depends_on: [reserve]
    with: {reservation: "${steps.reserve.output.id}", text: "of ${steps.reserve.output.id}"}
    retry: {max_attempts: 5, interval: 2s}
    timeout: 30s
    when: steps.reserve.output.id > 0
  - {id: nap.time, sleep: 1m, depends_on: [charge]}
finally:
  - {id: last, uses: inventory.release}
"""


def built() -> WorkflowBuilder:
    flow = WorkflowBuilder(
        "order.fulfil",
        app,
        version="v1",
        timeout=timedelta(hours=1),
        output={"amount": "${steps.charge.output.amount}"},
    )
    reserved = flow.step(reserve, saga=release, with_={"order_id": flow.input.order_id})
    charged = flow.step(
        charge,
        depends_on=[reserved],
        with_={"reservation": reserved.output.id, "text": f"of {reserved.output.id}"},
        retry={"max_attempts": 5, "interval": "2s"},
        timeout=30,
        when="steps.reserve.output.id > 0",
    )
    flow.add("nap.time", sleep="1m", depends_on=[charged])
    flow.add("last", uses=release, finally_=True)
    return flow


def test_what_is_built_has_the_hash_of_the_file():
    assert content_hash(built().build()) == content_hash(parse(FILE))
    assert content_hash(parse(built().to_yaml())) == content_hash(parse(FILE))


def test_a_reference_is_written_as_in_a_file():
    flow = WorkflowBuilder("w", app)
    step = flow.add("a.b", uses="h")

    assert str(flow.input.order["a b"][0].id) == '${input.order["a b"][0].id}'
    assert repr(flow.run.id) == "${run.id}"
    assert str(step.output) == '${steps["a.b"].output}'
    assert (str(step.status), str(step.error.type)) == (
        '${steps["a.b"].status}',
        '${steps["a.b"].error.type}',
    )
    with pytest.raises(AttributeError):
        flow.input.__wrapped__  # noqa: B018 - what tools ask of any object


def test_a_function_that_is_no_handler_is_refused():
    with pytest.raises(InvalidInput, match=r"test_a_function.* is no handler of the app: register"):
        WorkflowBuilder("w", app).step(test_a_function_that_is_no_handler_is_refused)
    with pytest.raises(InvalidInput, match="reserve is no handler"):
        WorkflowBuilder("w").step(reserve)


def test_a_handler_that_is_named_needs_an_id():
    with pytest.raises(InvalidInput, match=r"give an id with a handler that is named \('h'\)"):
        WorkflowBuilder("w").step("h")
    assert WorkflowBuilder("w").step("h", id="a").id == "a"


def test_what_is_wrong_with_it_is_found_when_it_is_built():
    flow = WorkflowBuilder("w", app)
    flow.step(reserve, depends_on=["nobody"])

    with pytest.raises(DefinitionError, match="nobody"):
        flow.build()


def test_steps_that_are_runs_read_as_in_a_file():
    inner = WorkflowBuilder("inner")
    one = inner.step("load", id="one", with_={"url": inner.input.url})
    inner.step("shrink", id="two", depends_on=[one], with_={"file": one.output})
    outer = WorkflowBuilder("outer")
    other = outer.call(inner.build(), id="first", with_={"url": outer.input.url}, retry=2)
    outer.group(inner, id="second", depends_on=[other], with_={"url": other.output.two})

    written = """
name: outer
steps:
  - {id: first, workflow: inner, with: {url: "${input.url}"}, retry: 2}
  - id: second
    depends_on: first
    with: {url: "${steps.first.output.two}"}
    steps:
      - {id: one, uses: load, with: {url: "${input.url}"}}
      - {id: two, uses: shrink, depends_on: one, with: {file: "${steps.one.output}"}}
"""
    assert outer.build() == parse(written) == parse(outer.to_yaml())
    assert content_hash(outer.build()) == content_hash(parse(written))


def test_a_step_that_is_repeated():
    flow = WorkflowBuilder("w")
    poll = flow.step(
        "poll", id="poll", repeat={"until": "output.done", "interval": "10s", "max": 7}
    )
    flow.step("tell", id="tell", depends_on=[poll], with_={"looked": poll.iterations})

    step, tell = flow.build().steps

    assert step.repeat == Repeat("output.done", 10.0, 7)
    assert tell.with_ == {"looked": "${steps.poll.iterations}"}
    assert parse(flow.to_yaml()) == flow.build()


LABELLED = """
name: report
labels: {team: a, customer: "${input.customer}"}
steps: [{id: nap, sleep: 1s}]
schedules:
  - id: nightly
    cron: 30 2 * * *
    timezone: Europe/Berlin
    start_at: 2030-01-01T00:00:00Z
    overlap: buffer_one
    input: {until: "${schedule.time}", customer: 7}
    labels: {of: "by ${schedule.id}"}
  - {id: often, every: 900}
"""


def test_labels_and_schedules_are_those_of_a_file():
    flow = WorkflowBuilder("report")
    flow.add("nap", sleep="1s")
    flow.label("team", "a")
    flow.label("customer", flow.input.customer)
    flow.schedule(
        "nightly",
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        start_at=datetime(2030, 1, 1, tzinfo=UTC),
        overlap="buffer_one",
        input={"until": flow.occasion.time, "customer": 7},
        labels={"of": f"by {flow.occasion.id}"},
    )
    flow.schedule("often", every=timedelta(minutes=15))

    assert flow.build() == parse(LABELLED)
    assert content_hash(flow.build()) == content_hash(parse(LABELLED))
    assert parse(flow.to_yaml()) == parse(LABELLED)


def test_they_may_be_given_at_the_beginning_as_well():
    nightly, often = {"id": "nightly", "cron": "30 2 * * *"}, {"id": "often", "every": 900}
    given: dict[str, Any] = {"labels": {"team": "a"}, "schedules": [nightly]}
    flow = WorkflowBuilder("report", **given)
    flow.add("nap", sleep="1s")
    assert (len(flow.build().schedules), flow.build().labels) == (1, {"team": "a"})

    flow.label("more", "b")
    flow.schedule("often", every=900)
    whole = WorkflowBuilder("report", labels={"team": "a", "more": "b"}, schedules=[nightly, often])
    whole.add("nap", sleep="1s")

    assert flow.build() == whole.build()
    assert given == {"labels": {"team": "a"}, "schedules": [nightly]}
