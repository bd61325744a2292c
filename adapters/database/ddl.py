"""The statements that an operator runs once in the legacy database: printed, never run by us."""

from collections.abc import Sequence

from sqlalchemy import Dialect, MetaData

from adapters.database.claims import RUN, WAIT
from adapters.database.config import ClaimColumns
from adapters.database.dialect import name_of
from adapters.database.layout import Layout
from adapters.database.side import ddl, side_table


def side(layout: Layout, dialect: Dialect, user: str) -> Sequence[str]:
    """The side table, its index, and what the gateway's user must be granted."""
    table = side_table(layout, MetaData())
    quote = dialect.identifier_preparer
    grants = [f"GRANT SELECT, INSERT, UPDATE, DELETE ON {quote.format_table(table)} TO {quote.quote(user)}"]
    return [*ddl(table, dialect), *(grants if user and name_of(dialect) != "sqlite" else [])]


def columns(layout: Layout, dialect: Dialect, names: ClaimColumns) -> Sequence[str]:
    """Instead: the columns of the row that hold a claim."""
    quote = dialect.identifier_preparer
    table = quote.format_table(layout.source)
    word = "ADD" if name_of(dialect) in ("mssql", "oracle") else "ADD COLUMN"
    kinds = {names.token: "VARCHAR(32)", names.until: "BIGINT", names.attempts: "INTEGER"}
    big = "NUMBER(19)" if name_of(dialect) == "oracle" else "BIGINT"
    return [
        f"ALTER TABLE {table} {word} {quote.quote(name)} {big if kind == 'BIGINT' else kind}"
        for name, kind in kinds.items()
    ]


def view(layout: Layout, dialect: Dialect) -> str:
    """A view of the rows that are free for the batch, for `coexists: view`."""
    quote = dialect.identifier_preparer
    table = side_table(layout, MetaData())
    same = " AND ".join(f"c.{quote.quote(one.name)} = s.{quote.quote(one.name)}" for one in layout.key)
    ours = f"c.us_state IN ('{RUN}', '{WAIT}')"
    where = f"NOT EXISTS (SELECT 1 FROM {quote.format_table(table)} c WHERE {same} AND {ours})"  # noqa: S608  # names are quoted
    free = f"SELECT s.* FROM {quote.format_table(layout.source)} s WHERE {where}"  # noqa: S608  # names are quoted
    return f"CREATE VIEW {quote.quote(f'understudy_free_{layout.source.name}')} AS {free}"


def notify(layout: Layout, dialect: Dialect, channel: str) -> Sequence[str]:
    """PostgreSQL: the trigger that tells of new rows, for `poll.listen`."""
    quote = dialect.identifier_preparer
    table, name = quote.format_table(layout.source), quote.quote(f"understudy_notify_{layout.source.name}")
    body = f"BEGIN PERFORM pg_notify('{channel}', ''); RETURN NULL; END"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
        f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    ]
