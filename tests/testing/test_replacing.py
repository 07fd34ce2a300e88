"""Handlers that are replaced in a test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from flowworker import App, ConversionError, InvalidInput, NonRetryableError, StepContext, parse
from flowworker.testing import WorkflowTest, fails, hangs, returns
from tests.testing.orders import order, shop


@pytest.fixture
def flow():
    with WorkflowTest(shop(), order()) as flow:
        yield flow


@dataclass
class Receipt:
    charge_id: str


def test_a_function_is_called_as_any_handler_is(flow):
    # Given one async, with a typed argument and result, and a plain one
    async def charge(ctx: StepContext, order_id: int) -> Receipt:
        await asyncio.sleep(1)
        await ctx.emit("order.charged", {"step": ctx.step_id})
        return Receipt(f"fake{order_id}")

    flow.replace("payments.charge", charge)
    flow.replace("shipping.ship", lambda ctx, charge: charge["charge_id"])

    # When it runs, then both are called, and the real ones are not
    run = flow.run({"order_id": 7})
    assert run.output == {"ship": "fake7"}
    assert run.emitted == [("order.charged", {"step": "charge"})]

    # And what does not fit is how the step ends
    flow.replace("inventory.reserve", returns({}))
    run = flow.run({"order_id": "seven"})
    assert "ConversionError" in run.error
    assert isinstance(run.step("charge").calls[-1].error, ConversionError)


def test_the_app_is_left_as_it_is():
    app = shop()
    for expected in ("by hand", "p1"):
        with WorkflowTest(app, order()) as flow:
            if expected == "by hand":
                flow.replace("shipping.ship", returns({"parcel": expected}))
            assert flow.run({"order_id": 7}).output == {"ship": {"parcel": expected}}
    assert set(app.handlers) >= {"shipping.ship"}


def test_the_last_replacement_counts_and_the_real_handler_can_come_back(flow):
    real = flow.run({"order_id": 1}).output
    flow.replace("shipping.ship", returns("first"))
    flow.replace("shipping.ship", lambda _: "second")
    assert flow.run({"order_id": 1}).output == {"ship": "second"}
    flow.replace("shipping.ship", returns("third", times=1))
    assert [flow.run({"order_id": 1}).output["ship"] for _ in range(2)] == ["third", "third"]
    flow.replace("shipping.ship", returns(times=0))
    assert flow.run({"order_id": 1}).output == {"ship": "second"}
    assert real == {"ship": {"parcel": "p1"}}


def test_times_are_counted_for_each_step_of_each_run(flow):
    flow.replace("payments.charge", fails(times=2))

    runs = [flow.run({"order_id": number}) for number in range(2)]

    assert [run.step("charge").attempts for run in runs] == [3, 3]


def test_an_error_is_what_the_policy_of_the_step_judges(flow):
    flow.replace("payments.charge", fails(NonRetryableError("card declined")))

    run = flow.run({"order_id": 7})

    assert run.step("charge").attempts == 1
    assert run.step("charge").error == "NonRetryableError: card declined"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt, BaseException("odd")])
def test_whatever_a_replacement_raises_is_how_the_attempt_ends(flow, error):
    flow.replace("shipping.ship", fails(error))

    run = flow.run({"order_id": 7})

    assert run.waiting == ("ship",)
    assert run.step("ship").attempts == 2


def test_handlers_that_do_not_exist_can_be_replaced():
    with WorkflowTest(App(), order()) as flow:
        flow.replace("inventory.reserve", lambda _: {})
        flow.replace("payments.charge", returns({"charge_id": "c"}, times=1))
        flow.replace("inventory.release", hangs())
        with pytest.raises(InvalidInput, match=r"no handler for shipping.ship: register it"):
            flow.run({"order_id": 7})
        flow.replace("shipping.ship", returns("sent"))
        assert flow.run({"order_id": 7}).output == {"ship": "sent"}


@pytest.mark.parametrize(
    ("name", "by", "message"),
    [
        ("payments.chrage", fails(), "did you mean 'payments.charge'"),
        ("zzz", fails(), "they use inventory.release, inventory.reserve, payments.charge"),
        ("payments.charge", 3, "payments.charge"),
        ("payments.charge", lambda: None, "payments.charge"),
    ],
)
def test_what_cannot_replace_is_refused(flow, name, by, message):
    with pytest.raises(InvalidInput, match=message):
        flow.replace(name, by)


@pytest.mark.parametrize("times", [-1, True])
def test_a_number_of_times_is_a_number(times):
    with pytest.raises(InvalidInput, match="times: expected a number of calls"):
        fails(times=times)


def test_middleware_and_runtime_are_those_of_the_app_that_has_the_handler():
    app, inner = App(runtime="outer"), App(runtime="inner")
    seen = []

    @inner.middleware
    async def around(ctx, call_next):
        seen.append(ctx.runtime)
        return await call_next()

    inner.step("work")(lambda ctx: "real")
    app.include(inner)
    with WorkflowTest(app, parse("{name: w, steps: [{id: a, uses: work}]}")) as flow:
        assert flow.run().output == {"a": "real"}
        flow.replace("work", lambda ctx: ctx.runtime)
        assert flow.run().output == {"a": "inner"}
    assert seen == ["inner", "inner"]
