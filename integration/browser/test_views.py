"""Graph, timeline and fleet."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from integration.cli.commands import APP


def test_a_graph_has_the_states_of_the_steps(page, api, run):
    api("POST", "/runs", {"workflow": "broken", "id": run})
    page.goto(f"/#/runs/{run}?tab=graph")

    graph = page.get_by_label("Graph of broken")
    expect(graph.get_by_label(re.compile("^prepare.*: Completed"))).to_be_visible()
    graph.get_by_label(re.compile("^break.*: Failed")).click()
    expect(page.get_by_label("Step break")).to_be_visible()


def test_a_timeline_has_each_attempt(page, api, run):
    api("POST", "/runs", {"workflow": "retried", "id": run})
    page.goto(f"/#/runs/{run}?tab=timeline")

    for attempt in (1, 2):
        expect(page.get_by_label(re.compile(f"^Attempt {attempt}: failed"))).to_be_visible()


def event(name, at, **data):
    return {"type": f"workflow.step.{name}", "data": {"step_id": "pay", "at": at, **data}}


BARS = "async ([events, steps]) => (await import('/timeline.js')).bars(events, steps)[0].bars"


def test_a_timeline_has_the_time_at_which_an_attempt_began_and_not_that_at_which_it_was_due(page):
    # Given three attempts of a step that each waited for a worker, and its compensation
    events = [
        event("started", 10, attempt=1, kind="run", worker="w"),
        event("attempt_failed", 11, attempt=1, kind="run", started_at=10),
        event("retrying", 11, attempt=2, delay=1),
        event("attempt_failed", 21, attempt=2, kind="run", started_at=20),
        event("retrying", 21, attempt=3, delay=1),
        event("completed", 31, attempt=3, kind="run", started_at=30),
        event("compensated", 45, attempt=1, kind="compensate", started_at=40),
    ]
    waits = {"id": "pay", "started_at": 10}
    runs = {"id": "pay", "started_at": 20}
    page.goto("/#/runs")

    def shown(count, step):
        return [
            (each["from"], each["to"]) for each in page.evaluate(BARS, [events[:count], [step]])
        ]

    assert shown(7, {}) == [(10, 11), (20, 21), (30, 31), (40, 45)]
    # And one that has not ended: it is due, and begins when its step says so
    assert shown(3, waits)[1] == (12, 0)
    assert shown(3, runs)[1] == (20, 0)


def test_a_worker_that_dies_is_missed(page, commands):
    page.goto("/#/fleet")
    with commands.running("worker", "--app", APP, "--queue", "elsewhere") as process:
        row = page.get_by_role("row").filter(has_text=f"pid {process.pid}")
        expect(row).to_contain_text("Alive")
        expect(page.get_by_role("table", name="Queues")).to_contain_text("elsewhere")

        process.kill()

        expect(page.get_by_text("is gone")).to_be_visible()
        expect(row).to_have_count(0)
