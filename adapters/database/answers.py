"""Where answers are written: columns of the row, a result table, a stored procedure; status and answer together.

Every write is fenced: it happens only for rows that are still open, and tells for which it did.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, false, insert, select, text, update

from adapters.database.bulk import RETURNING, add_rows, set_rows, unlocked
from adapters.database.claims import parts
from adapters.database.dialect import among
from adapters.database.engine import RowRefused
from adapters.database.find import Finder
from adapters.database.layout import Key
from gateway.contract import Payload

Answers = Mapping[Key, Payload]
"""By key: the columns that an answer sets."""


class Place:
    """Where the answers of one table go. Every method works in the transaction it is given."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._layout = finder.layout
        self._into = finder.layout.settings.answer
        self._status = finder.status
        self._singles: dict[tuple[str, ...], Update] = {}

    def write(self, connection: Connection, answers: Answers) -> set[Key]:
        """Writes the answers of rows that are still open; returns the keys of those.

        Raises RowRefused, or the driver's error, where a value does not fit."""
        if self._into.procedure:
            return self._called(connection, answers)
        result, written = self._layout.result, set[Key]()
        if result is not None and self._status:  # first, so that nothing is said of a row that cannot be marked
            open_ = self._mark(connection, list(answers), self._status.done)
            answers = {key: answer for key, answer in answers.items() if key in open_}
        for names, rows in self.grouped(answers).items():
            if result is None:
                written |= self._set(connection, names, rows)
            else:
                written |= self._resulted(connection, names, rows)
        return written

    def write_free(self, connection: Connection, key: Key, answer: Payload, free: ColumnElement[bool]) -> bool:
        """Writes one answer into its row, unless it is claimed, locked, or no longer waits; whether it was written."""
        if self._layout.dialect not in RETURNING:  # where a lock is passed over by a statement of its own
            [(names, [(_, values)])] = self.grouped({key: answer}).items()
            return key in self._set(connection, names, [(key, values)], [free])
        names, given = self.single(key, answer)
        if names not in self._singles:  # made once: making it costs more than running it
            self._singles[names] = self.write_one(names, [*self._finder.open(), free])
        return connection.execute(self._singles[names], given).rowcount == 1

    def single(self, key: Key, answer: Payload) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The columns that one row's answer sets, and the values that `write_one` is given."""
        [(names, [(_, values)])] = self.grouped({key: answer}).items()
        return names, _numbered("k", key) | _numbered("v", values)

    def write_one(self, names: Sequence[str], open_: Sequence[ColumnElement[bool]]) -> Update:
        """The statement that answers one row where the conditions hold and nobody has it locked."""
        layout = self._layout
        mine = [one == bindparam(f"k{at}", type_=one.type) for at, one in enumerate(layout.key)]
        bound = {name: bindparam(f"v{at}", type_=layout.source.c[name].type) for at, name in enumerate(names)}
        unlocked_ = unlocked(layout.key, and_(*mine, *self._finder.open()), layout.dialect)
        return update(layout.source).where(*mine, *open_, unlocked_).values(bound | self.beside())

    def busy(self, connection: Connection, keys: Collection[Key]) -> set[Key]:
        """Those of the rows that could be written but for somebody who has them locked: they are open, and were not."""
        return self._still(connection, keys, self._finder.open()) if self._status else set()

    def _still(
        self, connection: Connection, keys: Collection[Key], conditions: Sequence[ColumnElement[bool]]
    ) -> set[Key]:  # fmt: skip
        layout, there = self._layout, set[Key]()
        for part in parts(list(keys), layout.dialect):
            chosen = select(*layout.key).where(among(layout.key, part, layout.dialect), *conditions)
            there |= {layout.keyed(row) for row in connection.execute(chosen)}
        return there

    def fail(self, connection: Connection, keys: Sequence[Key]) -> set[Key]:
        """Writes the error status, where there is one; returns those that somebody has locked, which keep theirs."""
        if self._status is None or self._status.error is None:
            return set()
        return self.busy(connection, set(keys) - self._mark(connection, keys, [self._status.error]))

    def claim(self, connection: Connection, keys: Sequence[Key]) -> set[Key]:
        """Marks rows as ours by their status, where the batch is to skip them by that; returns which could be."""
        status = self._status
        if status is None or status.claimed is None:
            return set(keys)
        return self._restate(connection, keys, status.claimed, self._finder.ours())

    def release(self, connection: Connection, keys: Sequence[Key]) -> set[Key]:
        """Undoes `claim`; returns those that somebody has locked, which stay marked."""
        if self._status is None or self._status.claimed is None:
            return set()
        return self.busy(connection, set(keys) - self._mark(connection, keys, self._status.new))

    def reopen(self, connection: Connection, keys: Sequence[Key]) -> set[Key]:
        """Has rows with the error status wait again; returns those that somebody has locked, which keep it."""
        status = self._status
        if status is None or status.error is None:
            return set()
        failed = [self._layout.source.c[status.column] == status.error]
        return self._still(connection, set(keys) - self._restate(connection, keys, status.new[0], failed), failed)

    def _restate(
        self, connection: Connection, keys: Sequence[Key], value: str | int, conditions: Sequence[ColumnElement[bool]]
    ) -> set[Key]:  # fmt: skip
        """Gives rows this status where the conditions hold; returns which."""
        assert self._status is not None  # noqa: S101 - asked for only then
        layout, rows = self._layout, [(key, ()) for key in keys]
        beside = {self._status.column: value}
        return set_rows(connection, layout.dialect, layout.key, (), rows, beside, conditions, layout.keyed)

    def try_grants(self, connection: Connection) -> None:
        """Nothing if the row may be written, and the result table; no row is meant."""
        layout = self._layout
        if self._status or layout.result is None:
            column = layout.source.c[self._status.column] if self._status else layout.key[0]
            connection.execute(update(column.table).where(false()).values({column: column}))
        if layout.result is not None:
            nothing = select(*layout.result_key).where(false())
            connection.execute(insert(layout.result).from_select(layout.result_key, nothing))

    def _mark(self, connection: Connection, keys: Sequence[Key], values: Sequence[str | int]) -> set[Key]:
        """Gives open rows the first of these statuses; with none of them, nothing is written."""
        if not values or self._status is None:
            return set(keys)
        return self._restate(connection, keys, values[0], self._finder.open())

    def _set(
        self, connection: Connection, names: Sequence[str], rows: Sequence[tuple[Key, Sequence[Any]]],
        more: Sequence[ColumnElement[bool]] = (),
    ) -> set[Key]:  # fmt: skip
        layout, conditions = self._layout, [*self._finder.open(), *more]
        return set_rows(connection, layout.dialect, layout.key, names, rows, self.beside(), conditions, layout.keyed)

    def beside(self) -> dict[str, Any]:
        """What an answer in the row sets beside its own columns: constants, and the status."""
        status = self._status
        return dict(self._into.constants) | ({status.column: status.done[0]} if status and status.done else {})

    def _resulted(
        self, connection: Connection, names: Sequence[str], rows: Sequence[tuple[Key, Sequence[Any]]]
    ) -> set[Key]:  # fmt: skip
        layout = self._layout
        return add_rows(connection, layout.dialect, layout.result_key, names, rows, self._into.constants, layout.keyed)

    def grouped(self, answers: Answers) -> Mapping[tuple[str, ...], list[tuple[Key, Sequence[Any]]]]:
        """The rows by which columns they set: an answer and a refusal set other ones. Raises RowRefused."""
        writers, groups = self._layout.writers, dict[tuple[str, ...], list[tuple[Key, Sequence[Any]]]]()
        for key, answer in answers.items():
            names = tuple(answer)
            if (group := groups.get(names)) is None:
                if alien := [name for name in names if name not in writers]:
                    raise RowRefused(f"{self._layout.target.fullname} has no column {', '.join(alien)}")
                group = groups[names] = []
            group.append((key, [writers[name](value) for name, value in answer.items()]))
        return groups

    def _called(self, connection: Connection, answers: Answers) -> set[Key]:
        """Calls the procedure once a row; where the status is ours to write, only for rows that it could be written."""
        open_ = self._mark(connection, list(answers), self._status.done if self._status else ())
        statement = text(call(connection.dialect, str(self._into.procedure), len(self._into.arguments)))
        for key, answer in answers.items():
            if key in open_:
                known = dict(zip((one.name for one in self._layout.key), key, strict=True)) | dict(answer)
                given = [known.get(name) for name in self._into.arguments]
                connection.execute(statement, {f"a{at}": value for at, value in enumerate(given)})
        return open_


def _numbered(letter: str, values: Sequence[Any]) -> dict[str, Any]:
    return {f"{letter}{at}": value for at, value in enumerate(values)}


def call(dialect: Any, procedure: str, arguments: int) -> str:
    """The statement that calls a procedure with `:a0`, `:a1` and so on; its name quoted."""
    quoted = ".".join(dialect.identifier_preparer.quote(part) for part in procedure.split("."))
    given = ", ".join(f":a{at}" for at in range(arguments))
    if dialect.name == "mssql":
        return f"EXEC {quoted} {given}"
    if dialect.name == "oracle":
        return f"BEGIN {quoted}({given}); END;"
    return f"CALL {quoted}({given})"
