"""Time jumps when nothing else can happen, and stands still while something real is at work."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from flowworker import App, RunStatus, Standstill, parse
from flowworker.testing import WorkflowTest, fails, hangs

ONE = "{name: one, steps: [{id: work, uses: work, timeout: 1s}]}"
REAL = 0.05
"""Real seconds that something outside takes."""


async def never(ctx):
    pytest.fail("it is replaced")


def one(function, text=ONE, app=None, **options):
    app = app or App()
    app.step("work")(function)
    return WorkflowTest(app, parse(text), **options)


async def test_handlers_that_sleep_take_no_time():
    async def sleeps(ctx):
        await asyncio.sleep(3600)
        async with asyncio.timeout(7200):
            await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
        return asyncio.get_running_loop().time()

    with one(sleeps, ONE.replace("1s", "3h")) as flow:
        run = flow.run()

        assert run.output == {"work": 7200}
        assert flow.elapsed == timedelta(hours=2)


def test_the_timeout_of_a_step_passes_while_it_sleeps():
    async def sleeps(ctx):
        await asyncio.sleep(2)

    with one(sleeps) as flow:
        assert flow.run().error.endswith("Timeout: no result within 1 s")
        assert flow.elapsed == timedelta(seconds=1)


class Slow(StreamRequestHandler):
    """Answers each line when some real time has passed."""

    def handle(self):
        for line in self.rfile:
            time.sleep(REAL)
            self.wfile.write(line)


@pytest.fixture
def port():
    """Of a slow server in another thread."""
    with ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def ask(port):
    async with asyncio.timeout(REAL / 10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
    return answer.decode()


def test_time_stands_still_while_a_handler_waits_for_a_connection(port):
    async def asks(ctx):
        return await ask(port)

    with one(asks) as flow:
        assert flow.run().output == {"work": "hello\n"}
        assert flow.elapsed == timedelta()


def test_a_connection_that_is_open_all_the_time_does_not_hold_up_handlers_that_sleep(port):
    # Given a lifespan that keeps a connection
    @asynccontextmanager
    async def connected():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield reader, writer
        writer.close()
        await writer.wait_closed()

    async def asks_then_sleeps(ctx):
        reader, writer = ctx.runtime
        writer.write(b"hello\n")
        answer = await reader.readline()
        await asyncio.sleep(3600)
        return answer.decode()

    # When a handler asks something over it, sleeps, fails, and is repeated, then time passes
    app = App(lifespan=connected)
    text = "{name: one, steps: [{id: work, uses: work, retry: {max_attempts: 2, interval: 1h}}]}"
    with one(asks_then_sleeps, text, app) as flow:
        flow.replace("work", fails(times=1))
        assert flow.run().output == {"work": "hello\n"}
        assert flow.elapsed == timedelta(hours=2)


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor(1)])
def test_time_stands_still_while_a_thread_is_awaited(executor):
    async def in_thread(ctx):
        async with asyncio.timeout(0.001):
            return await asyncio.get_running_loop().run_in_executor(executor, real)

    def real():
        time.sleep(REAL)
        return threading.current_thread() is not threading.main_thread()

    with one(in_thread) as flow:
        assert flow.run().output == {"work": True}
        assert flow.elapsed == timedelta()
    if executor:
        executor.shutdown()


def test_time_stands_still_while_a_child_process_runs():
    async def runs(ctx):
        async with asyncio.timeout(0.001):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print(1)", stdout=subprocess.DEVNULL
            )
            return await child.wait()

    with one(runs) as flow:
        assert flow.run().output == {"work": 0}
        assert flow.elapsed == timedelta()


def test_plain_handlers_run_in_threads_while_time_stands_still():
    def works(ctx):
        time.sleep(REAL)
        return threading.current_thread() is not threading.main_thread()

    with one(works, ONE.replace("1s", "1ms")) as flow:
        assert flow.run().output == {"work": True}
        assert flow.elapsed == timedelta()


def test_a_plain_handler_may_wait_for_the_loop_and_time_passes_meanwhile():
    def works(ctx):
        ctx.run(asyncio.sleep(3600))
        time.sleep(REAL)
        ctx.run(ctx.emit("done"))
        return ctx.run(asyncio.sleep(3600, "slept"))

    with one(works, ONE.replace("1s", "3h")) as flow:
        run = flow.run()
        assert run.output == {"work": "slept"}
        assert run.emitted == [("done", None)]
        assert flow.elapsed == timedelta(hours=2)


def test_many_plain_handlers_side_by_side_leave_no_threads():
    steps = ", ".join(f"{{id: s{n}, uses: work}}" for n in range(100))
    before = threading.active_count()
    with one(lambda ctx: ctx.step_id, f"{{name: wide, steps: [{steps}]}}") as flow:
        assert flow.run().output == {f"s{n}": f"s{n}" for n in range(100)}
    assert threading.active_count() == before


# What never comes to an end


def test_a_thread_that_hangs_is_named_and_not_waited_for():
    end = threading.Event()
    said = r"nothing came from outside .* for 0.05 s; .* work \(step work of run-1\)"
    with one(lambda ctx: end.wait(), limit=REAL) as flow, pytest.raises(Standstill, match=said):
        flow.run()
    end.set()


def test_a_handler_that_spins_is_named(monkeypatch):
    monkeypatch.setattr("flowworker.testing.loop.MAX_TURNS", 1000)

    async def spins(ctx):
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    said = r"a task spins; .* work \(step work of run-1\)"
    with one(spins) as flow, pytest.raises(Standstill, match=said):
        flow.run()


def test_a_handler_that_waits_for_what_never_comes_is_named():
    with one(never, ONE.replace(", timeout: 1s", "")) as flow:
        flow.replace("work", hangs())
        with pytest.raises(
            Standstill,
            match=r"nothing can happen any more; handlers that run: work \(step work of run-1\)",
        ):
            flow.run()


def test_a_handler_that_only_lets_time_pass_is_named(monkeypatch):
    monkeypatch.setattr("flowworker.testing.engine.MAX_JUMPS", 100)

    async def polls(ctx):
        while True:  # noqa: ASYNC110
            await asyncio.sleep(1)

    said = "101 times nothing happened but that time passed"
    endless = one(polls, ONE.replace(", timeout: 1s", ""))
    with endless as flow, pytest.raises(Standstill, match=said):
        flow.run()


def test_a_run_that_waits_for_a_human_never_ends_by_itself():
    text = ONE.replace("timeout: 1s", "escalation: {strategy: wait_human}")
    with one(never, text) as flow:
        flow.replace("work", fails())
        run = flow.run()
        with pytest.raises(Standstill, match="run run-1 waits for somebody: work"):
            run.wait_for_end()
        assert run.status is RunStatus.WAITING_HUMAN


# What is left over


def test_tasks_that_handlers_leave_behind_end_with_the_test():
    ended = []

    async def linger():
        try:
            await asyncio.sleep(10)
            ended.append("slept")
            await asyncio.sleep(10**6)
        finally:
            ended.append("cancelled")

    async def spawns(ctx):
        tasks.append(asyncio.create_task(linger()))

    tasks = []
    with one(spawns) as flow:
        assert flow.run().completed
        assert ended == []
        flow.advance(timedelta(minutes=1))
        assert ended == ["slept"]
    assert ended == ["slept", "cancelled"]


def test_the_end_of_a_test_cancels_what_runs_and_closes_what_was_opened():
    said = []

    @asynccontextmanager
    async def lifespan():
        said.append("open")
        yield
        said.append("closed")

    async def sleeps(ctx):
        try:
            await asyncio.sleep(3600)
            said.append("slept")
        finally:
            said.append("cancelled")

    with one(sleeps, app=App(lifespan=lifespan)) as flow:
        flow.start()
        assert said == ["open"]
    assert said == ["open", "cancelled", "closed"]


def test_a_lifespan_that_fails_is_the_error_of_the_test():
    @asynccontextmanager
    async def lifespan():
        await asyncio.sleep(3600)
        raise OSError("no database")
        yield

    flow = one(never, app=App(lifespan=lifespan))
    with pytest.raises(Exception, match="lifespan: OSError: no database"):
        flow.__enter__()
