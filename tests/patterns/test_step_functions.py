"""Patterns of Step Functions: those of its developer guide and of aws-samples."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from flowworker import StepStatus
from flowworker.testing import fails, returns
from tests.patterns.patterns import Pattern


def test_retry_catch():
    with Pattern("sfn-retry-catch", call=fails(TimeoutError())) as flow:
        assert flow.run().completed
        assert flow.elapsed == timedelta(seconds=1 + 2)
        assert flow.given("instead") == [{"of": "call"}]

        flow.replace("call", fails(ConnectionError()))
        run = flow.run()
        assert run.step("call").attempts == 2
        assert flow.elapsed == timedelta(seconds=3 + 5)


def test_wait():
    with Pattern("sfn-wait") as flow:
        run = flow.start()
        flow.advance(timedelta(minutes=59))
        assert flow.ran == ["order"]

        assert run.wait().completed
        assert flow.ran == ["order", "remind"]
        assert flow.elapsed == timedelta(hours=1)


def test_callback():
    with Pattern("sfn-callback") as flow:
        run = flow.run({"order": 7})
        assert flow.given("request") == [{"run": run.id, "order": 7}]

        run.signal("reply", {"order": 8, "status": 200})
        assert run.waiting == ("reply",)
        run.signal("reply", {"order": 7, "status": 200})
        assert run.completed
        assert flow.ran == ["request", "success"]

        assert flow.run({"order": 7}).wait_for_end().completed
        assert flow.ran[2:] == ["request", "failure"]
        assert flow.elapsed == timedelta(minutes=5)


def test_either_or():
    with Pattern("sfn-either-or") as flow:
        run = flow.start()
        flow.advance(timedelta(minutes=14))
        run.signal("theirs", {"price": 12})
        assert (run.completed, run.output) == (True, {"by": "them", "price": 12})
        assert run.step("ours").status is StepStatus.CANCELLED

        late = flow.run().wait_for_end()
        assert (late.status, late.error) == ("FAILED", "nobody answered")


def test_saga():
    def book(ctx, what):
        return f"a {what}"

    with Pattern("sfn-saga", book=book, pay=fails("no funds")) as flow:
        run = flow.run()

        assert run.status == "FAILED"
        assert [call.step_id for call in flow.calls("pay")] == ["pay", "pay"]
        assert flow.given("cancel") == [{"booking": "a flight"}, {"booking": "a hotel"}]

        flow.replace("pay", returns())
        assert flow.run().completed
        assert len(flow.calls("cancel")) == 2


def test_job_poller():
    answers = ["SUBMITTED", "RUNNING", "SUCCEEDED", "RUNNING", "FAILED"]

    def describe(ctx, job):
        return {"job": job, "status": answers.pop(0)}

    with Pattern("sfn-job-poller", submit=returns({"job": 7}), describe=describe) as flow:
        run = flow.run({"queue": "fast"})
        assert (run.output, run.step("fetch").status) == ({"asked": 3}, StepStatus.COMPLETED)
        assert flow.elapsed == timedelta(seconds=60)

        failed = flow.run({"queue": "fast"})
        assert (failed.status, failed.error) == ("FAILED", "the job failed")


def test_map():
    async def take(ctx, id):
        await asyncio.sleep(1)
        if id == bad:
            raise ValueError("no such order")
        return id

    with Pattern("sfn-map", take=take) as flow:
        bad, orders = 2, [{"id": n} for n in range(4)]
        assert flow.run({"orders": orders}).completed
        assert flow.given("report") == [{"done": [0, 1, 3]}]
        assert len(flow.calls("take")) == 5
        assert [call.at.seconds for call in flow.calls("take")][:4] == [0, 0, 0, 1]

        flow.replace("take", fails("down"))
        run = flow.run({"orders": orders})
        assert run.status == "FAILED"
        assert "TooManyFailures" in run.error
