"""The register of known differences: disagreements that somebody answers for until a day. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from gateway.canonical import Canonical, Test
from gateway.comparison import KnownDifference
from gateway.condition import compile_conditions
from gateway.contract import ConfigError
from gateway.conversion import text
from gateway.rules import FieldRule
from gateway.transform import unknown


class Difference(NamedTuple):
    """A field on which a record's two sides disagree; None for all of it, where one side refused."""

    field: str | None
    incumbent: Any
    candidate: Any
    distance: float | None


Known = Callable[[Canonical, Difference, date], str]
"""The name of the entry that knows of this difference on this day; empty where none does."""


def compile_known(
    register: Mapping[str, KnownDifference], fields: Mapping[str, FieldRule], judged: Sequence[str]
) -> Known:
    """The register of a route whose verdicts have the fields `judged`. Raises ConfigError with every problem, each
    below `known_differences`."""
    entries, problems = [], []
    for name, entry in register.items():
        try:
            if entry.field is not None and entry.field not in judged:
                raise unknown("compared field", entry.field, judged)
            entries.append((name, entry, compile_conditions(entry.when, fields)))
        except (ConfigError, ValueError) as error:
            problems.append(f"known_differences.{name}: {error}")
    if problems:
        raise ConfigError(*problems)

    def known(record: Canonical, difference: Difference, today: date) -> str:
        return next((name for name, entry, holds in entries if _fits(entry, holds, record, difference, today)), "")

    return known


def _fits(entry: KnownDifference, holds: Test, record: Canonical, difference: Difference, today: date) -> bool:
    if today > entry.expires or (entry.field is not None and entry.field != difference.field):
        return False
    if entry.within is not None and (difference.distance is None or difference.distance > entry.within):
        return False
    sides = ((entry.incumbent, difference.incumbent), (entry.candidate, difference.candidate))
    return all(said is None or _spelled(value) in map(_spelled, said) for said, value in sides) and holds(record)


def _spelled(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list | bytes) else text(value)


def expired(register: Mapping[str, KnownDifference], today: date) -> Iterator[str]:
    """The names of the entries that count as disagreement again."""
    return (name for name, entry in register.items() if today > entry.expires)
