"""The parts of a record that depend on others: tables of a length that a field says, and alternatives in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.formats.record import ABSENT, Damage, Facts, Field, Group, Part
from gateway.contract import Path


@dataclass(eq=False, slots=True)
class Table:
    """A part several times, as a list."""

    item: Field | Group
    low: int
    high: int
    counter: Field | None = None
    """Says how often; without it, always `high` times."""
    slides: bool = True
    """Whether what follows comes right behind the last item that is there, and not behind the last there could be."""
    fills: bool = False
    """Whether a shorter list is filled up with initial values."""
    pad: bytes = b"\0"
    """The byte that fills what a table that does not slide leaves of its place."""
    name: str = ""
    least: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.name = self.item.name
        self.most = self.high * self.item.most
        self.least = self.low * self.item.least if self.counter and self.slides else self.most

    def names(self) -> Sequence[str]:
        """Its item's."""
        return self.item.names()

    def _count(self, facts: Facts) -> int:
        if self.counter is None:
            return self.high
        count = facts.get(self.counter)
        if count.__class__ is not int or not self.low <= count <= self.high:
            raise Damage((self.name,), f"{self.counter.name} does not say a length of {self.low} to {self.high}")
        return int(count)

    def read(self, data: bytes, at: int, values: dict[str, Any], facts: Facts) -> int:
        """Puts a list under its name."""
        count = self._count(facts)
        start, listed = at, []
        if at + count * self.item.least > len(data):
            raise Damage((self.name,), f"at byte {at}: the record ends at byte {len(data)}, before the last item")
        for index in range(count):
            inner: dict[str, Any] = {}
            try:
                if isinstance(self.item, Group):
                    at = self.item.values(data, at, inner, facts)
                    listed.append(inner)
                else:
                    at = self.item.read(data, at, inner, facts)
                    listed.extend(inner.values())
            except Damage as damage:
                below = damage.path if isinstance(self.item, Group) else ()
                raise Damage((self.name or "FILLER", index, *below), str(damage)) from None
        if self.names():
            values[self.name] = listed
        return self._end(data, start, at)

    def _end(self, data: bytes, start: int, at: int) -> int:
        end = at if self.slides else start + self.most
        if end > len(data):
            raise Damage((self.name,), f"the record ends at byte {len(data)}, within it")
        return end

    def write(self, values: Mapping[str, Any], out: bytearray, facts: Facts) -> None:
        """Appends its items."""
        start = len(out)
        listed = self._listed(values, facts)
        for index, value in enumerate(listed):
            try:
                if isinstance(self.item, Group):
                    self.item.put(value, out, facts)
                else:
                    self.item.write({self.name: value} if value is not ABSENT else {}, out, facts)
            except Damage as damage:
                below = damage.path if isinstance(self.item, Group) else ()
                raise Damage((self.name, index, *below), str(damage)) from None
        if not self.slides:
            out += self.pad * (start + self.most - len(out))

    def _listed(self, values: Mapping[str, Any], facts: Facts) -> Sequence[Any]:
        empty: Any = {} if isinstance(self.item, Group) else ABSENT
        if not self.names():
            return [empty] * self._count(facts)
        listed = values.get(self.name, [] if self.fills else ABSENT)
        if listed is ABSENT:
            raise Damage((self.name,), "is missing")
        if not isinstance(listed, list | tuple):
            raise Damage((self.name,), "is not a list")
        count = self._count(facts)
        if len(listed) > count or (len(listed) < count and not (self.fills and self.counter is None)):
            raise Damage((self.name,), f"has {len(listed)} items, its place has {count}")
        return [*listed, *[empty] * (count - len(listed))]

    def trace(self, data: bytes, at: int, path: Path, found: dict[Path, tuple[Field, int]], facts: Facts) -> int:
        """Notes where its items' fields stand."""
        start = at
        for index in range(self._count(facts)):
            if isinstance(self.item, Group):
                at = self.item.places(data, at, (*path, self.name, index), found, facts)
            else:
                inner: dict[Path, tuple[Field, int]] = {}
                at = self.item.trace(data, at, (), inner, facts)
                found.update(((*path, self.name, index), place) for place in inner.values())
        return self._end(data, start, at)


@dataclass(eq=False, slots=True)
class Alternatives:
    """Parts that share one place; a field of the record says which is there."""

    parts: Sequence[Part]
    by: Field | None
    """Without it, the default is there."""
    when: Mapping[Any, Part]
    default: Part | None
    pad: bytes
    """The byte that fills what the chosen part leaves of the place."""
    name: str
    most: int
    """Bytes of the longest, be it among the parts or never there."""
    least: int = 0

    def __post_init__(self) -> None:
        self.least = self.most

    def names(self) -> Sequence[str]:
        """Those of all of them."""
        return [name for part in self.parts for name in part.names()]

    def _chosen(self, facts: Facts) -> Part:
        part = self.default if self.by is None else self.when.get(facts.get(self.by), self.default)
        if part is None:
            said = self.by.name if self.by else ""
            raise Damage((self.name,), f"{said} has a value that `redefines` does not list")
        return part

    def read(self, data: bytes, at: int, values: dict[str, Any], facts: Facts) -> int:
        """Puts the value of the one that is there under its name."""
        if at + self.most > len(data):
            raise Damage((self.name,), f"the record ends at byte {len(data)}, within or before it")
        self._chosen(facts).read(data, at, values, facts)
        return at + self.most

    def write(self, values: Mapping[str, Any], out: bytearray, facts: Facts) -> None:
        """Appends the one that is there. A value of another is refused."""
        start, chosen = len(out), self._chosen(facts)
        for name in self.names():
            if name in values and name not in chosen.names():
                raise Damage((name,), f"is not in this record, {chosen.name} stands in its place")
        chosen.write(values, out, facts)
        out += self.pad * (start + self.most - len(out))

    def trace(self, data: bytes, at: int, path: Path, found: dict[Path, tuple[Field, int]], facts: Facts) -> int:
        """Notes where the fields of the one that is there stand."""
        self._chosen(facts).trace(data, at, path, found, facts)
        return at + self.most
