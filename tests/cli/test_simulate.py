"""`simulate`: what is said of a workflow in worlds in which things go wrong."""

from __future__ import annotations

import json

import pytest

SHOP = """
from flowworker import App

app = App()


@app.step("reserve")
def reserve(ctx) -> dict[str, int]: ...


@app.step("ship")
def ship(ctx) -> None: ...
"""
ORDER = """
name: order
steps:
- {id: reserve, uses: reserve}
- {id: ship, uses: ship, depends_on: [reserve]}
"""


@pytest.fixture
def shop(flowworker, tmp_path):
    (tmp_path / "simulated_shop.py").write_text(SHOP)
    (tmp_path / "order.yaml").write_text(ORDER)
    (tmp_path / "gift.yaml").write_text(ORDER.replace("order", "gift"))

    def simulate(*arguments):
        return flowworker("simulate", "--app", "simulated_shop", *arguments)

    return simulate


def test_what_is_left_half_done_is_an_exit_code(shop):
    result = shop("order.yaml", "--worlds", "30")

    assert (result.exit_code, result.stderr) == (1, "")
    left = "order: step 'reserve' was completed, and has no saga to undo it; it is FAILED"
    assert left in result.stdout
    assert "ship (step ship) fails with SimulatedError" in result.stdout
    again = result.stdout.splitlines()[-1].partition(": ")[2].split()

    shown = shop("order.yaml", *again)

    assert shown.exit_code == 1
    assert shown.stdout.startswith("order: 1 world: 1 FAILED")
    assert left in shown.stdout


def test_what_is_harmless_may_be_left(shop):
    result = shop("order.yaml", "--worlds", "20", "--harmless", "reserve", "--harmless", "ship")

    assert result.exit_code == 0
    assert result.stdout.endswith("No end leaves anything half done.\n")


def test_programs_get_json(shop):
    result = shop("order.yaml", "--worlds", "20", "--json")

    said = json.loads(result.stdout)
    assert said["worlds"] == sum(said["ends"].values()) == 20
    assert {each["handler"] for each in said["handlers"]} <= {"reserve", "ship"}
    assert (said["shortest"] is None) == (result.exit_code == 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["."], "--workflow: expected one of gift, order: say which to start"),
        ([".", "--workflow", "x"], "--workflow: expected one of gift, order, found 'x'"),
        (["order.yaml", "--output", "x"], "--output: expected NAME=JSON, found 'x'"),
        (["order.yaml", "--output", "ship=x"], "--output ship: not JSON"),
        (["order.yaml", "--troubles", "x"], "--troubles: they are those of one world"),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_simulated_is_said(shop, arguments, said):
    result = shop(*arguments)

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_workflow_that_calls_another_is_given_with_it(shop, tmp_path):
    (tmp_path / "bundle.yaml").write_text("{name: bundle, steps: [{id: a, workflow: order}]}")

    result = shop("bundle.yaml")

    assert result.exit_code == 2
    assert "calls workflow 'order', which is not registered" in result.stderr
