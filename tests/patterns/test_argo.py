"""Patterns of Argo Workflows: those of its examples."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from flowworker import InvalidInput, StepStatus
from flowworker.testing import fails, returns
from tests.patterns.patterns import Pattern


def test_diamond():
    with Pattern("argo-diamond") as flow:
        assert flow.run().completed
        first, *middle, last = flow.ran

        assert (first, sorted(middle), last) == ("a", ["b", "c"], "d")
        assert flow.given("echo")[0] == {"message": "A"}


def test_exit_handler():
    with Pattern("argo-exit-handler", main=fails("broken")) as flow:
        run = flow.run()

        assert run.status == "FAILED"
        why = "step 'main' failed: RuntimeError: broken"
        assert flow.given("notify") == [{"how": "FAILED", "why": why}]

        flow.replace("main", returns())
        assert flow.run().completed
        assert flow.given("notify")[1] == {"how": "COMPLETED", "why": ""}


@pytest.mark.parametrize("side", ["heads", "tails"])
def test_coinflip(side):
    handlers = {"flip": returns(side), "heads": returns("it was heads"), "tails": returns("tails!")}
    with Pattern("argo-coinflip", **handlers) as flow:
        run = flow.run()

        assert flow.ran == ["flip", side]
        assert run.output == {"result": {"heads": "it was heads", "tails": "tails!"}[side]}


@pytest.mark.parametrize(
    ("answer", "places"), [("YES", ["staging", "production"]), ("NO", ["staging"])]
)
def test_approval(answer, places):
    with Pattern("argo-approval") as flow:
        run = flow.run()
        assert run.waiting == ("approval",)

        flow.advance(timedelta(days=30))
        with pytest.raises(InvalidInput, match='"perhaps" is not one of "YES", "NO"'):
            run.approve(output={"approve": "perhaps"})
        assert run.approve(output={"approve": answer}).completed
        assert [given["to"] for given in flow.given("deploy")] == places


def test_retry_backoff():
    with Pattern("argo-retry-backoff", call=fails()) as flow:
        run = flow.run()

        delays = [1, 2, 4, 8, 16, 20]
        assert run.step("call").attempts == 1 + len(delays)
        assert flow.elapsed == timedelta(seconds=sum(delays))


def test_enhanced_depends():
    with Pattern("argo-enhanced-depends", breaks=fails()) as flow:
        run = flow.run()

        assert run.completed
        assert set(flow.ran) == {"a", "b", "c", "whatever", "either", "last"}
        assert run.step("c").status is StepStatus.FAILED
        assert run.step("both").status is StepStatus.SKIPPED


def test_nested():
    with Pattern("argo-nested") as flow:
        run = flow.run(workflow="argo.nested")

        assert run.completed
        texts = [given["text"] for given in flow.given("echo")]
        assert (texts[0], texts[-1], len(texts)) == ("a-top", "d-bottom", 16)
        assert texts.index("a-bottom") < min(texts.index("b-top"), texts.index("c-top"))
        assert len({call.run_id for call in flow.calls("echo")} - {run.id}) == 4


def test_coinflip_recursive():
    coin = ["tails", "tails", "heads"]

    with Pattern("argo-coinflip-recursive", flip=lambda ctx: coin.pop(0)) as flow:
        assert flow.run().completed
        assert flow.given("heads") == [{"throws": 3}]
        assert flow.elapsed == timedelta(0)


def test_loops():
    with Pattern("argo-loops", generate=returns([20, 21, 22])) as flow:
        assert flow.run().completed
        found = sorted(flow.given("work"), key=lambda given: given["position"])
        assert found == [{"seconds": 20 + n, "position": n} for n in range(3)]


def test_parallelism():
    async def sleep(ctx, word):
        await asyncio.sleep(10)

    with Pattern("argo-parallelism", sleep=sleep) as flow:
        assert flow.run().completed
        began = [call.at for call in flow.calls("sleep")]
        assert began == [timedelta(0), timedelta(0), timedelta(seconds=10), timedelta(seconds=10)]
