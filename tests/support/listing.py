"""Entries of the index as tests write them."""

from __future__ import annotations

from flowworker.codec.index import Entry, moment_of


def entry(status, workflow, run, at=0.0):
    """That a run of that workflow, created at that time, has a status."""
    return Entry(status, workflow, moment_of(at), run)
