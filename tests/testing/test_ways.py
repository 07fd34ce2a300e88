"""The same test in plain pytest, in an async test, and in unittest."""

from __future__ import annotations

import asyncio
import threading
import unittest
from contextvars import ContextVar
from datetime import timedelta

import pytest

from flowworker import InvalidInput, parse
from flowworker.testing import WorkflowTest, fails, returns
from tests.testing.orders import order, shop

who = ContextVar("who", default="nobody")


def check(flow):
    flow.replace("payments.charge", fails(times=3))
    flow.replace("shipping.ship", lambda ctx: who.get())
    run = flow.run({"order_id": 7})
    assert run.output == {"ship": "me"}
    assert flow.elapsed == timedelta(hours=3)


def test_in_a_plain_test():
    who.set("me")
    with WorkflowTest(shop(), order()) as flow:
        check(flow)


async def test_in_an_async_test():
    who.set("me")
    before = threading.active_count()
    with WorkflowTest(shop(), order()) as flow:
        check(flow)
        with pytest.raises(InvalidInput, match="no workflow uses"):
            flow.replace("nothing", returns())
        with pytest.raises(InvalidInput, match="was not started"):
            flow.run({})
        await asyncio.sleep(0)
        assert threading.active_count() == before


def test_a_run_has_the_labels_of_its_definition_and_its_start():
    labelled = parse("name: w\nlabels: {n: '${input.n}'}\nsteps: [{id: a, sleep: 1s}]\n")
    with WorkflowTest(shop(), labelled) as flow:
        assert flow.run({"n": 7}, labels={"team": "a"}).view.labels == {"n": "7", "team": "a"}
        with pytest.raises(InvalidInput, match=r"label n: 'input\.n': input has no 'n'"):
            flow.run({})


async def test_the_loop_of_an_async_test_goes_on_afterwards():
    async def tick():
        await asyncio.sleep(0)
        return "ticked"

    ticking = asyncio.create_task(tick())
    with WorkflowTest(shop(), order()) as flow:
        assert flow.run({"order_id": 7}).completed
    assert await ticking == "ticked"


class InUnittest(unittest.TestCase):
    def setUp(self):
        who.set("me")
        self.flow = self.enterContext(WorkflowTest(shop(), order()))

    def test_it(self):
        check(self.flow)


class InAsyncUnittest(unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        who.set("me")
        with WorkflowTest(shop(), order()) as flow:
            check(flow)


def test_a_handler_cannot_drive_the_test_that_drives_it():
    with WorkflowTest(shop(), order()) as flow:

        async def drives(ctx):
            return flow.run({"order_id": 8}).output

        flow.replace("payments.charge", drives)
        run = flow.run({"order_id": 7})

        error = run.step("charge").error
        assert "a WorkflowTest is driven by the test, not by its handlers" in error


def test_a_handler_may_have_a_test_of_its_own():
    with WorkflowTest(shop(), order()) as outer:

        async def tries(ctx):
            with WorkflowTest(shop(), parse("{name: w, steps: [{id: a, uses: b}]}")) as inner:
                inner.replace("b", returns("inner"))
                return inner.run().output

        outer.replace("shipping.ship", tries)
        assert outer.run({"order_id": 7}).output == {"ship": {"a": "inner"}}
