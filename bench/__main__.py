"""`python -m bench`: measures every area, or those in ONLY=area[,area], into bench/results.json.

A missed goal is printed, not failed: what a shared machine measures is for a person to judge. Ratios are medians over
rounds of the contenders in turns, so that what else happens meanwhile happens to all of them.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

AREAS = {
    "codec": "codec",
    "formats": "formats",
    "model": "coalescing",
    "shadow": "shadow",
    "live": "live",
    "observing": "observing",
    "reports": "reports",
    "amqp": "amqp",
    "database": "database",
    "claims": "claims",
}
"""Area to module; each has `run() -> {"results", "ratios"}`."""
FILE = Path(__file__).with_name("results.json")

Figures = Mapping[str, Sequence[Mapping[str, Any]]]


def measured(area: str) -> Figures:
    """The figures of one area."""
    run: Callable[[], Figures] = import_module(f"bench.{AREAS[area]}").run
    return run()


def chosen(only: str) -> Sequence[str]:
    """The areas named, all of them where none is. Raises SystemExit for one that there is not."""
    names = [name.strip() for name in only.split(",") if name.strip()] or list(AREAS)
    if unknown := [name for name in names if name not in AREAS]:
        raise SystemExit(f"ONLY: there is no area {', '.join(unknown)}; there are {', '.join(AREAS)}")
    return names


def merged(before: Figures, area: str, found: Figures) -> Figures:
    """All figures, those of this area replaced."""
    return {
        part: [one for one in before.get(part, []) if one["area"] != area] + list(found[part])
        for part in ("results", "ratios")
    }  # fmt: skip


def show(console: Console, found: Figures) -> None:
    """Prints what was measured, and each ratio with its goal."""
    table = Table("case", "name", "kind", "calls/s", "CPU µs", "p50 ms", "p99 ms", "spread")
    for one in found["results"]:
        figures = (one["throughput"], one["cpu_us"], one["p50_ms"], one["p99_ms"], one["spread"])
        table.add_row(one["case"], one["name"], one["kind"], *(f"{figure:,.4g}" for figure in figures))
    console.print(table)
    for one in found["ratios"]:
        verdict = "[green]met[/]" if one["met"] else "[red]missed[/]"
        console.print(f"{one['area']}: {one['case']}, against {one['against']}: "
                      f"[bold]{one['value']:g}[/] (goal {one['goal']:g}) {verdict}")  # fmt: skip


def main() -> None:
    """Measures, prints, and keeps the figures of areas that were not measured this time."""
    console = Console(width=140 if not sys.stdout.isatty() else None)
    for area in chosen(os.environ.get("ONLY", "")):
        console.print(f"[bold]{area}[/] is being measured")
        found = measured(area)
        show(console, found)
        before = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(json.dumps(merged(before, area, found), indent=1) + "\n")


if __name__ == "__main__":
    main()
