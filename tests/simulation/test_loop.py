"""The loop on which waiting takes no time keeps the order of things."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.simulate import loop as loops
from flowworker.simulate.loop import Standstill, VirtualLoop


@pytest.fixture
def virtual(monkeypatch):
    monkeypatch.setattr(loops, "MAX_TURNS", 1000)
    virtual = VirtualLoop()
    yield virtual
    virtual.close()


def test_time_jumps_from_timer_to_timer(virtual):
    called = []

    def note(what):
        called.append((virtual.moment, what))

    async def main():
        virtual.call_later(2.0, note, "later")
        virtual.call_at(1.0, note, "first")
        virtual.call_at(1.0, note, "second")
        virtual.call_at(-1.0, note, "past")
        virtual.call_soon(note, "soon")
        virtual.call_at(1.5, note, "never").cancel()
        await virtual.pause(1.0)
        await asyncio.sleep(3.0)

    virtual.run_until_complete(main())

    assert called == [(0, "past"), (0, "soon"), (1, "first"), (1, "second"), (2, "later")]
    assert virtual.moment == 4.0


def test_what_is_cancelled_is_not_waited_for(virtual):
    async def main():
        virtual.call_later(50.0, print).cancel()
        soon = virtual.call_soon(print)
        soon.cancel()
        assert soon.cancelled()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.Event().wait()
        async with asyncio.timeout(100.0):
            await virtual.pause(1.0)

    virtual.run_until_complete(main())

    assert virtual.moment == 2.0


def test_a_callback_that_fails_is_reported(virtual):
    reported = []
    virtual.set_exception_handler(lambda _, context: reported.append(context["exception"]))

    async def main():
        virtual.call_soon(int, "x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    virtual.run_until_complete(main())

    assert [type(error) for error in reported] == [ValueError]


@pytest.mark.parametrize(("spin", "message"), [(False, "could ever happen"), (True, "spins")])
def test_no_progress_is_an_end(virtual, spin, message):
    async def main():
        while spin:  # noqa: ASYNC110  # that is the defect
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    task = virtual.create_task(main())
    with pytest.raises(Standstill, match=message):
        virtual.run_until_complete(task)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        virtual.run_until_complete(task)
