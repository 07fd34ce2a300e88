"""For users: a workflow of theirs in worlds in which things go wrong.

world       one world: a fleet in memory, a run, and what goes wrong, all drawn from a seed
troubles    what goes wrong, and when
ports       the servers as a process has them, with what goes wrong on the way
handlers    stand-ins for the user's handlers
samples     values that fit a JSON Schema
people      who answers what a run asks
judging     what an end leaves half done
shrinking   the shortest world that still shows it
loop        an event loop without a world outside
process     a process: it runs and dies
"""

from __future__ import annotations

__all__ = ["Outcome", "Task", "World", "shrunk"]

from flowworker.simulate.shrinking import shrunk
from flowworker.simulate.world import Outcome, Task, World
