"""Workflows as pictures: what is drawn of them, in each format."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest

from flowworker import InvalidInput, parse
from flowworker.core.for_each import ForEach
from flowworker.core.model import Step, Workflow
from flowworker.drawing import as_dot, as_mermaid, as_svg
from flowworker.drawing.outline import Edge, NodeKind, outline

ORDER = """
name: order
version: v1
steps:
  - {id: reserve, uses: stock.reserve, queue: stock, saga: {uses: stock.release, is_critical: true}}
  - id: charge
    uses: payments.charge
    depends_on: [reserve]
    retry: {max_attempts: 3}
    fallback: {uses: payments.other}
    escalation: {strategy: wait_human}
  - {id: pause, sleep: 90m, depends_on: [reserve]}
  - {id: shipped, wait_for: {signal: parcel.shipped}, depends_on: [charge]}
  - id: report
    uses: report
    depends_on: [shipped, pause]
    trigger_rule: all_done
    when: 1 < 2
    retry: [{on: [Timeout]}, {max_attempts: 2}]
    continue_on_error: true
finally:
  - {id: clean, uses: clean.up}
  - {id: tell, uses: notify, depends_on: [clean]}
"""
HOSTILE = r'run.id == "]; <b>&\n|"'
FORMATS = [as_mermaid, as_dot, as_svg]


def order():
    return parse(ORDER)


def hostile(text=HOSTILE):
    return Workflow("odd", (Step("a", "b"), Step("c", until=text)))


def test_a_workflow_as_mermaid():
    assert (
        as_mermaid([order()])
        == """\
---
title: 'order v1'
---
flowchart TD
    n0["reserve<br/>stock.reserve<br/>queue stock"]
    n0c["stock.release<br/>critical"]:::compensation
    n1["charge<br/>payments.charge<br/>up to 3 attempts<br/>asks a human if it fails"]
    n1f["payments.other"]:::fallback
    n2(["pause<br/>sleep 1h30m"])
    n3(["shipped<br/>signal parcel.shipped"])
    n4["report<br/>report<br/>when 1 #60; 2<br/>all_done<br/>2 retry rules<br/>goes on if it fails"]
    nfinally{{"finally"}}
    n5["clean<br/>clean.up"]
    n6["tell<br/>notify"]
    n0 -. undone by .-> n0c
    n0 --> n1
    n1 -. fallback .-> n1f
    n0 --> n2
    n1 --> n3
    n3 --> n4
    n2 --> n4
    n4 -. ended .-> nfinally
    nfinally --> n5
    n5 --> n6
    classDef fallback stroke-dasharray:4 3
    classDef compensation fill:none,stroke-dasharray:2 2
"""
    )


def test_a_workflow_as_dot():
    lines = as_dot([order()]).splitlines()

    assert lines[:5] == [
        "digraph {",
        "    node [shape=box]",
        '    label="order v1"',
        "    labelloc=t",
        r'    n0 [label="reserve\nstock.reserve\nqueue stock"]',
    ]
    assert '    n1f [label="payments.other", style=dashed]' in lines
    assert r'    n2 [label="pause\nsleep 1h30m", style=rounded]' in lines
    assert '    nfinally [label="finally", shape=hexagon]' in lines
    assert '    n0 -> n0c [label="undone by", style=dashed]' in lines
    assert lines[-2:] == ["    n5 -> n6", "}"]


def texts(svg):
    return [found.text for found in ElementTree.fromstring(svg).findall(".//{*}text")]


def test_a_workflow_as_svg():
    # Given
    drawn = as_svg([order()])

    # Then it says the same, and draws as many boxes and arrows
    written = {line for node in outline(order()).nodes for line in node.lines}
    assert set(texts(drawn)) == written | {"order v1", "fallback", "undone by", "ended"}
    kinds = [found.get("class") for found in ElementTree.fromstring(drawn).findall(".//{*}rect")]
    assert [kinds.count(kind) for kind in NodeKind] == [5, 2, 0, 1, 1, 1]
    arrows = [
        found
        for found in ElementTree.fromstring(drawn).findall(".//{*}path")
        if found.get("marker-end")
    ]
    assert len(arrows) == len(outline(order()).edges)


@pytest.mark.parametrize("drawn", FORMATS)
def test_a_workflow_is_always_drawn_the_same(drawn):
    assert drawn([order()]) == drawn([order()])


def test_several_workflows_stand_in_one_picture():
    several = [order(), hostile()]

    mermaid, dot = as_mermaid(several).splitlines(), as_dot(several).splitlines()
    assert [line for line in mermaid if "subgraph" in line] == [
        '    subgraph w0["order v1"]',
        '    subgraph w1["odd"]',
    ]
    assert [line for line in dot if "subgraph" in line] == [
        "    subgraph cluster_0 {",
        "    subgraph cluster_1 {",
    ]
    assert "        w1n0 [label" in "\n".join(dot)
    assert {"order v1", "odd"} <= set(texts(as_svg(several)))


def test_texts_mean_nothing_to_the_format():
    until = "run.id == #34;#93;; #60;b#62;#38;#92;n#124;#34;"
    assert f'n1(["c<br/>until {until}"])' in as_mermaid([hostile()])
    assert r"until run.id == \"]; <b>&\\n|\"" in as_dot([hostile()])
    assert f"until {HOSTILE}" in texts(as_svg([hostile()]))


def test_long_texts_are_cut_and_stand_on_one_line():
    [_, line] = outline(hostile("run.id +\n" * 20)).nodes[1].lines

    assert line.startswith("until run.id + run.id + ")
    assert len(line) == 60
    assert line.endswith("…")


def test_what_runs_finally_follows_all_that_nothing_depends_on():
    text = "{name: w, steps: [{id: a, uses: x}, {id: b, uses: x}], finally: [{id: c, uses: x}]}"

    assert outline(parse(text)).edges == [
        Edge("n0", "nfinally", "ended"),
        Edge("n1", "nfinally", "ended"),
        Edge("nfinally", "n2"),
    ]


def test_svg_says_which_extra_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphlay", None)

    with pytest.raises(InvalidInput, match=r"install it with `pip install 'flowworker\[graph\]'`"):
        as_svg([order()])


def test_svg_of_a_workflow_that_would_take_minutes_is_refused():
    steps = (Step(f"s{n}", "x", depends_on=(f"s{n // 2}", f"s{n - 1}")) for n in range(3, 400))
    first = (Step("s1", "x"), Step("s2", "x"))

    with pytest.raises(InvalidInput, match=r"workflow 'wide' is too large.* as mermaid or dot"):
        as_svg([Workflow("wide", (*first, *steps))])


RUNS = Workflow(
    "runs", (Step("a", workflow="ship"), Step("b", steps=(Step("one", "u"), Step("two", "u"))))
)


def test_steps_that_are_runs():
    assert 'n0[["a<br/>workflow ship"]]' in as_mermaid([RUNS])
    assert 'n1[["b<br/>group: one, two"]]' in as_mermaid([RUNS])
    assert r'n0 [label="a\nworkflow ship", peripheries=2]' in as_dot([RUNS])
    assert len(ElementTree.fromstring(as_svg([RUNS])).findall(".//{*}line")) == 4


@pytest.mark.parametrize(
    ("for_each", "lines"),
    [
        (ForEach("input.files"), ("for each item of input.files",)),
        (
            ForEach("input.files", "file", 4, "10%"),
            ("for each file of input.files", "4 at a time", "10% may fail"),
        ),
        (ForEach([1, 2], tolerated_failures=1), ("for each item of 2 items", "1 may fail")),
    ],
)
def test_loops(for_each, lines):
    [drawn] = outline(Workflow("loop", (Step("a", "b", for_each=for_each),))).nodes
    assert drawn.lines == ("a", *lines, "b")
