"""The demo: a server, a coordinator and two workers fulfil a file of orders; `make demo`."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from examples.orders.audit import CATALOG, audit
from examples.orders.display import Display
from examples.orders.fleet import Fleet, ProcessEnded
from examples.orders.fulfil import Outcome, fulfil
from examples.orders.ledger import Ledger
from examples.orders.report import show_summary, write_report
from examples.orders.rows import BadFile, Row, read_orders
from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.definitions import load_paths
from flowworker.embedded import EmbeddedServer
from flowworker.errors import FlowworkerError
from flowworker.jetstream import ConnectionOptions
from flowworker.wiring import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
APP = "examples.orders.handlers:app"
WORKERS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if every order ended as its row says, 1 if not, 2 for a bad file."""
    options = parsed(arguments)
    # Ctrl-C and a plain `kill` both unwind, so that everything started here is ended here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        rows = read_orders(options.orders)
        return demo(rows, options.out, console, keep=options.keep)
    except BadFile as error:
        return _failed(str(error), 2)
    except (FlowworkerError, ProcessEnded, OSError) as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted; everything was stopped", 130)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.orders", description=__doc__)
    parser.add_argument(
        "--orders", type=Path, default=HERE / "orders.csv", help="a CSV file like orders.csv"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(".flowworker/orders"), help="folder for what it writes"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the server's data and all logs in there, too"
    )
    return parser.parse_args(arguments)


def demo(rows: list[Row], out: Path, console: Console, *, keep: bool) -> int:
    """Fulfil the orders with a fleet of our own, and check what came of it."""
    out = out.absolute()
    ledger = prepare(out)
    with (
        EmbeddedServer(store=out / "nats" if keep else None) as server,
        Fleet(out / "logs", {"ORDERS_DIR": str(out)}) as fleet,
    ):
        console.print(f"nats-server {server.version} at {server.url}", highlight=False)
        begun = time.monotonic()
        fleet.start("coordinator", "coordinator", "--nats-url", server.url)
        for number in range(1, WORKERS + 1):
            fleet.start(f"worker-{number}", "worker", "--app", APP, "--nats-url", server.url)
        outcomes = asyncio.run(_fulfil(server.url, fleet, rows, console))
        seconds = time.monotonic() - begun
    problems = audit(outcomes, ledger, out / "invoices")
    write_report(out / "report.csv", outcomes)
    if not keep:
        shutil.rmtree(out / "logs")
    show_summary(console, outcomes)
    console.print(f"\n{len(rows)} orders in {seconds:.1f} s, fleet start included", highlight=False)
    return judge(console, outcomes, problems, out)


def prepare(out: Path) -> Ledger:
    """Remove what an earlier run left, and open a new ledger."""
    for name in ("invoices", "logs", "nats"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm", "report.csv"):
        (out / name).unlink(missing_ok=True)
    for name in ("invoices", "logs"):
        (out / name).mkdir(parents=True)
    ledger = Ledger(out / "ledger.db")
    ledger.create({sku: article["stock"] for sku, article in CATALOG.items()})
    return ledger


async def _fulfil(url: str, fleet: Fleet, rows: list[Row], console: Console) -> list[Outcome]:
    """Register the workflow and run it for every row, unless a process of the fleet ends."""

    async def work() -> list[Outcome]:
        options = ConnectionOptions(url=url, name="orders-demo")
        async with connect(options, namespace=DEFAULT_NAMESPACE, create=True) as client:
            for _, workflow in load_paths([HERE / "workflow.yaml"]):
                await client.register(workflow)
            with Display(console, len(rows)) as display:
                return await fulfil(client, rows, display)

    working, watching = asyncio.ensure_future(work()), asyncio.ensure_future(fleet.watch())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else watching.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


def judge(console: Console, outcomes: Sequence[Outcome], problems: Sequence[str], out: Path) -> int:
    """Say whether all went as it should."""
    console.print(f"files in {out}: report.csv, ledger.db, invoices/", highlight=False)
    surprises = [each for each in outcomes if not each.as_expected]
    for each in surprises:
        line = f"{each.row.order_id}: expected {each.row.expected}, found {each.outcome}"
        console.print(f"{line} {each.error}", style="red", markup=False, soft_wrap=True)
    for problem in problems:
        console.print(f"ledger: {problem}", style="red", markup=False, soft_wrap=True)
    if surprises or problems:
        return 1
    console.print("Every order ended as expected, and the ledger adds up.", style="green")
    return 0


def _failed(message: str, status: int) -> int:
    first = message.strip().splitlines()[0] if message.strip() else "failed"
    sys.stderr.write(f"error: {first}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
