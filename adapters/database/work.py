"""Rows on their way: as they were read, while they are ours, and what became of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.database.answers import Answers
from adapters.database.find import Position
from adapters.database.layout import Key
from gateway.contract import Payload


@dataclass(slots=True)
class Seen:
    """A row as it was read."""

    key: Key
    place: Position
    row: Payload
    attempts: int = 0


@dataclass(slots=True)
class Taken:
    """Rows that are ours until the lease ends, under one token."""

    token: str
    rows: Sequence[Seen] = ()
    worn: Mapping[Key, str] = field(default_factory=dict)
    """Rows that have been tried too often already: whoever worked on them was killed each time."""


@dataclass(slots=True)
class Ended:
    """What became of claimed rows."""

    answers: Answers = field(default_factory=dict)
    failed: Mapping[Key, str] = field(default_factory=dict)
    """They can never be answered: why."""
    again: Mapping[Key, str] = field(default_factory=dict)
    """They may be answered later: why not now."""
    unasked: Collection[Key] = ()
    """Nobody could be asked: as if they had never been claimed."""
