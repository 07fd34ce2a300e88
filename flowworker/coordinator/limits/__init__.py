"""Limits: attempts ask before they are enqueued, runs before they begin, and wait to be let in.

slots         asks for an attempt, under all limits that it falls under
gate          asks for a run
desks, desk   one limit: who asks and who is over -> `core.limiting` -> its record
ledger        that record, as one process knows it
queue         who waits for it
width         how many are let into a lane by shares
alarm         when to look at it again
standing, run_standing   what became of an attempt, or of a run, by the records
cancelling    runs that are cancelled for others
backlog       what a sweep looks after
"""

from __future__ import annotations

__all__: list[str] = []
