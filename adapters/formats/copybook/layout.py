"""Where each field of a copybook's record stands, slack bytes included, and how it is written.

Lengths, slack bytes and the place of what is redefined follow Enterprise COBOL's Language Reference: "SYNCHRONIZED
clause", "Slack bytes within records", "OCCURS clause", "REDEFINES clause".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.formats.charset import Charset
from adapters.formats.config import CopybookSettings, Redefined
from adapters.formats.copybook.elements import Inherited, aligned, coding, described, inherited, initial
from adapters.formats.copybook.entries import Depending, Entry
from adapters.formats.fields import Filler
from adapters.formats.record import ABSENT, Field, Group, Part
from adapters.formats.tables import Alternatives, Table
from gateway.contract import Path


@dataclass(slots=True, frozen=True)
class Row:
    """A line of the layout as people read it; `offset` is None where it depends on the record."""

    depth: int
    level: int
    name: str
    offset: int | None
    length: int
    picture: str


@dataclass(slots=True, frozen=True)
class _Scope:
    """Where an entry stands: in which tables, in which groups, and how its clauses are inherited."""

    inherited: Inherited
    tables: tuple[Entry, ...] = ()
    groups: tuple[str, ...] = ()
    path: Path = ()
    """The names from the record, or from the item of the innermost table."""
    counted: list[tuple[Field, Path]] = field(default_factory=list)
    """Of the record, or of that item."""
    depth: int = 0


class Layout:
    """The record of one level-01 entry."""

    def __init__(self, entry: Entry, settings: CopybookSettings) -> None:
        """Raises ConfigError with file and line."""
        self.rows: list[Row] = []
        self._settings = settings
        self._charset = Charset(settings.encoding)
        self._fields: list[tuple[Entry, _Scope, Field]] = []
        self.redefined: set[str] = set()
        """The names of what is redefined."""
        scope = _Scope(Inherited("", "", synchronized=False))
        inside = entry.below or [entry]
        if entry.below:
            scope = replace(scope, inherited=inherited(entry, scope.inherited), depth=1)
            self.rows.append(Row(0, entry.level, entry.name or "FILLER", 0, 0, ""))
        parts, _ = self._parts(inside, 0, scope)
        self.group = Group("", parts, scope.counted)
        if entry.below:
            self.rows[0] = replace(self.rows[0], length=self.group.most)

    def _parts(self, below: Sequence[Entry], at: int | None, scope: _Scope) -> tuple[list[Part], int | None]:
        """The parts of a group from an offset on, and the offset behind them."""
        parts: list[Part] = []
        for entries in _places(below):
            boundary = max(self._boundary(one, scope.inherited) for one in entries)
            if boundary > 1 and at is None:
                raise entries[0].word.wrong("SYNCHRONIZED behind a table of varying length is not read")
            if at is not None and (slack := -at % boundary):
                parts.append(Field("", Filler(slack), bytes(slack)))
                at += slack
            part = self._part(entries[0], at, scope) if len(entries) == 1 else self._alternatives(entries, at, scope)
            parts.append(part)
            at = None if at is None or part.least != part.most else at + part.most
        _refuse_doubles(below, parts)
        return parts, at

    def _boundary(self, entry: Entry, above: Inherited) -> int:
        """The boundary that the first field of an entry needs: slack bytes go before the group that it begins."""
        own = inherited(entry, above)
        return self._boundary(entry.below[0], own) if entry.below else aligned(entry, own, self._settings)

    def _largest(self, entry: Entry, above: Inherited) -> int:
        """The largest boundary that anything in an entry needs."""
        own = inherited(entry, above)
        if not entry.below:
            return aligned(entry, own, self._settings)
        return max(self._largest(one, own) for one in entry.below)

    def _part(self, entry: Entry, at: int | None, scope: _Scope) -> Part:
        place = len(self.rows)
        self.rows.append(
            Row(
                scope.depth,
                entry.level,
                entry.name or "FILLER",
                at,
                0,
                described(entry, inherited(entry, scope.inherited)),
            )
        )
        table = self._item(entry, at, scope) if entry.occurs else None
        part = table or self._single(entry, at, scope)
        one = table.item.most if table else part.most
        self.rows[place] = replace(self.rows[place], length=one)
        return part

    def _single(self, entry: Entry, at: int | None, scope: _Scope) -> Field | Group:
        if not entry.below:
            return self._field(entry, scope)
        path = (*scope.path, entry.name) if entry.name else scope.path
        inside = self._within(entry, scope, path)
        parts, _ = self._parts(entry.below, at, inside)
        return Group(entry.name, parts)

    def _within(self, entry: Entry, scope: _Scope, path: Path) -> _Scope:
        own = inherited(entry, scope.inherited)
        return replace(scope, inherited=own, path=path, groups=(*scope.groups, entry.name), depth=scope.depth + 1)

    def _item(self, entry: Entry, at: int | None, scope: _Scope) -> Table:
        counter = self._counter(entry, scope) if entry.depending else None
        name = entry.name or ("FILLER" if entry.below else "")
        path = (*scope.path, name)
        item: Field | Group
        if entry.below:
            inside = replace(self._within(entry, scope, ()), tables=(*scope.tables, entry), counted=[])
            parts, end = self._parts(entry.below, at, inside)
            largest = self._largest(entry, scope.inherited)
            if largest > 1 and at is not None and end is not None and (slack := -(end - at) % largest):
                parts.append(Field("", Filler(slack), bytes(slack)))
            item = Group(name, parts, inside.counted)
        else:
            item = self._field(entry, replace(scope, tables=(*scope.tables, entry)))
        slides = self._settings.depending == "slide"
        table = Table(item, entry.low, entry.high, counter, slides, self._settings.initialize, self._charset.space)
        if counter is not None and self._home(counter).tables == scope.tables:
            scope.counted.append((counter, path))
        return table

    def _counter(self, entry: Entry, scope: _Scope) -> Field:
        assert entry.depending is not None  # noqa: S101 - asked by the caller
        return self._decisive(entry.depending, entry, scope, "DEPENDING ON")

    def _decisive(self, wanted: Depending, entry: Entry, scope: _Scope, why: str) -> Field:
        """The field before an entry that decides about it. Raises ConfigError."""
        found = [
            (home, one)
            for named, home, one in self._fields
            if named.name == wanted.name and _qualified(home.groups, wanted.groups)
        ]
        if len(found) != 1:
            how = "is not before it" if not found else "is there several times; add OF and its group"
            raise entry.word.wrong(f"{why} {wanted.name}: the field {how}")
        home, decisive = found[0]
        if scope.tables[: len(home.tables)] != home.tables:
            raise entry.word.wrong(f"{why} {wanted.name}: the field is in another table")
        decisive.decides = True
        return decisive

    def _home(self, wanted: Field) -> _Scope:
        return next(home for _, home, one in self._fields if one is wanted)

    def _field(self, entry: Entry, scope: _Scope) -> Field:
        own = inherited(entry, scope.inherited)
        made = coding(entry, own, self._settings, self._charset)
        value = initial(entry, made, self._charset)
        if not entry.name:
            try:
                filled = value if isinstance(value, bytes) else made.write(made.initial if value is ABSENT else value)
            except ValueError as error:
                raise entry.word.wrong(f"VALUE {error}") from None
            return Field("", Filler(made.length), filled)
        if value is ABSENT and self._settings.initialize:
            value = made.initial
        found = Field(entry.name, made, value)
        self._fields.append((entry, scope, found))
        return found

    def _alternatives(self, entries: Sequence[Entry], at: int | None, scope: _Scope) -> Alternatives:
        first = entries[0]
        chosen = self._settings.redefines.get(first.name, Redefined(default=first.name))
        self.redefined.add(first.name)
        by = None if chosen.by is None else self._decisive(_qualifier(chosen.by), first, scope, "redefines by")
        if by is None and chosen.default is None:
            raise first.word.wrong(f"redefines.{first.name}: give `by` and `when`, or the name of what is there")
        wanted = {name.upper() for name in (*chosen.when.values(), chosen.default) if name}
        named, most = self._named(entries, wanted, at, scope)
        when = {} if by is None else dict(_meant(chosen.when, named, by, first))
        default = named[chosen.default.upper()] if chosen.default else None
        return Alternatives(list(named.values()), by, when, default, self._charset.space, first.name, most)

    def _named(
        self, entries: Sequence[Entry], wanted: set[str], at: int | None, scope: _Scope
    ) -> tuple[dict[str, Part], int]:
        """The alternatives that may be there, by name, and the length of the longest of all."""
        named, most = {}, 0
        for entry in entries:
            known = len(self._fields)
            part = self._part(entry, at, scope)
            most = max(most, part.most)
            if part.least != part.most:
                raise entry.word.wrong("a table of varying length within what is redefined is not read")
            if entry.name in wanted:
                named[entry.name] = part
            else:
                del self._fields[known:]  # it is never there, so nothing can depend on it
        if unknown := wanted - named.keys():
            there = ", ".join(one.name for one in entries if one.name)
            raise entries[0].word.wrong(f"redefines.{entries[0].name}: {min(unknown)} is none of {there}")
        return named, most


def _places(below: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries of a group by place: each with those that redefine it. Raises ConfigError."""
    places: list[list[Entry]] = []
    for entry in below:
        if not entry.redefines:
            places.append([entry])
        elif places and any(entry.redefines == one.name for one in places[-1]):
            places[-1].append(entry)
        else:
            raise entry.word.wrong(
                f"{entry.name or 'FILLER'} redefines {entry.redefines}, which is not right before it"
            )
    yield from places


def _refuse_doubles(below: Sequence[Entry], parts: Sequence[Part]) -> None:
    names = [name for part in parts for name in part.names()]
    for name in names:
        if names.count(name) > 1:
            entry = next((one for one in reversed(below) if one.name == name), below[0])
            raise entry.word.wrong(f"two fields of one group are called {name}")


def _qualified(groups: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether all groups that are wanted stand above, the nearest first."""
    above = iter(reversed(groups))
    return all(name in above for name in wanted)


def _qualifier(spelled: str) -> Depending:
    name, *groups = spelled.upper().replace(" IN ", " OF ").split(" OF ")
    return Depending(name.strip(), [group.strip() for group in groups])


def _meant(
    when: Mapping[str, str], named: Mapping[str, Part], by: Field, entry: Entry
) -> Iterator[tuple[Any, Part]]:  # fmt: skip
    """Each value of the deciding field, as records show it, with what is there."""
    for value, name in when.items():
        try:
            yield by.coding.read(by.coding.write(value)), named[name.upper()]
        except ValueError as error:
            raise entry.word.wrong(f"redefines.{entry.name}: {value!r} is no value of {by.name}: it {error}") from None
