"""What the engine asks of the world: small protocols, their contracts as bullets.

Adapters (`memory`, `jetstream`, `redis`) implement them and pass one contract suite. All of them
move bytes; what the bytes mean is the business of `codec`. Unless a method says otherwise it
raises `Unavailable` when the server does not answer in time; the effect may or may not have
happened then, and the caller repeats it: every effect is idempotent or compare-and-set.

deliveries   what comes in: one message at a time, acknowledged or put back
records      what is kept: compare-and-set, and leases
presences    who is there
messages     what is sent: steps and their lanes, events, commands, alarms, notifications
meter        what waits at the server, for those who watch
findings     what checks of a fleet come to
sealing      what makes payloads unreadable for others
backend      all of it, for one namespace
"""

from __future__ import annotations

__all__ = [
    "Backend",
    "CommandQueue",
    "Consumer",
    "Delivery",
    "Entry",
    "EventLog",
    "Finding",
    "HeartbeatLink",
    "Incident",
    "LaneLevel",
    "Lanes",
    "Leases",
    "Meter",
    "Notifier",
    "OnDelivery",
    "PayloadCodec",
    "Presences",
    "Records",
    "StepAddress",
    "StepPlace",
    "StepQueue",
    "StorageLevel",
    "StoredEvent",
    "Tail",
    "Timers",
    "WaitingStart",
]

from flowworker.ports.backend import Backend, HeartbeatLink, Incident, Tail
from flowworker.ports.deliveries import Consumer, Delivery, OnDelivery
from flowworker.ports.findings import Finding
from flowworker.ports.messages import (
    CommandQueue,
    EventLog,
    Lanes,
    Notifier,
    StepAddress,
    StepPlace,
    StepQueue,
    StoredEvent,
    Timers,
    WaitingStart,
)
from flowworker.ports.meter import LaneLevel, Meter, StorageLevel
from flowworker.ports.presences import Entry, Presences
from flowworker.ports.records import Leases, Records
from flowworker.ports.sealing import PayloadCodec
