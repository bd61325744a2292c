"""What commands print: tables and lines, without colours where there is no terminal or NO_COLOR is set."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.statistics.rates import wilson

WIDE = 160
"""Columns where there is no terminal, so that nothing is cut in a file or a pipe."""


def console(error: bool = False) -> Console:
    """Standard output, or standard error."""
    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, markup=False, emoji=False)


def shown(value: Any) -> str:
    """A value of a table."""
    return "-" if value is None or value == "" else plain(str(value))


def plain(text: str) -> str:
    """The text on one line; control characters of strangers cannot move the cursor."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table; numbers stand right. Without rows it says so instead of its heads."""
    rows = [list(row) for row in rows]
    if not rows:
        columns = ["nothing yet"]
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        right = bool(rows) and all(isinstance(row[at], int | float | None) for row in rows)
        made.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(shown(cell)) for cell in row))
    return made


def line(text: str, style: str = "") -> None:
    """One line, wrapped by nobody."""
    console().print(Text(plain(text), style=style), soft_wrap=True)


def warn(text: str) -> None:
    """One line on standard error."""
    console(error=True).print(Text(plain(text), style="yellow"), soft_wrap=True)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object, indented; dates and decimals as text."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def share(agreed: int, compared: int) -> str:
    """`97.40 % (95.12 to 98.63 %)`: a rate with its 95 % Wilson interval."""
    if not compared:
        return "nothing compared"
    low, high = wilson(agreed, compared)
    return f"{agreed / compared:.2%} ({low:.2%} to {high:.2%})"


def milliseconds(value: float | None) -> str:
    """A latency in three digits."""
    if value is None:
        return "-"
    return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"
