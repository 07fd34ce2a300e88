"""Line charts as SVG, drawn with nothing but strings."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 150
LEFT, TOP, RIGHT, BOTTOM = 70, 26, 120, 20
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a", "#bf3989", "#0a3069")


@dataclass(frozen=True)
class Panel:
    """One chart.

    Attributes:
        unit: of the values.
        lines: values by name; each as long as there are times.
    """

    title: str
    unit: str
    lines: dict[str, list[float]]


def draw(times: list[float], panels: list[Panel]) -> str:
    """All panels, one below the other; times are seconds."""
    whole = HEIGHT + TOP + BOTTOM
    body = "".join(_panel(times, panel, number * whole) for number, panel in enumerate(panels))
    width, height = LEFT + WIDTH + RIGHT, whole * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{body}</svg>\n"
    )


def _panel(times: list[float], panel: Panel, offset: int) -> str:
    top = max((value for values in panel.lines.values() for value in values), default=0) or 1.0
    last = times[-1] if times and times[-1] > 0 else 1.0
    bottom = offset + TOP + HEIGHT
    parts = [
        f'<text x="{LEFT}" y="{offset + TOP - 8}" font-weight="bold">{escape(panel.title)}</text>',
        f'<rect x="{LEFT}" y="{offset + TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" '
        'stroke="#d0d7de"/>',
        f'<text x="{LEFT - 6}" y="{offset + TOP + 8}" text-anchor="end">'
        f"{_short(top)} {escape(panel.unit)}</text>",
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
        f'<text x="{LEFT + WIDTH}" y="{bottom + 13}" text-anchor="end">{last / 60:.1f} min</text>',
    ]
    for number, (name, values) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{LEFT + WIDTH * at / last:.1f},{bottom - HEIGHT * value / top:.1f}"
            for at, value in zip(times, values, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        y = offset + TOP + 10 + 14 * number
        parts.append(f'<text x="{LEFT + WIDTH + 8}" y="{y}" fill="{colour}">{escape(name)}</text>')
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
