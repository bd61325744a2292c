"""A legacy database of the tests: loan applications with a status, a batch that answers them, a result table."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CHAR,
    Column,
    Engine,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    insert,
    select,
    update,
)

from adapters.database.config import DatabaseSettings
from adapters.database.layout import reflect
from adapters.database.side import ddl, side_table

metadata = MetaData()
loans = Table(
    "loans",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("branch", CHAR(8), nullable=False),
    Column("amount", Numeric(12, 2)),
    Column("state", String(10), nullable=False),
    Column("decision", String(1)),
    Column("score", Numeric(7, 1)),
    Column("fault", String(20)),
    Column("note", String(40)),
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("loan", Integer, primary_key=True, autoincrement=False),
    Column("decision", String(1), nullable=False),
    Column("score", Numeric(7, 1)),
    Column("source", String(10)),
)


class Legacy:
    """One such database, and what its application and its batch do there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = create_engine(url)
        metadata.create_all(self.engine)

    def apply(self, ids: Sequence[int], state: str = "NEW", **values: Any) -> None:
        """Inserts applications: those with an odd hundred want much."""
        rows = [{"id": n, "branch": f"B{n % 7}", "amount": Decimal(100 * (n % 20)) + Decimal("0.25"), "state": state,
                 **values} for n in ids]  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(insert(loans), rows)

    def batch(self, state: str = "NEW") -> int:
        """The nightly job: answers what is in this state; returns how many rows."""
        with self.engine.begin() as connection:
            rows = connection.execute(select(loans.c.id, loans.c.amount).where(loans.c.state == state)).all()
            for id, amount in rows:
                decision, score = ("A", 1000 - amount / 2) if amount < 1000 else ("R", 1000 - amount / 2)
                values = {"decision": decision, "score": score, "state": "DONE", "note": "batch"}
                connection.execute(update(loans).where(loans.c.id == id).values(values))
        return len(rows)

    def claims(self, settings: DatabaseSettings, operation: str = "Score") -> None:
        """Makes the side table, as the operator does with what `understudy init` prints."""
        layout = reflect(operation, settings.tables[operation], self.engine, settings.timezone)
        with self.engine.begin() as connection:
            for statement in ddl(side_table(layout, MetaData()), self.engine.dialect):
                connection.exec_driver_sql(statement)

    def rows(self, table: Table = loans) -> Sequence[Mapping[str, Any]]:
        """All rows of a table, by key."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key))]

    def side(self, name: str = "understudy_loans") -> Sequence[Mapping[str, Any]]:
        """All claims."""
        with self.engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1")  # noqa: S608 - a test's own name
            return [dict(row._mapping) for row in found]

    def states(self) -> Mapping[str, int]:
        """How many applications are in which state."""
        counts: dict[str, int] = {}
        for row in self.rows():
            counts[row["state"]] = counts.get(row["state"], 0) + 1
        return counts

    def close(self) -> None:
        """Lets go of the connections."""
        self.engine.dispose()
