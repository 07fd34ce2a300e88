"""`bench/results/` -> the tables and pictures of `docs/performance.md`.

The page's own text stays: what is measured stands between `<!-- NAME: begin -->` and
`<!-- NAME: end -->`.
"""

from __future__ import annotations

__all__ = ["PAGE", "PARTS", "write_page"]

import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from bench import durability, growth, shapes, startup
from bench.bars import bars
from bench.peers import __main__ as peers
from bench.report import RESULTS, Results, Setup, per_step

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"


def write_page() -> Path:
    """Write tables and pictures of what there are results of."""
    text = PAGE.read_text()
    for name, make in PARTS.items():
        if not (RESULTS / f"{_FILES.get(name, name)}.json").exists():
            continue
        block = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        made = "\n".join(make())
        text = block.sub(lambda found, made=made: f"{found[1]}\n{made}\n\n{found[2]}", text)  # type: ignore[misc]
    PAGE.write_text(text)
    return PAGE


def _read(name: str, kind: type[T]) -> T:
    return msgspec.json.decode((RESULTS / f"{name}.json").read_bytes(), type=kind, strict=False)


def _on(about: Setup) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in about.packages.items())
    return (
        f"Measured on {about.cpus} processors of {about.machine}, load {about.load:.1f}, CPython "
        f"{about.python}, nats-server {about.nats_server}, {packages}; file storage, "
        f"sync_interval {about.sync_interval}, {about.workers} workers, {about.partitions} "
        "partitions."
    )


def _section(table: list[str], name: str, about: str, drawn: str, setup: Setup) -> list[str]:
    """A table, a picture, and what they were measured on."""
    (IMAGES / f"performance-{name}.svg").write_text(drawn)
    return [*table, "", f"![{about}](images/performance-{name}.svg)", "", _on(setup)]


def _chain() -> list[str]:
    found = _read("latest", Results)
    speed, delay = found.throughput, found.latency
    cpu = {name: 1e3 * used / speed.steps for name, used in speed.cpu.items()}
    to_raw = speed.steps_per_second / found.raw.per_second
    rows = {
        "steps/s, many runs at once": f"{speed.steps_per_second:,.0f}",
        "steps/s to bare publishes/s of one client": f"{to_raw:.3f}",
        "a run by itself, p50, p95, p99, ms": f"{delay.p50:.1f}, {delay.p95:.1f}, {delay.p99:.1f}",
        "processor time per step, ms": f"{sum(cpu.values()):.2f}",
        "messages stored per step": f"{per_step(speed)['stored in all']:.2f}",
    }
    table = ["| | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows.items())]
    title = "Processor time per step"
    return _section(table, "chain", f"{title}, by process", bars(title, "ms", cpu), found.setup)


def _durability() -> list[str]:
    found = _read("durability", durability.Found)
    rate = {str(name): row["steps/s"] for name, row in found.medians.items()}
    title = "Steps per second by durability"
    about = next(iter(found.measured.values()))[0].setup
    table = durability.table(found)
    return _section(table, "durability", title, bars(title, "steps/s", rate), about)


def _shapes() -> list[str]:
    found = _read("shapes", shapes.Found)
    title = "Processor time per step, to that of small runs"
    drawn = bars(title, "times", found.cpu_ratios, line=1.3)
    return _section(shapes.table(found), "shapes", title, drawn, found.setup)


def _growth() -> list[str]:
    found = _read("growth", growth.Found)
    title = "Processor time per step, to that beside nothing"
    ratios = {name: each["cpu"] for name, each in found.ratios.items()}
    drawn = bars(title, "times", ratios, line=1.1)
    return _section(growth.table(found), "growth", title, drawn, found.setup)


def _startup() -> list[str]:
    found = _read("startup", startup.Found)
    title = "Processor time of commands"
    used = {name.replace("`", ""): statistics.median(each) for name, each in found.commands.items()}
    return _section(startup.table(found), "startup", title, bars(title, "s", used), found.setup)


def _peers() -> list[str]:
    found = _read("peers", peers.Found)
    title = "Steps per second by system"
    rate = {
        name: statistics.median([one.rate for one in of]) for name, of in found.measured.items()
    }
    return _section(peers.table(found), "peers", title, bars(title, "steps/s", rate), found.setup)


PARTS: dict[str, Callable[[], list[str]]] = {
    "chain": _chain,
    "durability": _durability,
    "shapes": _shapes,
    "growth": _growth,
    "startup": _startup,
    "peers": _peers,
}
_FILES = {"chain": "latest"}
