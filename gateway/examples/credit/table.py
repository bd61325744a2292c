"""The bank's table of applications in SQLite, and the old batch that scores what waits there.

The batch reads through a view without the rows that the gateway has claimed: `batch: {coexists: view}`."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from adapters.database import ddl
from adapters.database.config import TableSettings
from adapters.database.layout import reflect
from gateway.examples.credit.scorecard import InvalidApplication, judge

FILE = "loans.db"
TEXTS = ("Checking", "History", "Purpose", "Savings", "Employment", "OtherDebtors", "Property", "OtherPlans", "Housing",
         "Job", "Telephone")  # fmt: skip
NUMBERS = ("DurationMonths", "InstallmentRate", "ResidenceSince", "Age", "ExistingCredits", "Dependents")
INPUTS = ("Id", "ReceivedOn", "Amount", *TEXTS, *NUMBERS)
MADE = f"""
CREATE TABLE applications (
    No INTEGER PRIMARY KEY, State TEXT NOT NULL, Id TEXT NOT NULL, ReceivedOn DATE NOT NULL, Amount NUMERIC(12, 2),
    {", ".join(f"{name} TEXT" for name in TEXTS)}, {", ".join(f"{name} INTEGER" for name in NUMBERS)},
    Decision TEXT, Score NUMERIC(7, 1), Fault TEXT, AnsweredBy TEXT);
CREATE INDEX applications_state ON applications (State, No);
"""


def create(file: Path) -> None:
    """Makes the table, and what the operator of a gateway adds: the side table, and the view for the batch."""
    with closing(sqlite3.connect(file)) as bank:
        bank.executescript("PRAGMA journal_mode = WAL;" + MADE)
    settings = TableSettings.model_validate(
        {"table": "applications", "find": {"status": {"column": "State", "new": ["NEW"], "done": ["DONE"]}}}
    )
    engine = create_engine(f"sqlite:///{file}")
    layout = reflect("applications", settings, engine, None)
    with engine.begin() as connection:
        for statement in (*ddl.side(layout, engine.dialect, ""), ddl.view(layout, engine.dialect)):
            connection.exec_driver_sql(statement)
    engine.dispose()


def apply(file: Path, applications: Sequence[Mapping[str, Any]]) -> None:
    """A branch's program: inserts applications, as the keyword arguments of a SOAP call."""
    rows = [flat(one["Application"]) for one in applications]
    statement = f"INSERT INTO applications (State, {', '.join(INPUTS)}) VALUES ('NEW'{', ?' * len(INPUTS)})"  # noqa: S608  # our own names
    with closing(sqlite3.connect(file, timeout=30)) as bank, bank:
        bank.executemany(statement, [[row.get(name) for name in INPUTS] for row in rows])


def flat(application: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in application.items():
        flat |= value if isinstance(value, Mapping) else {name: value}
    return {name: None if value is None else value if isinstance(value, int) else str(value)
            for name, value in flat.items()}  # fmt: skip


def batch(file: Path) -> int:
    """The nightly job: scores what waits and nobody has claimed; returns how many rows it scored."""
    with closing(sqlite3.connect(file, timeout=30)) as bank, bank:
        bank.row_factory = sqlite3.Row
        free = f"SELECT No, {', '.join(INPUTS)} FROM understudy_free_applications WHERE State = 'NEW'"  # noqa: S608  # our own names
        rows = bank.execute(free).fetchall()
        set_ = "State = ?, Decision = ?, Score = ?, Fault = ?, AnsweredBy = 'batch'"
        for row in rows:
            bank.execute(f"UPDATE applications SET {set_} WHERE No = ?", (*_scored(row), row["No"]))  # noqa: S608  # the same
    return len(rows)


def _scored(row: sqlite3.Row) -> tuple[str, str | None, float | None, str | None]:
    try:
        found = judge({name: "" if row[name] is None else str(row[name]) for name in INPUTS})
    except InvalidApplication:
        return "DONE", None, None, "InvalidApplication"
    return "DONE", found.decision, float(found.score), None


def answered(file: Path) -> Mapping[str, int]:
    """How many rows by who answered them; `nobody` for those that wait."""
    with closing(sqlite3.connect(file, timeout=30)) as bank:
        counted = "SELECT coalesce(AnsweredBy, CASE State WHEN 'NEW' THEN 'nobody' ELSE 'gateway' END), count(*)"
        return dict(bank.execute(f"{counted} FROM applications GROUP BY 1").fetchall())  # our own names
