"""`Locker`: the three of them, by the same tests."""

from __future__ import annotations

import asyncio
import time

import pytest
import pytest_asyncio

from flowworker import InMemLocker, LockTimeoutError, NATSLocker, RedisLocker
from flowworker.compat.locking import Locker
from flowworker.stores.locks import Lock, lock_key
from integration.contract.support import KEEPERS, SLACK
from tests.support.waiting import WAIT_LIMIT, eventually, quiet_for

NAMES = {"memory": "InMemLocker", "jetstream": "NATSLocker", "redis": "RedisLocker"}
CARD = "card: 4711 / *"
"""The name of a lock may be any text."""
PATIENT = 5
"""Seconds a lease lasts that is to be renewed: a busy machine may stand still for half of it."""


@pytest.fixture(params=KEEPERS, ids=NAMES.get)
def keeper(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest_asyncio.fixture
async def lockers(request: pytest.FixtureRequest, keeper: str, namespace: str):
    """Two members of one namespace; in memory it is one."""

    def make() -> Locker:
        if keeper == "memory":
            return InMemLocker()
        if keeper == "jetstream":
            url = request.getfixturevalue("server").url
            return NATSLocker(url, namespace=namespace, create=True)
        return RedisLocker(request.getfixturevalue("redis_server").url, namespace=namespace)

    one = make()
    two = one if keeper == "memory" else make()
    yield one, two
    await one.close()
    await two.close()


async def test_of_two_owners_one_has_it(lockers):
    one, two = lockers
    await one.acquire(CARD, "run-1", ttl=30)

    with pytest.raises(LockTimeoutError, match="not free within 0 s"):
        await two.acquire(CARD, "run-2", ttl=30)
    await two.acquire("another card", "run-2", ttl=30)


async def test_an_owner_that_has_it_gets_it_again(lockers):
    one, two = lockers
    first = await one.acquire(CARD, "run-1", ttl=30)

    again = await two.acquire(CARD, "run-1", ttl=30)

    assert again >= first


async def test_a_waiter_gets_it_when_it_is_given_up(lockers):
    # Given a lock that is held for far longer than anybody waits
    one, two = lockers
    old = await one.acquire(CARD, "run-1", ttl=600)
    waiting = asyncio.create_task(two.acquire(CARD, "run-2", ttl=600, timeout=300))
    await quiet_for(0.5)
    assert not waiting.done()

    # When it is given up
    await one.release(CARD, "run-1")

    # Then the waiter has it, long before it would have run out
    async with asyncio.timeout(WAIT_LIMIT):
        assert await waiting > old


async def test_a_waiter_gets_it_when_its_holder_is_dead(lockers):
    # Given a holder that stopped renewing
    one, two = lockers
    start = time.monotonic()
    await one.acquire(CARD, "run-1", ttl=1)
    one.leave(CARD, "run-1")

    # When another waits, then it gets it, and not too early
    await two.acquire(CARD, "run-2", ttl=30, timeout=WAIT_LIMIT)
    assert time.monotonic() - start >= 1 - SLACK


async def test_waiting_ends_with_its_timeout(lockers):
    one, two = lockers
    await one.acquire(CARD, "run-1", ttl=600)
    start = time.monotonic()

    with pytest.raises(LockTimeoutError, match=r"not free within 0\.3 s"):
        await two.acquire(CARD, "run-2", ttl=30, timeout=0.3)

    assert time.monotonic() - start >= 0.3 - SLACK


async def test_a_lock_that_is_held_long_is_renewed(lockers):
    one, two = lockers
    token = await one.acquire(CARD, "run-1", ttl=PATIENT)

    with pytest.raises(LockTimeoutError):
        await two.acquire(CARD, "run-2", ttl=30, timeout=PATIENT + 1)

    assert one.token(CARD, "run-1") > token


async def test_what_another_owns_is_not_released(lockers):
    one, two = lockers
    await one.acquire(CARD, "run-1", ttl=30)

    await two.release(CARD, "run-2")
    await two.release("never acquired", "run-2")

    with pytest.raises(LockTimeoutError):
        await two.acquire(CARD, "run-2", ttl=30)


async def test_another_process_of_the_same_owner_can_release_it(lockers):
    one, two = lockers
    first = await one.acquire(CARD, "run-1", ttl=600)

    await two.release(CARD, "run-1")

    assert await two.acquire(CARD, "run-2", ttl=30, timeout=WAIT_LIMIT) > first


async def test_tokens_grow_from_holder_to_holder(lockers):
    tokens = []
    for i in range(6):
        tokens.append(await lockers[i % 2].acquire(CARD, f"run-{i}", ttl=30, timeout=WAIT_LIMIT))
        await lockers[i % 2].release(CARD, f"run-{i}")

    assert tokens == sorted(set(tokens))


async def test_of_many_owners_one_at_a_time_has_it(lockers):
    inside, most, done = 0, 0, 0

    async def work(i: int) -> None:
        nonlocal inside, most, done
        locker = lockers[i % 2]
        await locker.acquire(CARD, f"run-{i}", ttl=30, timeout=WAIT_LIMIT)
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)  # others ask for it meanwhile
        inside -= 1
        done += 1
        await locker.release(CARD, f"run-{i}")

    await asyncio.gather(*(work(i) for i in range(16)))

    assert (most, done) == (1, 16)


async def test_nothing_is_left_behind(lockers):
    one, _ = lockers
    for i in range(20):
        await one.acquire(f"lock-{i}", "run-1", ttl=30)
        await one.release(f"lock-{i}", "run-1")

    leases = await one.leases()
    assert await leases.holders(">") == {}
    assert await leases.remaining(lock_key("lock-1")) is None


async def test_a_lock_that_was_lost_says_so(lockers):
    # Given a lock whose lease another took away, as after a long pause of this process
    one, two = lockers
    leases, other = await one.leases(), await two.leases()
    from flowworker.clock import SystemClock

    lock = Lock(leases, SystemClock(), CARD, "run-1", 1, 0)
    await lock.acquire()
    await leases.release(lock_key(CARD), "run-1", lock.token)
    theirs = await other.acquire(lock_key(CARD), "run-2", 30)

    # When it is to be renewed
    await eventually(lambda: lock.lost)

    # Then its release does nothing to the other's
    await lock.release()
    assert await other.renew(lock_key(CARD), "run-2", 30, theirs) is not None


async def test_two_steps_of_one_run_share_a_lock(lockers):
    # Given a run that takes a lock in one process, then in another one
    one, two = lockers
    leases, other = await one.leases(), await two.leases()
    from flowworker.clock import SystemClock

    first = Lock(leases, SystemClock(), CARD, "run-1", PATIENT, 0)
    second = Lock(other, SystemClock(), CARD, "run-1", PATIENT, 0)
    await first.acquire()
    await second.acquire()

    # When both are renewed, then neither is lost
    await quiet_for(PATIENT + 1)  # longer than either would last
    assert not first.lost
    assert not second.lost
    await first.release()
    await second.release()


async def test_closing_gives_up_what_is_held(lockers, keeper):
    one, two = lockers
    if keeper == "memory":
        two = InMemLocker()  # what is closed lends its memory to nobody
    first = await one.acquire(CARD, "run-1", ttl=600)

    await one.close()

    token = await two.acquire(CARD, "run-2", ttl=30, timeout=WAIT_LIMIT)
    assert token > (0 if keeper == "memory" else first)
    await two.close()
