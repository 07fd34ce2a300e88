"""The demo of `make demo`, as a user starts it."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from examples.orders.audit import CATALOG, audit
from examples.orders.fulfil import Outcome
from examples.orders.ledger import Entry, Ledger
from examples.orders.rows import Row
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

ROOT = Path(__file__).parents[1]
DEMO = [sys.executable, "-m", "examples.orders"]
ORDERS = ROOT / "examples" / "orders" / "orders.csv"

pytestmark = pytest.mark.slow


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_LIMIT,
        check=False,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_orders(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["order_id,customer_id,card,items,expected", *rows]) + "\n")
    return path


def processes_with(text: str) -> list[str]:
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if text in line]


def test_every_order_ends_as_its_row_says(tmp_path):
    done = run_demo("--out", str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    # Then the report has every row of the file, in its order, with the outcome expected there
    report, orders = rows_of(tmp_path / "report.csv"), rows_of(ORDERS)
    assert [(row["order_id"], row["outcome"]) for row in report] == [
        (row["order_id"], row["expected"]) for row in orders
    ]
    assert set(Counter(row["outcome"] for row in report)) == {
        "completed", "fallback", "compensated", "failed", "rejected",
    }  # fmt: skip
    # And there was something to retry, and one fallback per order that needed it
    assert sum(int(row["retries"]) for row in report) > 10
    assert {row["fallbacks"] for row in report if row["outcome"] == "fallback"} == {"1"}
    # And what was paid has an invoice, and nothing else has
    paid = {row["order_id"]: row["paid"] for row in report if row["paid"]}
    invoices = [json.loads(path.read_bytes()) for path in (tmp_path / "invoices").iterdir()]
    assert {each["order_id"]: f"{each['paid'] / 100:.2f}" for each in invoices} == paid
    # And no process is left
    [url] = re.findall(r"nats://\S+", done.stdout)
    assert processes_with(url) == []


def test_a_wrong_expectation_is_found(tmp_path):
    # Given a good order that its author expects to fail, and one that is as expected
    orders = write_orders(
        tmp_path / "orders.csv",
        "A-2001,C-01,visa-1,tea-green:1,compensated",
        "A-2002,C-01,visa-1,tea-green:0,rejected",
    )

    done = run_demo("--orders", str(orders), "--out", str(tmp_path / "out"))

    assert done.returncode == 1, done.stdout + done.stderr
    assert "A-2001: expected compensated, found completed" in done.stdout
    assert "A-2002: expected" not in done.stdout
    assert [row["outcome"] for row in rows_of(tmp_path / "out" / "report.csv")] == [
        "completed",
        "rejected",
    ]


def entry(kind: str, amount: int, key: str = "", gateway: str = "") -> Entry:
    return Entry(key or kind, kind, "A-2001", amount, gateway)


PAID = entry("charge", 890, gateway="first")


@pytest.mark.parametrize(
    ("outcome", "payments", "released", "invoice", "complaints"),
    [
        ("completed", [PAID], False, 890, []),
        ("completed", [PAID, entry("charge", 890, "again", "first")], False, 890, ["the ledger"]),
        ("completed", [], False, 890, ["the ledger"]),
        ("completed", [entry("charge", 89, gateway="first")], False, 890, ["the ledger"]),
        ("fallback", [PAID], False, 890, ["the ledger"]),
        ("completed", [PAID], False, None, ["the invoice says None"]),
        ("completed", [PAID], True, 890, ["the ledger", "tea-green"]),
        ("compensated", [PAID, entry("refund", 890)], True, None, []),
        ("compensated", [PAID], True, None, ["890 charged, but 0 refunded"]),
        ("compensated", [PAID, entry("refund", 890)], True, 890, ["has an invoice"]),
        (
            "compensated",
            [PAID, entry("refund", 890)],
            False,
            None,
            ["1 pieces reserved, but 0 released", "tea-green"],
        ),
    ],
)
def test_the_audit_finds_what_does_not_add_up(
    tmp_path, outcome, payments, released, invoice, complaints
):
    # Given what an order of one green tea left behind
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.create({sku: article["stock"] for sku, article in CATALOG.items()})
    ledger.reserve("reserve", "A-2001", {"tea-green": 1})
    for payment in payments:
        ledger.pay(payment)
    if released:
        ledger.release("release", "A-2001", "reserve")
    if invoice is not None:
        (tmp_path / "A-2001.json").write_text(json.dumps({"paid": invoice}))
    row = Row("A-2001", "C-01", "visa-1", {"tea-green": 1}, "completed")

    found = audit([Outcome(row, outcome)], ledger, tmp_path)

    assert len(found) == len(complaints)
    assert all(part in line for part, line in zip(complaints, found, strict=True)), found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("order_id,items\n", "no column card, customer_id, expected"),
        ("order_id,customer_id,card,items,expected\n", "no orders"),
        (
            "order_id,customer_id,card,items,expected\nA-1,C-01,x,a:1,fine\n",
            ":2: expected is 'fine'",
        ),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path, text, complaint):
    orders = tmp_path / "orders.csv"
    orders.write_text(text)

    done = run_demo("--orders", str(orders), "--out", str(tmp_path / "out"))

    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("number", "status", "complaint"),
    [
        (signal.SIGINT, 130, "error: interrupted; everything was stopped\n"),
        (signal.SIGTERM, 130, "error: interrupted; everything was stopped\n"),
        (signal.SIGKILL, -signal.SIGKILL, ""),
    ],
)
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path, number, status, complaint):
    # Given a demo whose first order is done with
    demo = subprocess.Popen(
        [*DEMO, "--out", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with demo:
        assert demo.stdout is not None
        [url] = re.findall(r"nats://\S+", demo.stdout.readline())
        assert demo.stdout.readline()
        assert len(processes_with(url)) == 3

        # When it is ended
        demo.send_signal(number)
        _, complaints = demo.communicate(timeout=WAIT_LIMIT)

    # Then it says so in one line if it can, and takes its processes along
    assert (demo.returncode, complaints) == (status, complaint)
    blocking_eventually(lambda: processes_with(url) == [])
