"""The `Notifier` port."""

from __future__ import annotations

import pytest

from tests.support.waiting import eventually


class Listener:
    def __init__(self):
        self.heard = []

    def __call__(self, subject, data):
        self.heard.append((subject, data))

    async def count(self, number):
        await eventually(lambda: len(self.heard) == number)


async def listen(backend, *subjects):
    listener = Listener()
    for subject in subjects:
        await backend.notifier.subscribe(subject, listener)
    return listener


async def test_one_who_listens_is_notified(backend, peer, namespace):
    subject = f"{namespace}.notices"
    here, there = await listen(backend, subject), await listen(peer, subject)

    await backend.notifier.publish(subject, b"1")
    await backend.notifier.publish(subject, b"")

    for listener in (here, there):
        await listener.count(2)
        assert listener.heard == [(subject, b"1"), (subject, b"")]


async def test_what_nobody_listens_to_is_not_kept(backend, namespace):
    subject = f"{namespace}.nobody"
    await backend.notifier.publish(subject, b"1")

    listener = await listen(backend, subject)
    await backend.notifier.publish(subject, b"2")

    await listener.count(1)
    assert listener.heard == [(subject, b"2")]


@pytest.mark.parametrize(
    ("pattern", "heard"),
    [
        ("a.b", ["a.b"]),
        ("a.*", ["a.b", "a.c"]),
        ("a.>", ["a.b", "a.c", "a.b.c"]),
        ("*.b", ["a.b"]),
        ("*.b.>", ["a.b.c"]),
        ("*", ["a"]),
        (">", ["a", "a.b", "a.c", "a.b.c"]),
    ],
)
async def test_patterns(backend, peer, namespace, pattern, heard):
    listener = await listen(peer, f"{namespace}.{pattern}", f"{namespace}-last")

    for subject in ("a", "a.b", "a.c", "a.b.c"):
        await backend.notifier.publish(f"{namespace}.{subject}", b"x")
    await backend.notifier.publish(f"{namespace}-last", b"")

    await eventually(lambda: (f"{namespace}-last", b"") in listener.heard)
    assert listener.heard[:-1] == [(f"{namespace}.{subject}", b"x") for subject in heard]


async def test_events_come_in_order(backend, peer, namespace):
    listener = await listen(peer, f"{namespace}.notices")

    for i in range(100):
        await backend.notifier.publish(f"{namespace}.notices", b"%d" % i)

    await listener.count(100)
    assert [data for _, data in listener.heard] == [b"%d" % i for i in range(100)]


async def test_one_who_ended_it_is_notified_no_more(backend, namespace):
    # Given two listeners
    subject = f"{namespace}.notices"
    ended, other = Listener(), await listen(backend, subject)
    end = await backend.notifier.subscribe(subject, ended)
    await backend.notifier.publish(subject, b"1")
    await ended.count(1)

    # When one of them ends, while there are events on their way, and twice
    await backend.notifier.publish(subject, b"2")
    end()
    end()
    await backend.notifier.publish(subject, b"3")

    # Then only the other one hears it
    await other.count(3)
    assert ended.heard == [(subject, b"1")]


async def test_a_subscription_is_in_force_when_it_is_made(backend, peer, namespace):
    for i in range(300):
        subject = f"{namespace}.notices.{i}"
        listener = Listener()
        end = await peer.notifier.subscribe(subject, listener)
        await backend.notifier.publish(subject, b"")

        await listener.count(1)
        end()
