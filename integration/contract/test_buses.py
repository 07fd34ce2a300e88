"""`EventBus`: both of them, by the same tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
import pytest_asyncio

from flowworker import Event, EventBus, InMemBus, InvalidInput, NATSBus
from flowworker.compat import buses
from tests.support.waiting import WAIT_LIMIT


@pytest.fixture(params=["InMemBus", "NATSBus"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest_asyncio.fixture
async def pair(request: pytest.FixtureRequest, kind: str, namespace: str):
    """Two members of one namespace; in memory it is one."""

    def make() -> EventBus:
        if kind == "InMemBus":
            return InMemBus()
        return NATSBus(request.getfixturevalue("server").url, namespace=namespace, create=True)

    one = make()
    two = one if kind == "InMemBus" else make()
    yield one, two
    await one.close()
    await two.close()


async def take(subscription, count: int) -> list[Event]:
    async with asyncio.timeout(WAIT_LIMIT):
        return [await anext(subscription) for _ in range(count)]


async def test_an_event_arrives_as_it_was(pair):
    one, two = pair
    heard = await two.subscribe("order", "paid")
    event = Event(
        "order",
        "paid",
        {"order_id": 7, "_workflow_id": "run-1"},
        "event-1",
        datetime(2026, 6, 5, 12, 0, 0, 250_000, UTC),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )

    assert event.subject == "order.paid"
    assert await one.publish(event) == event

    assert await take(heard, 1) == [event]


async def test_an_event_gets_an_id_and_a_time(pair):
    one, two = pair
    heard = await two.subscribe("order", "paid")

    published = await one.publish(Event("order", "paid"))

    assert published.id
    assert abs((datetime.now(UTC) - published.occurred_at).total_seconds()) < 30
    assert await take(heard, 1) == [published]


@pytest.mark.parametrize(
    ("namespace_", "type_", "heard"),
    [
        ("order", "paid", ["order.paid"]),
        ("order", "*", ["order.paid", "order.sent"]),
        ("order", ">", ["order.paid", "order.item.sent", "order.sent"]),
        ("*", "paid", ["order.paid", "invoice.paid"]),
        ("*", ">", ["order.paid", "order.item.sent", "invoice.paid", "order.sent"]),
        ("order", "item.sent", ["order.item.sent"]),
        ("nothing", ">", []),
    ],
)
async def test_subscribers_hear_what_they_asked_for(pair, namespace_, type_, heard):
    one, two = pair
    subscription = await two.subscribe(namespace_, type_)
    everything = await two.subscribe("*")

    for namespace, event_type in (
        *(("order", "paid"), ("order", "item.sent"), ("invoice", "paid"), ("order", "sent")),
    ):
        await one.publish(Event(namespace, event_type))

    await take(everything, 4)
    assert [event.subject for event in await take(subscription, len(heard))] == heard


async def test_events_keep_their_order(pair):
    one, two = pair
    heard = await two.subscribe("order")

    for i in range(200):
        await one.publish(Event("order", "paid", i))

    assert [event.payload for event in await take(heard, 200)] == list(range(200))


async def test_large_payloads_arrive(pair):
    one, two = pair
    heard = await two.subscribe("order")

    await one.publish(Event("order", "paid", "x" * 900_000))

    [event] = await take(heard, 1)
    assert len(event.payload) == 900_000


async def test_who_subscribes_can_be_asked(pair):
    one, _ = pair
    assert one.subscribers() == {}

    first = await one.subscribe("order", "paid")
    second = await one.subscribe("order", "paid")
    await one.subscribe("workflow")
    assert one.subscribers() == {"order.paid": 2, "workflow.>": 1}

    first.close()
    first.close()
    second.close()
    assert one.subscribers() == {"workflow.>": 1}


async def test_a_subscription_that_is_closed_ends(pair):
    one, two = pair
    async with await two.subscribe("order") as heard:
        await one.publish(Event("order", "paid", 1))
        await take(heard, 1)
    still = await two.subscribe("order")
    await one.publish(Event("order", "paid", 2))
    await take(still, 1)

    assert [event async for event in heard] == []


async def test_closing_the_bus_wakes_who_waits(pair):
    _, two = pair
    heard = await two.subscribe("order")
    waiting = asyncio.create_task(anext(heard))
    await asyncio.sleep(0)

    await two.close()

    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_what_is_no_event_is_passed_over(pair):
    one, two = pair
    heard = await two.subscribe("order")

    for raw in (b"", b"\xff", b"{}", b'{"id": 7}', b"[]"):
        await one.send("order.paid", raw)
    await one.publish(Event("order", "paid", "good"))

    assert [event.payload for event in await take(heard, 1)] == ["good"]


async def test_a_body_is_a_cloud_event(pair):
    one, two = pair
    bodies: list[bytes] = []
    backend = await two.backend()
    prefix = "" if backend.namespace == "flowworker" else f"{backend.namespace}."
    await backend.notifier.subscribe(f"{prefix}order.>", lambda _, data: bodies.append(data))
    heard = await two.subscribe("order")

    await one.publish(Event("order", "paid", {"order_id": 7}, "e-1"))
    await take(heard, 1)

    body = msgspec.json.decode(bodies[0])
    assert body.pop("time")
    assert body == {
        "id": "e-1",
        "source": f"/{backend.namespace}",
        "type": "order.paid",
        "data": {"order_id": 7},
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }


@pytest.mark.parametrize(
    "event",
    [
        Event("", "paid"),
        Event("order paid", "paid"),
        Event("order", "*"),
        Event("order", ">"),
        Event("order", "paid."),
        Event("order", "paid", object()),
        Event("order", "paid", {1j: 1}),
    ],
)
async def test_what_cannot_be_published_is_refused(pair, event):
    with pytest.raises(InvalidInput):
        await pair[0].publish(event)


@pytest.mark.parametrize("asked", [("order", ""), ("", "paid"), ("a b", ">"), ("order", "a..b")])
async def test_what_cannot_be_subscribed_to_is_refused(pair, asked):
    with pytest.raises(InvalidInput):
        await pair[0].subscribe(*asked)

    assert pair[0].subscribers() == {}


async def test_a_slow_subscriber_loses_the_oldest(pair, monkeypatch):
    monkeypatch.setattr(buses, "BUFFERED", 3)
    one, two = pair
    heard, done = await two.subscribe("order"), await two.subscribe("done")

    for i in range(5):
        await one.publish(Event("order", "paid", i))
    await one.publish(Event("done", "now"))
    await take(done, 1)

    assert heard.dropped == 2
    assert [event.payload for event in await take(heard, 3)] == [2, 3, 4]
