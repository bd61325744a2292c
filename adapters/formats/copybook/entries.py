"""A data description entry of a copybook, each clause as it is written, with the entries below it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.formats.copybook.source import Word

Literal = str | int | bytes
"""A text, a number's text, or the byte of a figurative constant."""


@dataclass(slots=True, frozen=True)
class Depending:
    """The field that says how long a table is, and the groups that it is OF, the nearest first."""

    name: str
    groups: Sequence[str]


@dataclass(slots=True, eq=False)
class Entry:
    """One entry with what is below it. Names are in capitals; a FILLER has none."""

    word: Word
    level: int
    name: str = ""
    picture: str = ""
    usage: str = ""
    sign: str = ""
    """`leading`, `trailing`, `leading separate`, `trailing separate`."""
    synchronized: bool = False
    right: bool = False
    blank_when_zero: bool = False
    redefines: str = ""
    low: int = 1
    high: int = 1
    occurs: bool = False
    depending: Depending | None = None
    value: Literal | None = None
    repeated: bool = False
    """Whether the value is repeated until its place is full: VALUE ALL."""
    conditions: list[tuple[str, Literal, Literal]] = field(default_factory=list)
    """Level 88: each name with the first and last value it stands for."""
    below: "list[Entry]" = field(default_factory=list)
