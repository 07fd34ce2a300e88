"""The page of figures has a place for each part of the bench, and pictures that are ones."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench.bars import bars
from bench.document import PAGE, PARTS


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_bench_has_its_place(part):
    text = PAGE.read_text()

    assert text.count(f"<!-- {part}: begin -->\n") == text.count(f"<!-- {part}: end -->") == 1
    assert f"images/performance-{part}.svg" in text


def test_the_longest_bar_fills_its_room_and_others_are_in_proportion():
    drawn = ElementTree.fromstring(bars("a <title>", "ms", {"a & b": 2.0, "c": 1.0}, line=0.5))

    wide = [float(bar.get("width", "")) for bar in drawn.findall("{*}rect")[1:]]
    assert wide[0] == 2 * wide[1] == 720 - 280 - 90
    assert [text.text for text in drawn.findall("{*}text")][1:] == [
        "a & b",
        "2.00 ms",
        "c",
        "1.00 ms",
    ]
    [aim] = drawn.findall("{*}line")
    assert float(aim.get("x1", "")) == 280 + wide[0] / 4
