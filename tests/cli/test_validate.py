"""`validate`: every problem of every file, on stderr, with exit code 2."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

WRONG = Path(__file__).parents[1] / "definitions" / "wrong"

GOOD = """
name: order.fulfil
version: v1
steps:
  - {id: reserve, uses: stock.reserve}
  - {id: charge, uses: payments.charge, depends_on: [reserve]}
"""
BAD = """
name: order.fulfil
steps:
  - {id: a, uses: x, depends_on: [b]}
  - {id: b, uses: y, depends_on: [a], retries: 3}
"""


def test_a_good_file_is_fine(flowworker, tmp_path):
    (tmp_path / "order.yaml").write_text(GOOD)

    result = flowworker("validate", "order.yaml")

    assert result.exit_code == 0
    assert result.stdout == "order.yaml: order.fulfil is fine, 2 steps\n"
    assert result.stderr == ""


def test_every_problem_is_reported(flowworker, tmp_path):
    (tmp_path / "bad.yaml").write_text(BAD)

    result = flowworker("validate", "bad.yaml")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) >= 2
    assert "retries" in result.stderr
    assert "a -> b" in result.stderr or "b -> a" in result.stderr


def test_problems_as_json(flowworker, tmp_path):
    (tmp_path / "bad.yaml").write_text(BAD)

    result = flowworker("validate", "bad.yaml", "--json")

    assert result.exit_code == 2
    reported = json.loads(result.stdout)
    assert reported["workflows"] == []
    assert reported["has_more"] is False
    assert {
        "file": "bad.yaml",
        "line": 5,
        "column": 39,
        "message": "unknown key 'retries' in step 'b'",
        "hint": "did you mean 'retry'?",
    } in reported["problems"]


def test_so_many_problems_are_not_all_reported(flowworker, tmp_path):
    (tmp_path / "bad.yaml").write_text("".join(f"x{i}: 1\n" for i in range(150)))

    result = flowworker("validate", "bad.yaml")

    assert len(result.stderr.splitlines()) == 101
    assert result.stderr.endswith("and more; these are the first 100\n")
    assert json.loads(flowworker("validate", "bad.yaml", "--json").stdout)["has_more"] is True

    result = flowworker("register", "bad.yaml")

    assert result.stderr.endswith("error: 100 or more problems in the definitions\n")


def test_a_good_file_as_json(flowworker, tmp_path):
    (tmp_path / "order.yaml").write_text(GOOD)

    reported = json.loads(flowworker("validate", ".", "--json").stdout)

    assert reported["problems"] == []
    assert reported["workflows"] == [
        {
            "path": "order.yaml",
            "name": "order.fulfil",
            "version": "v1",
            "steps": ["reserve", "charge"],
        }
    ]


@pytest.mark.parametrize("path", ["missing.yaml", "empty"])
def test_nothing_to_validate_is_a_problem(flowworker, tmp_path, path):
    (tmp_path / "empty").mkdir()

    result = flowworker("validate", path)

    assert result.exit_code == 2
    assert result.stderr.startswith(path)


@pytest.mark.usefixtures("imports")
def test_handlers_that_an_app_lacks_are_problems(flowworker, tmp_path):
    (tmp_path / "order.yaml").write_text(GOOD)
    (tmp_path / "shop.py").write_text(
        "from flowworker import App\n"
        "app = App()\n"
        "@app.step('stock.reserve')\n"
        "def reserve(ctx): pass\n"
    )

    result = flowworker("validate", "order.yaml", "--app", "shop")

    assert result.exit_code == 2
    assert "payments.charge" in result.stderr
    assert "unknown handler 'stock.reserve'" not in result.stderr


@pytest.mark.usefixtures("imports")
def test_several_apps_have_the_handlers_together(flowworker, tmp_path):
    (tmp_path / "order.yaml").write_text(GOOD)
    app = "from flowworker import App\napp = App()\n@app.step('{}')\ndef work(ctx): pass\n"
    for module, handler in (("stock", "stock.reserve"), ("till", "payments.charge")):
        (tmp_path / f"{module}.py").write_text(app.format(handler))

    result = flowworker("validate", "order.yaml", "--app", "stock", "--app", "till")

    assert (result.exit_code, result.stderr) == (0, "")


def test_register_publishes_nothing_if_something_is_wrong(flowworker, tmp_path):
    (tmp_path / "bad.yaml").write_text(BAD)

    result = flowworker("register", "bad.yaml")

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert result.stdout == ""


TYPED = """
from dataclasses import dataclass
from typing import Any

import flowworker

app = flowworker.App()


@dataclass
class Price:
    total: float


@app.step("price")
async def price(ctx) -> Price:
    return Price(1.5)


@app.step("guess")
async def guess(ctx) -> Any:
    return {}


@app.step("bill")
async def bill(ctx):
    return {}
"""
USING = """
name: bills
steps:
  - {id: price, uses: price}
  - {id: guessed, uses: price, fallback: guess}
  - id: bill
    uses: bill
    depends_on: [price, guessed]
    with:
      total: ${steps.price.output.totl}
      text: ${steps.price.output.total + 'EUR'}
      guessed: ${steps.guessed.output.whatever}
"""


def test_expressions_are_held_against_what_handlers_return(flowworker, tmp_path):
    (tmp_path / "billing.py").write_text(TYPED)
    (tmp_path / "bills.yaml").write_text(USING)

    untyped = flowworker("validate", "bills.yaml")
    typed = flowworker("validate", "bills.yaml", "--app", "billing")

    assert untyped.exit_code == 0
    assert typed.exit_code == 2
    assert typed.stderr.splitlines() == [
        "bills.yaml:10:35: 'with' of step 'bill': there is no 'totl' (did you mean 'total'?)",
        "bills.yaml:11:40: 'with' of step 'bill': '+' does not take (double, string)",
    ]


def test_wrong_files_are_reported_as_they_stand(flowworker):
    names = [f"{WRONG}/{name}.yaml" for name in ("order", "types", "unclosed", "waits")]

    result = flowworker("validate", *names)

    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    for name in names:
        for said in re.findall(r"^# (\d+:\d+: .*)$", Path(name).read_text(), re.MULTILINE):
            assert f"{name}:{said}" in result.stderr.splitlines()
