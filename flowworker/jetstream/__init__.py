"""The ports on NATS JetStream; the only room that imports nats.

backend      open_backend: connects, checks, assembles     heartbeat  the second thread's link
names        every name on the wire                        headers    header blocks as bytes
specs        streams, buckets, consumers as data           topology   creates or checks them
connection   connecting, for ever                          wire       short cuts through nats-py
replies      requests and answers                          patience   how often they are repeated
publisher    acknowledged publishing                       api        JetStream's JSON API
pull         standing pulls with credit                    consumers  starts and stops them
hearing      when a consumer was last heard from
delivery     a message in hand                         subjects   which a stream has
namespaces   which there are, and their removal
options      where NATS is, and how to get in              caretaker  makes lost streams again
records, leases, steps, events, commands, timers, notifier: one port each
"""

from __future__ import annotations

__all__ = [
    "ConnectionOptions",
    "Names",
    "StreamHeartbeatLink",
    "TopologyOptions",
    "open_backend",
    "open_heartbeat",
]

from flowworker.jetstream.backend import open_backend
from flowworker.jetstream.heartbeat import StreamHeartbeatLink, open_heartbeat
from flowworker.jetstream.names import Names
from flowworker.jetstream.options import ConnectionOptions
from flowworker.jetstream.specs import TopologyOptions
