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


def test_a_worker_that_dies_is_missed(page, commands):
    page.goto("/#/fleet")
    with commands.running("worker", "--app", APP, "--queue", "elsewhere") as process:
        row = page.get_by_role("row").filter(has_text=f"pid {process.pid}")
        expect(row).to_contain_text("Alive")
        expect(page.get_by_role("table", name="Queues")).to_contain_text("elsewhere")

        process.kill()

        expect(page.get_by_text("is gone")).to_be_visible()
        expect(row).to_have_count(0)
