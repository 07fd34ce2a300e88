"""Chaos: a fleet of real processes under load, faults at random, and an independent checker.

cluster       one nats-server, or three that form a cluster
processes     a fleet to be killed
handlers      what the steps do, noted in files
load          starts of runs
outside       signals, answers, cancels, reruns
faults        what goes wrong, drawn from a seed
campaign      all of it at the same time
asking        asks why runs do not move
witness       sees every write of a record
raw           NATS without flowworker
evidence      everything left behind, read as plain JSON
checker       what must hold of it, one `case` per run:
causality     ... the order of its history
compensation  ... its saga
below         ... instances of loops, and runs that are steps
language      ... what ran at all, and what waited for what
repeats       ... what ran twice, and why
reasons       ... why it did not move, as it was said: the `truth` by kind, of the `past`
report        the table
takeover      how long a takeover takes
soak          the same load for long, measured, and drawn by `chart`
"""

from __future__ import annotations
