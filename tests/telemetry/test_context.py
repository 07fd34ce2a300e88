"""Lines of an attempt say which one it is: ours, users' and those of libraries."""

from __future__ import annotations

import asyncio
import json
import logging

import structlog
from msgspec.structs import replace

from flowworker.codec.messages import StepInput, StepMessage
from flowworker.codec.trace import new_trace
from flowworker.core.payload import EMPTY
from flowworker.core.status import Kind
from flowworker.telemetry.context import add_attempt, attempt_in_logs
from flowworker.telemetry.log import configure_logging, get_logger

MESSAGE = StepMessage(
    *("r1", "order.fulfil", "charge", "payments.charge", Kind.FALLBACK, 2, 3),
    input=StepInput(EMPTY),
    idempotency_key="k",
    trace=f"00-{32 * 'a'}-{16 * 'b'}-01",
)

NAMES = {
    "run": "r1",
    "workflow": "order.fulfil",
    "step": "charge",
    "kind": "fallback",
    "turn": 2,
    "attempt": 3,
    "worker": "w1",
    "trace_id": 32 * "a",
}


async def execute(*calls, message=MESSAGE):
    """An attempt, in a task of its own as a worker's are."""

    async def attempt():
        attempt_in_logs(message, "w1", "flowworker")
        for call in calls:
            found = call()
            if asyncio.iscoroutine(found):
                await found

    await asyncio.create_task(attempt())


async def logged(capsys, *calls):
    """The lines of an attempt that makes these calls."""
    configure_logging(json=True)
    await execute(*calls)
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_ours_and_the_users_own_lines_name_the_attempt(capsys):
    ours, of_structlog, of_logging = await logged(
        capsys,
        lambda: get_logger().warning("ours"),
        lambda: structlog.get_logger().warning("of structlog"),
        lambda: logging.getLogger("shop").warning("of logging", extra={"order": 7}),
    )

    assert ours.items() >= NAMES.items()
    assert of_structlog.items() >= NAMES.items()
    assert of_logging.items() >= {**NAMES, "logger": "shop", "order": 7}.items()


async def test_so_do_lines_of_tasks_and_threads_that_it_starts(capsys):
    async def child():
        logging.getLogger("shop").warning("task")

    found = await logged(
        capsys,
        lambda: asyncio.wait_for(asyncio.create_task(child()), 10),
        lambda: asyncio.to_thread(logging.getLogger("shop").warning, "thread"),
    )

    assert [line["event"] for line in found] == ["task", "thread"]
    assert all(line.items() >= NAMES.items() for line in found)


async def test_other_lines_do_not(capsys):
    await logged(capsys)
    get_logger().warning("ours")
    logging.getLogger("shop").warning("theirs")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2
    assert not any(NAMES.keys() & line.keys() for line in lines)


async def test_what_a_line_says_itself_goes_before(capsys):
    [line] = await logged(capsys, lambda: get_logger().warning("about another", run="r2"))

    assert line.items() >= {**NAMES, "run": "r2"}.items()


async def test_a_run_of_an_older_release_has_the_trace_that_all_give_it(capsys):
    configure_logging(json=True)
    await execute(
        lambda: logging.getLogger("shop").warning("old"), message=replace(MESSAGE, trace="")
    )

    line = json.loads(capsys.readouterr().err)
    assert line["trace_id"] == new_trace("flowworker", "r1", "").trace_id


def test_it_is_a_processor_for_configurations_of_others():
    assert add_attempt(None, "info", {"event": "e"}) == {"event": "e"}
