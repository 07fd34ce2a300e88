"""How names match, and the set that finds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowworker.memory.names import Names
from flowworker.memory.subjects import literal_prefix, matches, prefixes

TOKENS = st.sampled_from(["a", "b", "run1", "run12"])
NAMES = st.lists(TOKENS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.tuples(
    st.lists(TOKENS | st.just("*"), min_size=1, max_size=4), st.sampled_from(["", ".>"])
).map(lambda parts: ".".join(parts[0]) + parts[1]) | st.just(">")


@pytest.mark.parametrize(
    ("pattern", "subject", "covers"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.bc", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("*.*.>", "a.b", False),
        ("*.b.>", "a.b.c", True),
    ],
)
def test_patterns(pattern, subject, covers):
    assert matches(pattern, subject) is covers


def test_prefixes():
    assert list(prefixes("a.bc.d")) == ["", "a", "a.bc", "a.bc.d"]


@pytest.mark.slow
@given(PATTERNS, NAMES)
def test_what_a_pattern_covers_has_its_literal_prefix(pattern, name):
    if matches(pattern, name):
        assert literal_prefix(pattern) in list(prefixes(name))


@pytest.mark.slow
@given(st.sets(NAMES), st.sets(NAMES), PATTERNS)
def test_the_set_finds_what_matches(added, removed, pattern):
    names = Names()
    for name in added | removed:
        names.add(name)
        names.add(name)
    for name in removed:
        names.remove(name)

    found = names.matching(pattern)

    assert sorted(found) == sorted(name for name in added - removed if matches(pattern, name))


def test_nothing_is_left_of_what_was_removed():
    names = Names()
    for name in ("a.b.c", "a.b", "a"):
        names.add(name)

    for name in ("a.b", "a.b.c", "a"):
        names.remove(name)

    assert vars(names) == {"_root": {}}
