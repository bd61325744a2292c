"""Claims: who works on a row, until when, by which token; kept in a side table of ours or in the row itself.

A claim is a lease on the database's clock and never a lock that is held: while the model works, the legacy application
can do with its rows what it likes. Whoever wakes after its lease finds another token and changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

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
    func,
    insert,
    literal,
    or_,
    select,
    types,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.schema import CreateTable

from adapters.database import dialect as dialects
from adapters.database.bulk import RECORDS, Rows, bulk, packed, set_rows
from adapters.database.dialect import among, name_of, now, skipping
from adapters.database.layout import Key, Layout, column_of, side_name

RUN, WAIT, LEFT, DONE, ERROR = "run", "wait", "left", "done", "error"
"""A claim's states: somebody works on it; tried again later; given back to the batch; answered; given up."""
PERMANENT = 10 * 365 * 86400.0
"""Seconds of what lasts until somebody undoes it."""
Mark = tuple[str, str]
REASON = 200
"""Characters of an error that are kept."""


class Claims(Protocol):
    """One way to keep claims. Every method works in the transaction it is given."""

    def free(self) -> ColumnElement[bool]:
        """Whether a row of the source may be claimed now."""

    def take(self, connection: Connection, keys: Sequence[Key], token: str) -> Mapping[Key, int]:
        """Claims those of the rows that are free; returns how often each has been tried, this time included."""

    def held(self, connection: Connection, token: str) -> set[Key]:
        """The rows that are still this token's; nobody else can take them before the transaction ends."""

    def renew(self, connection: Connection, token: str) -> int:
        """Begins the lease anew; returns for how many rows."""

    def finish(self, connection: Connection, token: str, answers: Mapping[Key, Mark], due: float | None) -> None:
        """Ends the claims of answered rows. With `due` they are remembered, each with a digest of its answer and the
        columns it is of, and looked at again in so many seconds."""

    def put_back(self, connection: Connection, token: str, errors: Mapping[Key, str], state: str, delay: float) -> None:
        """Ends the claims of rows without an answer: `wait` for `delay` seconds, `left` for so long, or `error`."""

    def forget(self, connection: Connection, token: str, keys: Collection[Key]) -> None:
        """Takes back claims as if they had never been."""


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
        ours = and_(*(mine == theirs for mine, theirs in zip(self.key, self._layout.key, strict=True)))
        return ~exists(select(literal(1)).select_from(self.table).where(ours, ~self._lapsed()))

    def _lapsed(self) -> ColumnElement[bool]:
        return self.table.c.us_state.in_((RUN, WAIT, LEFT)) & (self.table.c.us_lease < now(self._dialect))

    def take(self, connection: Connection, keys: Sequence[Key], token: str) -> Mapping[Key, int]:
        """Claims those of the rows that are free."""
        keys = sorted(keys, key=repr)  # in one order, so that two pollers never wait for each other in a circle
        until = now(self._dialect) + int(self._lease * 1000)
        if self._given is not None and self._dialect in _UPSERT:
            return self._upsert(connection, keys, token, until)
        self._insert(connection, keys, token, until)
        return self._collect(connection, keys, token, until)

    def _upsert(
        self, connection: Connection, keys: Sequence[Key], token: str, until: ColumnElement[int]
    ) -> Mapping[Key, int]:
        assert self._given is not None  # noqa: S101 - asked by take()
        names = [column.name for column in self.key]
        fresh = self._fresh(token, until)
        rows = select(*(self._given.c[name] for name in names), *fresh.values())
        # SQLite cannot tell ON CONFLICT from a join's ON without a WHERE.
        statement = _UPSERT[self._dialect](self.table).from_select([*names, *fresh], rows.where(literal(1) == 1))
        again = statement.on_conflict_do_update(
            index_elements=self.key,
            set_={"us_token": token, "us_lease": until, "us_state": RUN, "us_attempts": self.table.c.us_attempts + 1},
            where=self._lapsed(),
        )
        found = connection.execute(again.returning(*self.key, self.table.c.us_attempts), {RECORDS: packed(keys)})
        return {self._layout.keyed(row[:-1]): row[-1] for row in found}

    def _fresh(self, token: str, until: ColumnElement[int]) -> dict[str, ColumnElement[Any]]:
        return {
            "us_token": literal(token), "us_lease": until, "us_attempts": literal(1), "us_state": literal(RUN),
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
            for part in _parts(keys, self._dialect)
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
        for part in _parts(keys, self._dialect):
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
        return _held(connection, self._layout, self.key, self._mine(token), self.table.c.us_token)

    def renew(self, connection: Connection, token: str) -> int:
        """Begins the lease anew."""
        until = now(self._dialect) + int(self._lease * 1000)
        return connection.execute(update(self.table).where(self._mine(token)).values(us_lease=until)).rowcount

    def finish(self, connection: Connection, token: str, answers: Mapping[Key, Mark], due: float | None) -> None:
        """Removes the claims, or remembers them as answered."""
        if due is None:
            self.forget(connection, token, answers)
            return
        done = {"us_state": DONE, "us_lease": now(self._dialect) + int(due * 1000), "us_since": now(self._dialect)}
        self._set(connection, token, ["us_answer", "us_error"], list(answers.items()), done)

    def put_back(self, connection: Connection, token: str, errors: Mapping[Key, str], state: str, delay: float) -> None:
        """Keeps the attempts and why."""
        values = {"us_state": state, "us_lease": now(self._dialect) + int(delay * 1000)}
        rows = [(key, [error[:REASON]]) for key, error in errors.items()]
        self._set(connection, token, ["us_error"], rows, values)

    def _set(
        self, connection: Connection, token: str, names: Sequence[str], rows: Rows, values: Mapping[str, Any]
    ) -> None:
        mine = [self._mine(token)]
        set_rows(connection, self._dialect, self.key, names, rows, values, mine, self._layout.keyed)

    def forget(self, connection: Connection, token: str, keys: Collection[Key]) -> None:
        """Removes the claims."""
        for part in _parts(list(keys), self._dialect):
            mine = self._mine(token) & among(self.key, part, self._dialect)
            connection.execute(delete(self.table).where(mine))


_UPSERT: Mapping[str, Any] = {"postgresql": postgresql_insert, "sqlite": sqlite_insert}


class RowColumns:
    """Claims in columns of the row itself, for tables that may be altered."""

    def __init__(self, layout: Layout, dialect: Dialect) -> None:
        """Raises ConfigError where the dialect would drop the clause that keeps two pollers apart."""
        claim = layout.settings.claim
        assert claim.columns is not None  # noqa: S101 - chosen for that
        self._layout = layout
        self._table, self._key, self._dialect = layout.source, layout.key, name_of(dialect)
        self._token = layout.column(claim.columns.token, "claim.columns.token")
        self._until = layout.column(claim.columns.until, "claim.columns.until")
        self._attempts = layout.column(claim.columns.attempts, "claim.columns.attempts")
        self._lease = claim.lease
        self._skips = claim.lock != "token"
        if self._skips:
            dialects.check_lock(self._chosen([(1,) * len(self._key)]), dialect, f"{layout.where}.claim")

    def free(self) -> ColumnElement[bool]:
        """Nobody has claimed it, or the lease has ended."""
        return or_(self._until.is_(None), self._until < now(self._dialect))

    def _chosen(self, keys: Sequence[Key]) -> Any:
        chosen = select(*self._key).where(among(self._key, keys, self._dialect), self.free())
        return skipping(chosen, self._table, self._dialect) if self._skips else chosen

    def take(self, connection: Connection, keys: Sequence[Key], token: str) -> Mapping[Key, int]:
        """Claims those of the rows that are free, passing over what somebody has locked."""
        values = {
            self._token: token, self._until: now(self._dialect) + int(self._lease * 1000),
            self._attempts: func.coalesce(self._attempts, 0) + 1,
        }  # fmt: skip
        for part in _parts(sorted(keys, key=repr), self._dialect):
            if found := [tuple(row) for row in connection.execute(self._chosen(part))]:
                free = among(self._key, found, self._dialect) & self.free()
                connection.execute(update(self._table).where(free).values(values))
        rows = connection.execute(select(*self._key, self._attempts).where(self._token == token))
        return {self._layout.keyed(row[:-1]): row[-1] for row in rows}

    def held(self, connection: Connection, token: str) -> set[Key]:
        """The rows that are still this token's, locked for the moment of the answer."""
        return _held(connection, self._layout, self._key, self._token == token, self._token)

    def renew(self, connection: Connection, token: str) -> int:
        """Begins the lease anew."""
        until = {self._until: now(self._dialect) + int(self._lease * 1000)}
        return connection.execute(update(self._table).where(self._token == token).values(until)).rowcount

    def finish(self, connection: Connection, token: str, answers: Mapping[Key, Mark], due: float | None) -> None:
        """Clears the token; an answered row is found no more by what it says itself."""
        self._clear(connection, token, list(answers), None)

    def put_back(self, connection: Connection, token: str, errors: Mapping[Key, str], state: str, delay: float) -> None:
        """Keeps the attempts; one that is given up or left is found no more."""
        self._clear(connection, token, list(errors), delay if state == WAIT else PERMANENT)

    def forget(self, connection: Connection, token: str, keys: Collection[Key]) -> None:
        """Clears the claim and takes the attempt back."""
        for part in _parts(list(keys), self._dialect):
            mine = (self._token == token) & among(self._key, part, self._dialect)
            values = {self._token: None, self._until: None, self._attempts: self._attempts - 1}
            connection.execute(update(self._table).where(mine).values(values))

    def _clear(self, connection: Connection, token: str, keys: Sequence[Key], delay: float | None) -> None:
        until = None if delay is None else now(self._dialect) + int(delay * 1000)
        for part in _parts(keys, self._dialect):
            mine = (self._token == token) & among(self._key, part, self._dialect)
            connection.execute(update(self._table).where(mine).values({self._token: None, self._until: until}))


def _held(
    connection: Connection, layout: Layout, key: Sequence[Column[Any]], mine: ColumnElement[bool], token: Column[Any]
) -> set[Key]:
    """The rows of a token, locked until the transaction ends; where there is no such clause, by writing them."""
    chosen = select(*key).where(mine)
    if layout.dialect in ("postgresql", "mysql", "mariadb", "oracle"):
        chosen = chosen.with_for_update()
    elif layout.dialect != "sqlite":  # which has one writer at a time
        connection.execute(update(token.table).where(mine).values({token: token}))
    return {layout.keyed(row) for row in connection.execute(chosen)}


def _parts(keys: Sequence[Key], dialect: str) -> Sequence[Sequence[Key]]:
    size = dialects.chunk(dialect, len(keys[0]) if keys else 1)
    return [keys[at : at + size] for at in range(0, len(keys), size)]
