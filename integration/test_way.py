"""The page on the way of one step says what a step of a real fleet does."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import structlog

from integration.way import Hop, Place, traced

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "one-step.md"
ROW = re.compile(r"^\| *\d+ \| (?:event loop|`(\S+): (\S+)`) \| `(\S+): (\S+)` \|", re.MULTILINE)

TIMES = 5
USUAL = 3
"""Of that many runs; in a single one a reply may come so late that something else comes between."""


def described() -> list[Hop]:
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return [Hop(Place(*each[:2]) if each[0] else None, Place(*each[2:])) for each in found]


@pytest.fixture
def unconfigured():
    """Logging as in a process that has configured none, whatever ran in this one before."""
    before = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()
    yield
    if before is not None:
        structlog.configure(**before)


@pytest.mark.usefixtures("unconfigured")
async def test_a_step_goes_the_way_that_is_described(server, namespace):
    traces = await traced(server.url, namespace, TIMES)

    gone = Counter(hop for trace in traces for hop in trace.hops())
    usual = {hop for hop, times in gone.items() if times >= USUAL}
    missing = [f"{hop.source} -> {hop.target}" for hop in usual - {*described()}]
    wrong = [f"{hop.source} -> {hop.target}" for hop in {*described()} - usual]
    assert (missing, wrong) == ([], []), "compare with `python -m integration.way`"


def test_the_way_is_short():
    hops = described()

    assert 0 < len(hops) <= 56
    assert 0 < len({hop.target.file for hop in hops}) <= 38
