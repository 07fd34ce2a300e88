"""Which runs: `state=failed workflow=orders label.team=a started>2026-11-01`.

filter    what is asked of a run, and whether one is meant
grammar   the text of a filter -> the filter
moments   the times in it
writing   a filter -> its text
"""

from __future__ import annotations

__all__ = ["EVERYTHING", "Condition", "Filter", "Operator", "parse_filter", "write_filter"]

from flowworker.filters.filter import EVERYTHING, Condition, Filter, Operator
from flowworker.filters.grammar import parse_filter
from flowworker.filters.writing import write_filter
