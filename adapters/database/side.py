"""The side table: claims beside the legacy table, which is neither altered nor locked."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    delete,
    exc,
    exists,
    insert,
    literal,
    literal_column,
    select,
    types,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.dml import ReturningInsert

from adapters.database.bulk import RECORDS, Rows, bulk, packed, set_rows
from adapters.database.claims import DONE, LEFT, REASON, RUN, WAIT, Mark, held, parts
from adapters.database.dialect import among, later, now
from adapters.database.layout import Key, Layout, column_of, side_name

Token = str | ColumnElement[str]
"""A token, or the parameter of a statement that is given one."""


def side_table(layout: Layout, metadata: MetaData) -> Table:
    """The side table that belongs to a source: its key, and our claim on it."""
    schema, name = side_name(layout.settings)
    own = [Column(column.name, _key_type(column.type, layout.dialect), primary_key=True, autoincrement=False)
           for column in layout.key]  # fmt: skip
    return Table(
        name,
        metadata,
        *own,
        Column("us_token", String(32), nullable=False),
        Column("us_lease", BigInteger, nullable=False),
        Column("us_attempts", Integer, nullable=False),
        Column("us_state", String(8), nullable=False),
        Column("us_error", String(REASON)),
        Column("us_answer", String(32)),
        Column("us_since", BigInteger, nullable=False),
        schema=schema,
    )


def _key_type(kind: types.TypeEngine[Any], dialect: str) -> types.TypeEngine[Any]:
    if isinstance(kind, types.NullType):
        return types.Numeric() if dialect == "sqlite" else kind
    return kind


def ddl(table: Table, dialect: Dialect) -> Sequence[str]:
    """The statements that make the side table."""
    quote = dialect.identifier_preparer.format_table(table)
    index = dialect.identifier_preparer.quote(f"{table.name}_state"[:60])
    made = str(CreateTable(table).compile(dialect=dialect)).strip()
    return [made, f"CREATE INDEX {index} ON {quote} (us_state, us_lease)"]


def check_side(layout: Layout, table: Table) -> None:
    """Nothing if a reflected side table has all that is needed. Raises Missing."""
    for name in side_table(layout, MetaData()).c.keys():  # noqa: SIM118  # of columns `in` asks for an object
        column_of(table, name, f"{layout.where}.claim.table")


class SideTable:
    """Claims in a table of ours beside the legacy one, which is neither altered nor locked."""

    def __init__(self, layout: Layout, table: Table) -> None:
        self.table = table
        self._layout = layout
        self._lease = layout.settings.claim.lease
        self.key = [table.c[column.name] for column in layout.key]
        self._dialect = layout.dialect
        self._given = bulk(layout.dialect, [(column.name, column.type) for column in layout.key])

    def free(self) -> ColumnElement[bool]:
        """Nobody has a claim on it that counts: `lapsed` says when one no longer does."""
        return self._without(~self._lapsed())

    def lapsed(self) -> ColumnElement[bool]:
        """Its row in the side table, joined, is a claim that no longer counts, without an answer."""
        return and_(self._same(), self._lapsed())

    def untouched(self) -> ColumnElement[bool]:
        """No row of ours has its key."""
        return self._without()

    def _without(self, *claims: ColumnElement[bool]) -> ColumnElement[bool]:
        return ~exists(select(literal_column("1")).select_from(self.table).where(self._same(), *claims))

    def _same(self) -> ColumnElement[bool]:
        return and_(*(mine == theirs for mine, theirs in zip(self.key, self._layout.key, strict=True)))

    def _lapsed(self) -> ColumnElement[bool]:
        return self.table.c.us_state.in_((RUN, WAIT, LEFT)) & (self.table.c.us_lease < now(self._dialect))

    def take(self, connection: Connection, keys: Sequence[Key], token: str) -> Mapping[Key, int]:
        """Claims those of the rows that are free."""
        keys = sorted(keys, key=repr)  # in one order, so that two pollers never wait for each other in a circle
        until = later(self._dialect, self._lease)
        if self._given is not None and self._dialect in _UPSERT:
            statement = self.upsert([self._given.c[column.name] for column in self.key], token)
            found = connection.execute(statement, {RECORDS: packed(keys)})
            return {self._layout.keyed(row[:-1]): row[-1] for row in found}
        self._insert(connection, keys, token, until)
        return self._collect(connection, keys, token, until)

    def upsert(self, keys: Sequence[ColumnElement[Any]], token: Token) -> ReturningInsert[Any]:
        """The statement that claims those of the keys, columns of some other table, that are free; gives each with its
        attempts. For databases that have such a statement."""
        until = later(self._dialect, self._lease)
        fresh = self._fresh(token, until)
        names = [column.name for column in self.key]
        # SQLite cannot tell ON CONFLICT from a join's ON without a WHERE.
        rows = select(*keys, *fresh.values()).where(literal(1) == 1)
        again = _UPSERT[self._dialect](self.table).from_select([*names, *fresh], rows).on_conflict_do_update(
            index_elements=self.key,
            set_={"us_token": token, "us_lease": until, "us_state": RUN, "us_attempts": self.table.c.us_attempts + 1},
            where=self._lapsed(),
        )  # fmt: skip
        statement: ReturningInsert[Any] = again.returning(*self.key, self.table.c.us_attempts)
        return statement

    def _fresh(self, token: Token, until: ColumnElement[int]) -> dict[str, ColumnElement[Any]]:
        given = literal(token) if isinstance(token, str) else token
        return {
            "us_token": given, "us_lease": until, "us_attempts": literal(1), "us_state": literal(RUN),
            "us_since": now(self._dialect),
        }  # fmt: skip

    def _insert(self, connection: Connection, keys: Sequence[Key], token: str, until: ColumnElement[int]) -> None:
        """Claims the rows that have no claim yet. Where another poller is quicker, one by one."""
        try:
            with connection.begin_nested():
                self._insert_new(connection, keys, token, until)
        except exc.IntegrityError:
            for key in keys if len(keys) > 1 else ():
                self._insert(connection, [key], token, until)

    def _insert_new(self, connection: Connection, keys: Sequence[Key], token: str, until: ColumnElement[int]) -> None:
        known = {
            self._layout.keyed(row)
            for part in parts(keys, self._dialect)
            for row in connection.execute(select(*self.key).where(among(self.key, part, self._dialect)))
        }
        new = [key for key in keys if key not in known]
        names = [column.name for column in self.key]
        if not new:
            return
        if self._given is not None:  # MySQL's
            fresh = self._fresh(token, until)
            rows = select(*(self._given.c[name] for name in names), *fresh.values())
            statement = insert(self.table).prefix_with("IGNORE").from_select([*names, *fresh], rows)
            connection.execute(statement, {RECORDS: packed(new)})
            return
        values = {"us_token": token, "us_lease": until, "us_attempts": 1, "us_state": RUN,
                  "us_since": now(self._dialect)}  # fmt: skip
        statement = insert(self.table).values({name: bindparam(f"k{at}") for at, name in enumerate(names)} | values)
        connection.execute(statement, [{f"k{at}": value for at, value in enumerate(key)} for key in new])

    def _collect(
        self, connection: Connection, keys: Sequence[Key], token: str, until: ColumnElement[int]
    ) -> Mapping[Key, int]:
        """Takes over the claims that have lapsed, and tells all that are now this token's."""
        attempts = self.table.c.us_attempts
        for part in parts(keys, self._dialect):
            mine = among(self.key, part, self._dialect) & self._lapsed()
            connection.execute(
                update(self.table).where(mine).values(
                    us_token=token, us_lease=until, us_state=RUN, us_attempts=attempts + 1
                )
            )  # fmt: skip
        found = connection.execute(select(*self.key, attempts).where(self._mine(token)))
        return {self._layout.keyed(row[:-1]): row[-1] for row in found}

    def _mine(self, token: str) -> ColumnElement[bool]:
        return (self.table.c.us_token == token) & (self.table.c.us_state == RUN)

    def held(self, connection: Connection, token: str) -> set[Key]:
        """The rows that are still this token's, locked in our own table."""
        return held(connection, self._layout, self.key, self._mine(token), self.table.c.us_token)

    def renew(self, connection: Connection, token: str) -> int:
        """Begins the lease anew."""
        until = later(self._dialect, self._lease)
        return connection.execute(update(self.table).where(self._mine(token)).values(us_lease=until)).rowcount

    def finish(self, connection: Connection, token: str, answers: Mapping[Key, Mark], due: float | None) -> None:
        """Removes the claims, or remembers them as answered."""
        if due is None:
            self.forget(connection, token, answers)
            return
        done = {"us_state": DONE, "us_lease": later(self._dialect, due), "us_since": now(self._dialect)}
        self._set(connection, token, ["us_answer", "us_error"], list(answers.items()), done)

    def put_back(self, connection: Connection, token: str, errors: Mapping[Key, str], state: str, delay: float) -> None:
        """Keeps the attempts and why."""
        values = {"us_state": state, "us_lease": later(self._dialect, delay)}
        rows = [(key, [error[:REASON]]) for key, error in errors.items()]
        self._set(connection, token, ["us_error"], rows, values)

    def _set(
        self, connection: Connection, token: str, names: Sequence[str], rows: Rows, values: Mapping[str, Any]
    ) -> None:
        mine = [self._mine(token)]
        set_rows(connection, self._dialect, self.key, names, rows, values, mine, self._layout.keyed)

    def postpone(self, connection: Connection, token: str, keys: Collection[Key], delay: float) -> None:
        """Takes the attempt back, too."""
        values = {"us_state": WAIT, "us_lease": later(self._dialect, delay),
                  "us_attempts": self.table.c.us_attempts - 1}  # fmt: skip
        for part in parts(list(keys), self._dialect):
            mine = self._mine(token) & among(self.key, part, self._dialect)
            connection.execute(update(self.table).where(mine).values(values))

    def forget(self, connection: Connection, token: str, keys: Collection[Key]) -> None:
        """Removes the claims."""
        for part in parts(list(keys), self._dialect):
            mine = self._mine(token) & among(self.key, part, self._dialect)
            connection.execute(delete(self.table).where(mine))


_UPSERT: Mapping[str, Any] = {"postgresql": postgresql_insert, "sqlite": sqlite_insert}
