"""Stores, lockers and buses on memory, NATS or Redis, each behind the same class.

opening   all ports on each of them
stores    `InMemStore`, `NATSStore`, `RedisStore`
lockers   `InMemLocker`, `NATSLocker`, `RedisLocker`
buses     `InMemBus`, `NATSBus`

Everything here is opened when it is first used: `import flowworker` loads neither NATS nor Redis.
"""

from __future__ import annotations

__all__ = [
    "InMemBus",
    "InMemLocker",
    "InMemStore",
    "NATSBus",
    "NATSLocker",
    "NATSStore",
    "RedisLocker",
    "RedisStore",
]

from flowworker.runner.backends.buses import InMemBus, NATSBus
from flowworker.runner.backends.lockers import InMemLocker, NATSLocker, RedisLocker
from flowworker.runner.backends.stores import InMemStore, NATSStore, RedisStore
