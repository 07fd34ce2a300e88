"""The demo: a fleet makes an album of a folder of pictures, and asks before it publishes it.

Without --folder it draws the pictures, one of them broken; `make demo-media`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from examples.media.making import GOOD, HEAVY, Maker
from examples.media.samples import draw_samples
from examples.media.show import files_of, problems, rows_of
from examples.orders.fleet import FOREIGN, Fleet, ProcessEnded
from flowworker import EmbeddedServer, FlowworkerError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

APP = "examples.media.handlers:app"
WORKERS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if all went as it should, otherwise 1."""
    options = parsed(arguments)
    # Ctrl-C and a plain `kill` both unwind, so that everything started here is ended here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        return demo(options.folder, options.out.absolute(), ask=options.ask)
    except (FlowworkerError, ProcessEnded, OSError) as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted; everything was stopped", 130)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.media", description=__doc__)
    parser.add_argument("--folder", type=Path, help="pictures of your own")
    parser.add_argument(
        "--out", type=Path, default=Path(".flowworker/media"), help="folder for what it writes"
    )
    parser.add_argument(
        "--ask", action="store_true", help="wait for your answer, by the command that is shown"
    )
    return parser.parse_args(arguments)


def demo(folder: Path | None, out: Path, *, ask: bool) -> int:
    """Make albums with a fleet of our own, and look at what is there then."""
    begun = time.monotonic()
    for run in (GOOD, HEAVY):  # of an earlier demo; whatever else is there stays
        shutil.rmtree(out / "site" / run, ignore_errors=True)
        (out / "site" / f"{run}.csv").unlink(missing_ok=True)
    (out / "logs").mkdir(parents=True, exist_ok=True)
    drawn = folder is None
    pictures = out / "pictures" if folder is None else folder.absolute()
    if drawn:
        draw_samples(pictures)
    for name in FOREIGN:  # what the caller's environment says of another fleet
        os.environ.pop(name, None)
    with EmbeddedServer() as server, Fleet(out / "logs") as fleet:
        print(f"nats-server {server.version} at {server.url}", flush=True)
        fleet.start("coordinator", "coordinator", "--nats-url", server.url)
        for number in range(1, WORKERS + 1):
            fleet.start(f"worker-{number}", "worker", "--app", APP, "--nats-url", server.url)
        maker = Maker(server.url, pictures, out / "site", drawn=drawn, ask=ask)
        made = asyncio.run(_unless_ended(fleet, maker.albums()))
    print(f"\nThe files in {out / 'site'}:", *files_of(out / "site"), sep="\n  ")
    for report in (out / "site").glob("*.csv"):
        print(f"\n{report}:", *rows_of(report), sep="\n  ")
    found = list(problems(made, out / "site"))
    print(f"\n{time.monotonic() - begun:.1f} s, fleet start included", flush=True)
    if found:
        return _failed("; ".join(found), 1)
    print("The album is published.")
    if drawn:
        print("The one that was too heavy was taken away again.")
    return 0


async def _unless_ended(fleet: Fleet, work: Coroutine[Any, Any, Any]) -> Any:
    """What the work comes to, unless a process of the fleet ends."""
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(fleet.watch())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else watching.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


def _failed(message: str, status: int) -> int:
    first = message.strip().splitlines()[0] if message.strip() else "failed"
    sys.stderr.write(f"error: {first}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
