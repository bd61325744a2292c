"""Fields compiled to one pass over a source: each group of values they stand in is looked up once. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.contract import Path, Unmappable
from gateway.conversion import Step
from gateway.straight import reading

Source = Mapping[Any, Any]

_NOTHING: Source = {}


class Field(NamedTuple):
    """Where a field's value is read, its way, and whether it may be missing.

    Values of exactly the class `passing` are taken as they are: `convert` would give the same."""

    name: str
    path: Path
    convert: Step
    optional: bool
    passing: type | None = None


class Fields:
    """What is read of a source; a source is a mapping of groups, lists and scalars."""

    __slots__ = ("_fields", "_groups", "_straight")

    def __init__(self, fields: Sequence[Field]) -> None:
        numbers: dict[Path, int] = {}
        self._fields = [
            (name, numbers.setdefault(path[:-1], len(numbers)), path[-1], convert, optional, passing)
            for name, path, convert, optional, passing in fields
        ]
        self._groups = [_group(path) for path in numbers]
        self._straight = reading(fields)

    def read(self, source: Source, prefix: str = "") -> dict[str, Any]:
        """The fields by name, without those that are missing and optional. Raises Unmappable.

        Of an element that also has attributes the text is read."""
        try:
            values = self._straight(source)
        except (ValueError, LookupError, TypeError):
            values = None  # which field it is, the loop tells
        return self._read(source, prefix) if values is None else values

    def _read(self, source: Source, prefix: str) -> dict[str, Any]:
        groups = [group(source) for group in self._groups]
        values: dict[str, Any] = {}
        name = ""
        try:
            for name, group, last, convert, optional, passing in self._fields:
                value = groups[group].get(last)
                if value.__class__ is not passing:
                    value = convert(value["#text"] if value.__class__ is dict and "#text" in value else value)
                    if value is None:
                        if optional:
                            continue
                        raise ValueError("is missing")
                values[name] = value
        except ValueError as error:
            raise Unmappable(prefix + name, str(error)) from None
        return values


def _group(steps: Path) -> Callable[[Any], Source]:
    """Finds the group at a path, a list as its items by index; nothing where there is none."""

    def group(source: Any) -> Source:
        try:
            for step in steps:
                source = source[step]
        except (LookupError, TypeError):
            return _NOTHING
        if source.__class__ is dict:
            return source
        if isinstance(source, list):
            return dict(enumerate(source))
        return source if isinstance(source, Mapping) else _NOTHING

    return group
