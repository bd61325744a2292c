"""The statements for databases that cannot be had here, compiled by their dialects, and what one would drop."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from sqlalchemy import (
    URL,
    Column,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from adapters.database import ddl, dialect
from adapters.database.answers import call
from adapters.database.bulk import bulk
from adapters.database.config import TableSettings
from adapters.database.find import Finder
from adapters.database.layout import Layout
from adapters.database.row_columns import RowColumns
from adapters.database.side import SideTable, side_table
from gateway.contract import ConfigError

FOREIGN = ["mssql", "oracle", "db2"]
NAMES = ["postgresql", "mysql", "sqlite", *FOREIGN]
every = pytest.mark.parametrize("name", NAMES)
foreign = pytest.mark.parametrize("name", FOREIGN)


@cache
def dialect_of(name: str) -> Dialect:
    """What compiles the statements of a database, without its driver."""
    made: Dialect = URL.create({"db2": "db2+ibm_db"}.get(name, name)).get_dialect()()
    return made


def layout(name: str, **more: Any) -> Layout:
    metadata = MetaData()
    loans = Table(
        "loans", metadata, Column("branch", String(4), primary_key=True), Column("no", Integer, primary_key=True),
        Column("state", String(8)), Column("amount", Numeric(10, 2)), Column("at", DateTime), Column("tok", String(32)),
        Column("til", Integer), Column("att", Integer), schema="bank",
    )  # fmt: skip
    find = {"status": {"column": "state", "new": ["NEW"], "done": ["DONE"]}}
    settings = TableSettings.model_validate({"table": "bank.loans", "find": find, **more})
    key = [loans.c.branch, loans.c.no]
    steps = [lambda value: value] * 2
    return Layout("here", settings, loans, key, key, list(loans.c), [], None, [], dict, dict, {}, name, steps)


def sql(statement: Any, name: str) -> str:
    return " ".join(str(statement.compile(dialect=dialect_of(name))).split())


@foreign
def test_a_page_of_free_rows_goes_on_behind_a_position(name: str) -> None:
    one = layout(name)
    finder, side = Finder(one), SideTable(one, side_table(one, MetaData()))
    text = sql(finder.page([*finder.ours(), side.free()], 10, ("N1", 5)), name)
    assert "NOT (EXISTS (SELECT" in text and "understudy_loans" in text
    assert "bank.loans.branch > " in text and "ORDER BY bank.loans.branch, bank.loans.no" in text.replace('"', "")
    assert {"mssql": "SYSUTCDATETIME()", "oracle": "SYSTIMESTAMP", "db2": "CURRENT TIMESTAMP"}[name] in text, (
        "by the database's clock"
    )
    assert {"mssql": "TOP", "oracle": "FETCH FIRST", "db2": "LIMIT"}[name] in text


@every
def test_rows_that_somebody_has_locked_are_passed_over(name: str) -> None:
    names = {"token": "tok", "until": "til", "attempts": "att"}
    claims = RowColumns(layout(name, claim={"columns": names}), dialect_of(name))
    text = sql(claims._chosen([("N1", 5)]), name)
    marks = {"mssql": "WITH (UPDLOCK, READPAST, ROWLOCK)", "sqlite": "SELECT"}
    assert marks.get(name, "SKIP LOCKED") in text


def test_a_dialect_that_would_drop_the_lock_is_refused() -> None:
    class Other(sqlite.dialect.__mro__[0]):  # type: ignore[misc,name-defined]  # a dialect that nobody has heard of
        name = "other"

    chosen = dialect.skipping(select(layout("sqlite").source), layout("sqlite").source, "other")
    with pytest.raises(ConfigError, match="say `lock: token`"):
        dialect.check_lock(chosen, Other(), "here")
    plain = select(layout("mssql").source).with_for_update(skip_locked=True)
    with pytest.raises(ConfigError, match="mssql drops"):
        dialect.check_lock(plain, dialect_of("mssql"), "here")


@foreign
def test_a_claim_is_inserted_taken_over_and_renewed(name: str) -> None:
    one = layout(name)
    side = SideTable(one, side_table(one, MetaData()))
    again = update(side.table).where(side._lapsed()).values(us_attempts=side.table.c.us_attempts + 1)
    assert "us_state IN" in sql(again, name) and "us_lease < " in sql(again, name)
    assert "INSERT INTO bank.understudy_loans" in sql(insert(side.table), name)
    assert bulk(name, [("no", Integer())]) is None, "there answers go as one statement many times"


@every
def test_the_ddl_names_the_key_and_quotes(name: str) -> None:
    one = layout(name)
    made = ddl.side(one, dialect_of(name), "gate way")
    assert "CREATE TABLE bank.understudy_loans" in made[0] and "PRIMARY KEY (branch, no)" in made[0].replace('"', "")
    assert made[1].endswith("(us_state, us_lease)")
    if name != "sqlite":
        assert made[2].rpartition(" TO ")[2] in ('"gate way"', "`gate way`", "[gate way]")
    assert "NOT EXISTS" in ddl.view(one, dialect_of(name))


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("postgresql", 'CALL bank."Set Answer"(:a0, :a1)'),
        ("mysql", "CALL bank.`Set Answer`(:a0, :a1)"),
        ("mssql", "EXEC bank.[Set Answer] :a0, :a1"),
        ("oracle", 'BEGIN bank."Set Answer"(:a0, :a1); END;'),
        ("db2", 'CALL bank."Set Answer"(:a0, :a1)'),
    ],
)
def test_a_procedure_is_called_in_each_dialects_words(name: str, spelled: str) -> None:
    assert call(dialect_of(name), "bank.Set Answer", 2) == spelled


@foreign
def test_composite_keys_are_compared_part_by_part(name: str) -> None:
    key: Sequence[Any] = layout(name).key
    text = sql(select(*key).where(and_(dialect.among(key, [("N1", 1), ("N2", 2)], name))), name)
    assert text.count(" OR ") == 1 and text.count(" AND ") == 2
