"""Runs handlers: from the delivery of a step message to its acknowledgement.

worker     takes deliveries, drains, stops
resources  what the parts of one worker share
lanes      credit and priorities: what is asked for, taken, put back
executor   one delivery, in these steps:
  decoding   bytes -> step message
  unserved   steps whose handler this worker lacks
  claims     who may execute the attempt
  inputs     a step's input
  attempt    its handler is called, limited in time, stopped (children: what it forked)
  failures   what the record says about an exception
  settling   how the attempt ended -> its record
  reporting  events, metrics, log lines
step_records      a step's record, read and written
inflight          the attempts in this process, found by their run or their claim
heartbeat         keeps claims alive whatever a handler does to the event loop
heartbeat_thread  the thread that renews them; lag: how late the event loop is
lifespan          what an App opens for a worker, and closes
"""

from __future__ import annotations

__all__ = ["Worker"]

from flowworker.worker.worker import Worker
