"""Step curves as SVG, without any library: one file that browsers, documents and diffs can show."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

WIDE, HIGH, LEFT, TOP = 760, 420, 70, 50
COLOURS = ("#0b6e99", "#b3541e", "#4d7c0f", "#7c3aed", "#9f1239", "#525252")


def curves(title: str, across: str, up: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Points (x > 0, y from 0 to 1) of each named line, x on a logarithmic scale; every other line is dashed, so that
    the colours do not carry the meaning alone."""
    xs = [x for points in lines.values() for x, _ in points]
    low, high = floor(log10(min(xs))), ceil(log10(max(xs)))
    right, bottom = WIDE - 240, HIGH - 60

    def place(x: float, y: float) -> str:
        return f"{LEFT + (log10(x) - low) / (high - low) * (right - LEFT):.1f},{bottom - y * (bottom - TOP):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDE}" height="{HIGH}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(LEFT + right) / 2}" y="{HIGH - 14}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(18 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for power in range(low, high + 1):
        x = place(10**power, 0).partition(",")[0]
        parts.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>')
    for tenths in range(0, 11, 2):
        y = place(10**low, tenths / 10).partition(",")[2]
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{tenths * 10} %</text>')
    for at, (name, points) in enumerate(lines.items()):
        colour, dash = COLOURS[at % len(COLOURS)], ' stroke-dasharray="7 4"' if at % 2 else ""
        drawn = " ".join(place(x, y) for x, y in points)
        stroke = f'stroke="{colour}" stroke-width="2"{dash}'
        parts.append(f'<polyline points="{drawn}" fill="none" {stroke}/>')
        row = TOP + 14 + 22 * at
        parts.append(f'<line x1="{right + 16}" y1="{row - 4}" x2="{right + 46}" y2="{row - 4}" {stroke}/>')
        parts.append(f'<text x="{right + 54}" y="{row}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
