"""What the demo shows while it runs: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from examples.orders.fulfil import Outcome

COLOURS = {
    "completed": "green",
    "fallback": "cyan",
    "compensated": "yellow",
    "failed": "red",
    "rejected": "magenta",
    "unfinished": "bold red",
}
BAR = 40


class Display:
    """Shows the events. Its counts come from events that may get lost: they only show life."""

    def __init__(self, console: Console, orders: int) -> None:
        self._console = console
        self._orders = orders
        self._outcomes: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._last = ""
        self._live = Live(console=console, get_renderable=self._view, transient=True)

    def saw(self, event: dict[str, Any]) -> None:
        """Count an event."""
        kind = event["type"].removeprefix("workflow.")
        self._events[kind] += 1
        if kind in {"step.retrying", "step.fallback", "step.compensated"}:
            data = event.get("data", {})
            self._last = f"{data.get('id')} {kind} {data.get('step_id', '')}"

    def ended(self, outcome: Outcome) -> None:
        """Count an order that is done with."""
        self._outcomes[outcome.outcome] += 1
        if not self._console.is_terminal:
            why = f": {outcome.error}" if outcome.error else ""
            self._console.print(
                f"{outcome.row.order_id} {outcome.outcome}{why}", markup=False, soft_wrap=True
            )

    def _view(self) -> Table:
        done = sum(self._outcomes.values())
        bar = Text("━" * (BAR * done // self._orders), style="green")
        bar.append("━" * (BAR - len(bar)), style="bright_black")
        table = Table.grid(padding=(0, 2))
        table.add_row("orders", bar, f"{done}/{self._orders}")
        table.add_row("outcomes", _counts(self._outcomes, COLOURS))
        steps = {
            "steps done": self._events["step.completed"],
            "retries": self._events["step.retrying"],
            "fallbacks": self._events["step.fallback"],
            "compensations": self._events["step.compensated"],
        }
        table.add_row("fleet", _counts(steps, {}))
        table.add_row("latest", Text(self._last, style="bright_black"))
        return table

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def _counts(counts: dict[str, int], colours: dict[str, str]) -> Text:
    parts = [Text(f"{n} {name}", style=colours.get(name, "")) for name, n in counts.items()]
    return Text("  ").join(parts)
