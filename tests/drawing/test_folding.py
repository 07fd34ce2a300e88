"""Pictures of wide workflows: what is alike becomes one box, and what is not stays."""

from __future__ import annotations

from flowworker.core.model import Fallback, Step, Workflow
from flowworker.drawing.folding import folded, widest
from flowworker.drawing.outline import Edge, outline
from flowworker.web.layouts import ABREAST, TOO_WIDE, layout_of

MANY = 3


def work(id_, *depends_on, uses="work", **more):
    return Step(id_, uses, depends_on, **more)


def boxes(*steps, least=MANY):
    """What stands in the boxes, and for which steps."""
    found = folded(outline(Workflow("w", steps)), least)
    names = {node.id: node.lines[0] for node in found.outline.nodes}
    arrows = {(names[edge.source], names[edge.target]) for edge in found.outline.edges}
    return sorted(names.values()), [*found.steps.values()], arrows


def test_steps_side_by_side_become_one_box():
    parts = [work(f"p{n}", "begin", uses="part") for n in range(3)]
    names, steps, arrows = boxes(work("begin"), *parts, work("end", "p0", "p1", "p2"))

    assert names == ["begin", "end", "p0 … p2"]
    assert steps == [("p0", "p1", "p2")]
    assert arrows == {("begin", "p0 … p2"), ("p0 … p2", "end")}


def test_chains_side_by_side_become_one_chain():
    chains = [
        work(f"c{n}{at}", *(f"c{n}{at - 1}",) * (at > 0)) for n in range(3) for at in range(4)
    ]
    names, _, arrows = boxes(*chains)

    assert names == [f"c0{at} … c2{at}" for at in range(4)]
    assert arrows == {(f"c0{at} … c2{at}", f"c0{at + 1} … c2{at + 1}") for at in range(3)}


def test_what_differs_somewhere_stays_apart():
    """By what it does, by what is behind it, and by how far it is from the beginning."""
    names, steps, _ = boxes(
        *(work("a0"), work("a1"), work("a2"), work("other", uses="other")),
        *(work("b0", "a0"), work("b1", "a1"), work("b2", "a2"), work("b3", "other")),
        work("special", "b2", uses="special"),
    )

    # b2 leads on, so that a2 is not like a0 and a1
    assert steps == []
    assert len(names) == 9


def test_few_that_are_alike_stay():
    names, steps, _ = boxes(work("a"), work("b"))

    assert (names, steps) == (["a", "b"], [])


def test_what_hangs_on_steps_is_folded_with_them():
    parts = [work(f"p{n}", fallback=Fallback("plan.b")) for n in range(MANY)]
    found = folded(outline(Workflow("w", tuple(parts))), MANY).outline

    assert [node.lines for node in found.nodes] == [
        ("p0 … p2", "3 steps", "work"),
        ("plan.b", "of 3 steps"),
    ]
    assert found.edges == [Edge(found.nodes[0].id, found.nodes[1].id, "fallback")]


def test_a_picture_is_as_wide_as_most_boxes_are_equally_far_from_the_beginning():
    drawn = outline(Workflow("w", (work("a"), work("b"), work("c", "a"), work("d", "c", "b"))))

    assert widest(drawn) == 2
    assert widest(outline(Workflow("w", ()))) == 0


def test_a_layout_is_folded_only_if_it_is_too_wide():
    def of(count, **more):
        parts = (
            work(f"p{n}", **{key: each(n) for key, each in more.items()}) for n in range(count)
        )
        return layout_of(Workflow("w", tuple(parts)))

    assert len(of(ABREAST).nodes) == ABREAST
    [node] = of(10_000).nodes
    assert (node.lines[0], len(node.steps)) == ("p0 … p9999", 10_000)
    assert len(of(TOO_WIDE, uses=str).nodes) == TOO_WIDE
    assert not of(TOO_WIDE + 1, uses=str).drawn
