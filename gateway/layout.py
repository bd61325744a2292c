"""Where canonical values are written in a message of a source. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from gateway.contract import Path, Unmappable
from gateway.conversion import Step
from gateway.straight import Straight, writing
from gateway.transform import settle


class Written(NamedTuple):
    """One compiled field of a message; without `back` it takes `constant`."""

    name: str
    path: Path
    back: Step | None
    constant: Any
    optional: bool


class Layout:
    """The fields of a message, compiled to one pass over a record; each group is made once."""

    __slots__ = ("_above", "_straight", "_written")

    def __init__(self, written: Sequence[Written]) -> None:
        self._above: list[tuple[int, str | int, type]] = []
        """Of each group but the message itself: the group it stands in, where, and what it is."""
        numbers: dict[Path, int] = {(): 0}
        for one in written:
            for length, (step, after) in enumerate(pairwise(one.path), 1):
                if (path := one.path[:length]) not in numbers:
                    numbers[path] = len(numbers)
                    self._above.append((numbers[path[:-1]], step, list if isinstance(after, int) else dict))
        self._written = [(one, numbers[one.path[:-1]]) for one in written]
        listed = any(isinstance(step, int) for one in written for step in one.path)
        self._straight: Straight = (lambda record: None) if listed else writing(written)

    def filled(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A message with these values. Raises Unmappable."""
        try:
            message = self._straight(record)
        except (ValueError, ArithmeticError):
            message = None  # which field it is, the loop tells
        return self._filled(record) if message is None else message

    def _filled(self, record: Mapping[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {}
        groups: list[Any] = [message, *[None] * len(self._above)]
        for field, number, value in self._values(record):
            group = groups[number]
            if group is None:
                group = self._made(groups, number)
            if group.__class__ is dict:
                group[field.path[-1]] = value
            else:
                settle(group, field.path[-1], value)
        return message

    def _made(self, groups: list[Any], number: int) -> Any:
        if groups[number] is None:
            above, step, kind = self._above[number - 1]
            groups[number] = settle(self._made(groups, above), step, kind())
        return groups[number]

    def changes(self, record: Mapping[str, Any], above: Path = ()) -> dict[Path, Any]:
        """These values by path, without constants; `above` is where the record stands. Raises Unmappable."""
        return {(*above, *field.path): value for field, _, value in self._values(record) if field.back is not None}

    def _values(self, record: Mapping[str, Any]) -> Iterator[tuple[Written, int, Any]]:
        for field, number in self._written:
            name, _, back, constant, optional = field
            if back is None:
                yield field, number, constant
            elif (value := record.get(name)) is not None:
                try:
                    value = back(value)
                except (ValueError, ArithmeticError) as error:
                    raise Unmappable(name, str(error)) from None
                yield field, number, value
            elif not optional:
                raise Unmappable(name, "the answer has no value for it")
