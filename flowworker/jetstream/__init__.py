"""The ports on NATS JetStream; the only room that imports nats.

Three rooms, each of which knows only those before it, and the ports' adapters on top:

client       talking to the server: connection, requests, publishing
topology     which streams, buckets and consumers exist
consuming    how messages come to us
names        every name on the wire; the rooms know it, too
shards       the names of the streams that runs are spread over; tokens: what a name may be

backend      open_backend: connects, checks, assembles
records, leases, steps, events, commands, timers, notifier: one port each
announcements: leases that were released; history: reading a run's events
heartbeat    the link of the worker's second thread
meter        what waits, for metrics
doctor       what `flowworker doctor` checks; findings: what the answers mean
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
from flowworker.jetstream.client.options import ConnectionOptions
from flowworker.jetstream.heartbeat import StreamHeartbeatLink, open_heartbeat
from flowworker.jetstream.names import Names
from flowworker.jetstream.topology.options import TopologyOptions
