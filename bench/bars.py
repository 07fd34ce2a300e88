"""A bar chart as SVG, drawn with nothing but strings."""

from __future__ import annotations

from html import escape

WIDTH, ROW, TOP, NAMES, VALUES = 720, 26, 34, 280, 90
COLOUR, BEST = "#1f6feb", "#57606a"


def bars(title: str, unit: str, values: dict[str, float], *, line: float | None = None) -> str:
    """One bar for each value, which are not negative; a dashed line stands for an aim."""
    most = max([*values.values(), line or 0.0]) or 1.0
    room = WIDTH - NAMES - VALUES
    height = TOP + ROW * len(values) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>'
    ]
    for number, (name, value) in enumerate(values.items()):
        y = TOP + ROW * number
        wide = room * value / most
        parts.append(
            f'<text x="{NAMES - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{NAMES}" y="{y + 3}" width="{wide:.1f}" height="{ROW - 8}" fill="{COLOUR}"/>'
            f'<text x="{NAMES + wide + 6:.1f}" y="{y + 16}">{_short(value)} {escape(unit)}</text>'
        )
    if line is not None:
        x = NAMES + room * line / most
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{height - 6}" '
            f'stroke="{BEST}" stroke-dasharray="4 3"/>'
        )
    return "".join([*parts, "</svg>\n"])


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
