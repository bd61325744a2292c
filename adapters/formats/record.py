"""The structure of a record: fields and groups of parts, and how values move through it.

Each part does three things from a place in the bytes on: `read` puts its value into those of its group and says where
it ends, `write` appends its bytes, `trace` notes where each field stands. `facts` holds the values that later parts
depend on, by their fields: how long a table is, which alternative is there; when writing, also the length of the list
that a field counts, by the field and "count".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.formats.fields import Coding
from gateway.contract import Path

Facts = dict[Any, Any]
ABSENT: Any = object()


class Damage(Exception):
    """A record does not fit its layout: where, and what is wrong, never with the value."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path

    def within(self, step: str | int) -> "Damage":
        """The same, seen from the part above."""
        return Damage((step, *self.path), str(self))


class Part(Protocol):
    """One part of a record."""

    name: str
    least: int
    """Bytes it has at least."""
    most: int
    """Bytes it has at most."""

    def names(self) -> Sequence[str]:
        """What it may be called among the values of its group; nothing for what has no values."""

    def read(self, data: bytes, at: int, values: dict[str, Any], facts: Facts) -> int:
        """Raises Damage."""

    def write(self, values: Mapping[str, Any], out: bytearray, facts: Facts) -> None:
        """Raises Damage."""

    def trace(self, data: bytes, at: int, path: Path, found: dict[Path, tuple["Field", int]], facts: Facts) -> int:
        """Raises Damage."""


@dataclass(eq=False, slots=True)
class Field:
    """One value. Without a name it fills a place, and is not among the values."""

    name: str
    coding: Coding
    initial: Any = ABSENT
    """Written where the payload has no value."""
    decides: bool = False
    """Whether the layout depends on it."""
    least: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.least = self.most = self.coding.length

    def names(self) -> Sequence[str]:
        """Its own."""
        return (self.name,) if self.name else ()

    def read(self, data: bytes, at: int, values: dict[str, Any], facts: Facts) -> int:
        """Puts the value under its name."""
        end = at + self.most
        if end > len(data):
            raise Damage((self.name or "FILLER",), f"the record ends at byte {len(data)}, within or before it")
        if self.name:
            try:
                value = values[self.name] = self.coding.read(data[at:end])
            except ValueError as error:
                raise Damage((self.name,), f"at byte {at}: {error}") from None
            if self.decides:
                facts[self] = value
        return end

    def write(self, values: Mapping[str, Any], out: bytearray, facts: Facts) -> None:
        """Appends the value's bytes."""
        value = values.get(self.name, ABSENT) if self.name else self.initial
        count = facts.get((self, "count")) if self.decides else None
        if count is not None:
            self._agree(value, count)
            value = count
        value = self.initial if value is ABSENT else value
        if value is ABSENT:
            raise Damage((self.name,), "is missing")
        try:
            written = value if value.__class__ is bytes and not self.name else self.coding.write(value)
            if self.decides:
                facts[self] = self.coding.read(written)
        except ValueError as error:
            raise Damage((self.name,), str(error)) from None
        out += written

    def _agree(self, value: Any, count: int) -> None:
        """Raises Damage where the payload says another length than its list has."""
        try:
            if value is not ABSENT and value is not None and self.coding.write(value) != self.coding.write(count):
                raise ValueError(f"is not {count}, the length of the list that depends on it")
        except ValueError as error:
            raise Damage((self.name,), str(error)) from None

    def trace(self, data: bytes, at: int, path: Path, found: dict[Path, tuple["Field", int]], facts: Facts) -> int:
        """Notes where it stands."""
        values: dict[str, Any] = {}
        end = self.read(data, at, values, facts)
        if self.name:
            found[*path, self.name] = (self, at)
        return end


@dataclass(eq=False, slots=True)
class Group:
    """Parts one after the other, as a mapping."""

    name: str
    parts: Sequence[Part]
    counted: list[tuple[Field, Path]] = field(default_factory=list)
    """Fields below that say how long the list at a path below is."""
    least: int = 0
    most: int = 0
    known: frozenset[str] = frozenset()
    plan: "Sequence[tuple[str, int, Callable[[bytes], Any] | None, Part]]" = ()
    """Its parts, with how those are read that nothing depends on and that have a value."""

    def __post_init__(self) -> None:
        self.least, self.most = sum(part.least for part in self.parts), sum(part.most for part in self.parts)
        self.known = frozenset(name for part in self.parts for name in part.names())

    def names(self) -> Sequence[str]:
        """Its own; without one, those of its parts."""
        return (self.name,) if self.name else tuple(self.known)

    def read(self, data: bytes, at: int, values: dict[str, Any], facts: Facts) -> int:
        """Puts a mapping under its name; without one, its values stand among those around it."""
        if not self.name:
            return self.values(data, at, values, facts)
        inner: dict[str, Any] = {}
        try:
            end = self.values(data, at, inner, facts)
        except Damage as damage:
            raise damage.within(self.name) from None
        values[self.name] = inner
        return end

    def values(self, data: bytes, at: int, values: dict[str, Any], facts: Facts) -> int:
        """Puts the values of its parts into `values`; says where it ends."""
        if not self.plan:  # on first use: while a layout is built, fields may still be found to decide about others
            self.plan = [_planned(part) for part in self.parts]
        size = len(data)
        for name, length, read, part in self.plan:
            end = at + length
            if read is None or end > size:
                at = part.read(data, at, values, facts)
                continue
            try:  # as Field.read does, without a call for each of them
                values[name] = read(data[at:end])
            except ValueError as error:
                raise Damage((name,), f"at byte {at}: {error}") from None
            at = end
        return at

    def write(self, values: Mapping[str, Any], out: bytearray, facts: Facts) -> None:
        """Appends its parts."""
        if not self.name:
            return self._put(values, out, facts)
        try:
            self.put(values.get(self.name, {}), out, facts)
        except Damage as damage:
            raise damage.within(self.name) from None

    def put(self, values: Any, out: bytearray, facts: Facts) -> None:
        """Appends its parts with these values. Raises Damage, also for a value that has no place."""
        if not isinstance(values, Mapping):
            raise Damage((), "is not a group of fields")
        for name in values:
            if name not in self.known:
                raise Damage((str(name),), "is not in the record")
        self._put(values, out, facts)

    def _put(self, values: Mapping[str, Any], out: bytearray, facts: Facts) -> None:
        for counter, path in self.counted:
            listed = _at(values, path)
            facts[counter, "count"] = len(listed) if isinstance(listed, list | tuple) else None
        for part in self.parts:
            part.write(values, out, facts)

    def trace(self, data: bytes, at: int, path: Path, found: dict[Path, tuple[Field, int]], facts: Facts) -> int:
        """Notes where its fields stand."""
        return self.places(data, at, (*path, self.name) if self.name else path, found, facts)

    def places(self, data: bytes, at: int, path: Path, found: dict[Path, tuple[Field, int]], facts: Facts) -> int:
        """Notes where its fields stand, below a path."""
        for part in self.parts:
            at = part.trace(data, at, path, found, facts)
        return at


def _planned(part: Part) -> "tuple[str, int, Callable[[bytes], Any] | None, Part]":
    plain = isinstance(part, Field) and part.name and not part.decides
    return part.name, part.most, part.coding.read if plain and isinstance(part, Field) else None, part


def _at(values: Any, path: Path) -> Any:
    for step in path:
        values = values.get(step) if isinstance(values, Mapping) else None
    return values
