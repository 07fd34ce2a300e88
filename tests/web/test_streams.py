"""Streams of events to clients that leave, that take nothing, or that are too many."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest

from flowworker.clock import SystemClock
from flowworker.ports import Incident
from flowworker.web import hub, streams
from flowworker.web.hub import GAP, Hub, Listener, frame
from flowworker.web.problems import ApiError
from flowworker.web.streams import EACH, Streams
from tests.support.waiting import eventually


class Wire:
    """What an ASGI server gives an application, with a client at its other end."""

    def __init__(self, takes=1_000):
        self.sent = []
        self.gone = asyncio.Event()
        self._takes = takes

    async def send(self, message):
        if len(self.sent) >= self._takes:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)


async def said(*frames, forever=False):
    for each in frames:
        yield each
    if forever:
        await asyncio.Event().wait()


async def test_a_stream_ends_with_its_frames():
    opened, wire = Streams(), Wire()
    stream = opened.open("vera", said(b"one\n\n", b"two\n\n"))
    assert opened.count == 1

    await stream({}, wire.receive, wire.send)

    assert wire.sent[0]["status"] == 200
    assert wire.body.endswith(b"one\n\ntwo\n\n")
    assert wire.sent[-1]["more_body"] is False
    assert opened.count == 0


async def test_a_silent_stream_shows_that_it_lives(monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.001)
    opened, wire = Streams(), Wire()
    task = asyncio.create_task(opened.open("vera", said(forever=True))({}, wire.receive, wire.send))

    await eventually(lambda: wire.body.count(b": alive\n\n") > 3)
    wire.gone.set()

    await task
    assert opened.count == 0


async def test_a_client_that_takes_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(streams, "TAKING", 0.01)
    opened, wire = Streams(), Wire(takes=2)

    await opened.open("vera", said(b"one\n\n", forever=True))({}, wire.receive, wire.send)

    assert len(wire.sent) == 2
    assert opened.count == 0


async def test_streams_end_with_the_process():
    opened, wire = Streams(), Wire()
    task = asyncio.create_task(opened.open("vera", said(forever=True))({}, wire.receive, wire.send))
    await eventually(lambda: wire.sent)

    opened.end()

    await task
    assert wire.sent[-1]["more_body"] is False


async def test_nobody_has_all_streams(monkeypatch):
    monkeypatch.setattr(streams, "ALL", EACH + 1)
    opened = Streams()
    for _ in range(EACH):
        opened.open("vera", said())

    with pytest.raises(ApiError) as refused:
        opened.open("vera", said())
    assert refused.value.status == HTTPStatus.TOO_MANY_REQUESTS
    assert "Retry-After" in refused.value.headers
    opened.open("oscar", said())
    with pytest.raises(ApiError):
        opened.open("somebody", said())


async def taken(listener, count):
    frames = listener.frames()
    found = [await anext(frames) for _ in range(count)]
    await frames.aclose()
    return found


@pytest.mark.parametrize(("limit", "value"), [("KEPT", 3), ("KEPT_BYTES", 6)])
async def test_what_waits_for_a_slow_listener_is_bounded(monkeypatch, limit, value):
    monkeypatch.setattr(hub, limit, value)
    listener = Listener()
    for text in (b"1.", b"2.", b"3.", b"4."):
        listener.tell(text)

    assert await taken(listener, 1) == [GAP]


class Making:
    """A fleet whose events the test makes."""

    def __init__(self):
        self.events: asyncio.Queue[dict] = asyncio.Queue()
        self.backend = self
        self.on_incident = []

    @property
    def client(self):
        return self

    stores = client

    async def watch(self):
        while True:
            yield await self.events.get()

    async def examined(self):
        return []


async def test_who_comes_back_gets_what_came_meanwhile(monkeypatch):
    fleet = Making()
    made = Hub(fleet, SystemClock())
    running = asyncio.create_task(made.run())
    events = [{"id": str(number), "type": "t"} for number in range(4)]

    with made.listen("") as first:
        for event in events:
            fleet.events.put_nowait(event)
        assert await taken(first, 4) == [frame(event) for event in events]
    with made.listen("1") as second:
        assert await taken(second, 2) == [frame(event) for event in events[2:]]
    with made.listen("unknown") as third:
        assert await taken(third, 1) == [GAP]

    running.cancel()


async def test_who_may_have_missed_something_hears_of_it():
    fleet = Making()
    made = Hub(fleet, SystemClock())
    running = asyncio.create_task(made.run())

    with made.listen("") as listener:
        fleet.events.put_nowait({"id": "1"})
        await taken(listener, 1)
        for incident in Incident:
            for note in fleet.on_incident:
                note(incident)
        assert await taken(listener, 1) == [GAP]
    with made.listen("1") as late:
        assert await taken(late, 1) == [GAP]

    running.cancel()


async def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(hub, "KEPT", 2)
    fleet = Making()
    made = Hub(fleet, SystemClock())
    running = asyncio.create_task(made.run())
    with made.listen("") as listener:
        for number in range(3):
            fleet.events.put_nowait({"id": str(number)})
            await taken(listener, 1)

    with made.listen("0") as late:
        assert await taken(late, 1) == [GAP]
    with made.listen("1") as late:
        assert await taken(late, 1) == [frame({"id": "2"})]

    running.cancel()


@pytest.mark.parametrize("id_", ["a\nb", "", "a\x00"])
def test_an_id_that_would_break_a_frame_is_left_out(id_):
    assert frame({"id": id_}).startswith(b"data: ")
    assert frame({"id": id_}).count(b"\n") == 2
