"""What is broken, and that the list of allowed mutants is about the code as it is."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import ROOT, allowed
from tests.mutation.mutants import keys_of, mutants_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("if a:\n    return 1", ["if not a:\n    return 1", "if a:\n    pass"]),
        ("if a:\n    b()", ["if not a:\n    b()"]),
        ("if a:\n    return 1\nelse:\n    b()", ["if not a:\n    return 1\nelse:\n    b()"]),
        ("return a < b", ["return a <= b"]),
        ("return a is not b", ["return a is b"]),
        ("return a and b", ["return a or b"]),
        ("return True", ["return False"]),
        ("await a()", ["None"]),
        ("return [a for a in b if a]", ["return [a for a in b]"]),
        ("match a:\n    case _ if b:\n        pass", ["match a:\n    case _:\n        pass"]),
        ("try:\n    a()\nexcept B:\n    c()", ["try:\n    a()\nexcept ():\n    c()"]),
        ("return a + b", []),
    ],
)
def test_each_rule_is_broken_once(line, expected):
    indented = "\n".join(f"    {part}" for part in line.splitlines())
    found = [mutant.source for mutant in mutants_of(f"async def f():\n{indented}", "m.py")]
    wanted = ["\n".join(f"    {part}" for part in each.splitlines()) for each in expected]
    assert found == [f"async def f():\n{each}" for each in wanted]


def test_mutants_are_named_by_function_and_rule():
    source = (
        "class A:\n    def f(self):\n        return 1 < 2\n"
        "    def g(self):\n        return (1 < 2, 1 < 2)\n"
    )
    found = [(mutant.key, mutant.lines) for mutant in mutants_of(source, "m.py")]
    assert [*keys_of(source, "m.py")] == [key for key, _ in found]
    assert found == [
        ("m.py A.f: swap comparison: 1 < 2", range(3, 4)),
        ("m.py A.g: swap comparison: 1 < 2", range(5, 6)),
        ("m.py A.g: swap comparison: 1 < 2 #2", range(5, 6)),
    ]


def test_of_guards_each_is_broken_once():
    lines = ("if a and b == c:", "    return 1", "if d < e:", "    await f()", "return 1 == 2")
    source = "\n    ".join(("async def f():", *lines))
    found = [mutant.key for mutant in mutants_of(source, "m.py", guards=True)]
    assert found == [
        "m.py f: drop guard: if a and b == c:",
        "m.py f: negate: if d < e:",
        "m.py f: swap and/or: a and b == c",
    ]


def test_what_is_no_function_is_left_alone():
    assert not list(mutants_of("a = 1 < 2\nclass B:\n    c = 1 < 2\n", "m.py"))


def test_allowed_mutants_exist_and_have_a_reason():
    known = allowed()
    modules = {key.partition(" ")[0] for key in known}
    made = {
        key
        for module in modules
        for key in keys_of((ROOT / "flowworker" / module).read_text("utf-8"), module)
    }
    assert set(known) <= made
    assert all(known.values())
