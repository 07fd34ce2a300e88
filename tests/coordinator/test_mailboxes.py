"""Things to do for a run are done one after the other, those for other runs beside them."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.coordinator.driving.mailboxes import Mailboxes


class Work:
    """What is done: it ends, or passes its mailbox on, when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.released: list[str] = []
        self.pass_on: dict[str, object] = {}
        self.ends: dict[str, asyncio.Future[None]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.mailboxes: Mailboxes[str] = Mailboxes(self._spawn, self._do, self.released.append)

    def _spawn(self, work):
        self.tasks.append(asyncio.create_task(work))

    async def _do(self, run, item, pass_on):
        self.begun.append(item)
        self.pass_on[item] = pass_on
        self.ends[item] = asyncio.get_running_loop().create_future()
        await self.ends[item]

    async def settle(self):
        """Let everything happen that can."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def work():
    work = Work()
    yield work
    for task in work.tasks:
        task.cancel()
    await asyncio.gather(*work.tasks, return_exceptions=True)


async def test_the_next_of_a_run_waits_and_other_runs_do_not(work):
    for run, item in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        work.mailboxes.post(run, item)
    await work.settle()
    assert work.begun == ["a1", "b1"]

    work.ends["a1"].set_result(None)
    await work.settle()

    assert work.begun == ["a1", "b1", "a2"]
    assert work.released == ["a1"]


async def test_a_mailbox_is_passed_on_once(work):
    for item in ("1", "2", "3"):
        work.mailboxes.post("a", item)
    await work.settle()

    work.pass_on["1"]()
    work.pass_on["1"]()
    await work.settle()
    assert work.begun == ["1", "2"]

    work.ends["1"].set_result(None)
    await work.settle()
    assert work.begun == ["1", "2"]
    assert work.released == ["1"]


async def test_what_fails_is_released_and_the_next_has_its_turn(work):
    work.mailboxes.post("a", "1")
    work.mailboxes.post("a", "2")
    await work.settle()

    work.ends["1"].set_exception(ValueError("1"))
    await work.settle()

    assert work.begun == ["1", "2"]
    assert work.released == ["1"]
    with pytest.raises(ValueError, match="1"):
        await work.tasks[0]


async def test_a_run_is_known_as_long_as_there_is_something_to_do(work):
    work.mailboxes.post("a", "1")
    await work.settle()
    assert "a" in work.mailboxes

    work.ends["1"].set_result(None)
    await work.settle()

    assert "a" not in work.mailboxes


async def test_once_closed_nothing_begins_and_the_rest_is_released(work):
    for item in ("1", "2", "3"):
        work.mailboxes.post("a", item)
    await work.settle()

    work.mailboxes.close()
    work.ends["1"].set_result(None)
    await work.settle()
    work.mailboxes.empty()

    assert work.begun == ["1"]
    assert work.released == ["1", "2", "3"]
