"""How long a test of hours and weeks takes; `python -m bench.testkit`. Asserts nothing."""

from __future__ import annotations

import logging
import statistics
import time
from datetime import timedelta

from flowworker import App, StepContext, parse
from flowworker.testing import WorkflowTest, fails

ORDER = """
name: order
steps:
  - {id: reserve, uses: reserve}
  - {id: charge, uses: charge, depends_on: [reserve], retry: {max_attempts: 4, interval: 1h}}
  - {id: ship, uses: ship, depends_on: [charge], escalation: {strategy: wait_human}}
"""
TIMES = 20

app = App()


@app.step("reserve")
@app.step("charge")
@app.step("ship")
async def work(ctx: StepContext) -> str:
    return ctx.step_id


def once() -> None:
    """Three hours of retries, then a week of waiting for a human."""
    with WorkflowTest(app, parse(ORDER)) as flow:
        flow.replace("charge", fails(TimeoutError(), times=3))
        flow.replace("ship", fails())
        run = flow.run({"order_id": 7})
        flow.advance(timedelta(weeks=1))
        run.resume("complete", output={"parcel": "by hand"})
        if not run.completed or flow.elapsed != timedelta(weeks=1, hours=3):
            raise SystemExit(f"not as expected: {run.view}")


def main() -> None:
    """Measure in real time and in the process' own."""
    logging.getLogger("flowworker").setLevel(logging.ERROR)
    once()  # whatever is imported late
    real, own = [], []
    for _ in range(TIMES):
        began, began_own = time.perf_counter(), time.process_time()
        once()
        real.append(time.perf_counter() - began)
        own.append(time.process_time() - began_own)
    for what, seconds in (("real time", real), ("processor time", own)):
        low, mid, high = min(seconds), statistics.median(seconds), max(seconds)
        print(f"{what}: {1e3 * low:.1f} / {1e3 * mid:.1f} / {1e3 * high:.1f} ms (min, median, max)")


if __name__ == "__main__":
    main()
