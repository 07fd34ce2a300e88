"""Records and leases on Redis or Valkey; the only room that imports redis.

connection   asking a server, again if need be
keys         every name in the database
scripts      what the server does in one step
records, leases: one port each
heartbeat    claims kept alive from another thread
retention    timers whose retention the server itself keeps
opening      open_redis: connects, checks, returns the ports

Safety rests on one primary. Replication is asynchronous: a replica that is promoted may lack what
was acknowledged last, leases included. Durability is what the server is set up for: without an
append-only file a server that is killed has lost its last writes.
"""

from __future__ import annotations

__all__ = ["RedisHeartbeatLink", "RedisPorts", "RetentionTimers", "open_redis"]

from flowworker.redis.heartbeat import RedisHeartbeatLink
from flowworker.redis.opening import RedisPorts, open_redis
from flowworker.redis.retention import RetentionTimers
