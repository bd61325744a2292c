"""The bank's table of applications in PostgreSQL, for measurements: filled at one go, and waited for.

The example's own columns and applications; `work` is what a queue's library is given of the rows, in their transaction.
"""

import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from gateway.examples.credit.applications import requests
from gateway.examples.credit.table import INPUTS, NUMBERS, TEXTS, flat

PATIENCE = 300.0
WORK = {
    "pgqueuer": "INSERT INTO pgqueuer (priority, entrypoint, payload, status)"
    " SELECT 0, 'score', convert_to(to_json(one)::text, 'UTF8'), 'queued' FROM {table} AS one",
    "procrastinate": "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
    " SELECT 'default', 'score', jsonb_build_object('application', to_jsonb(one)) FROM {table} AS one",
}
"""By library: its jobs, one for each row."""
LEFT = {
    "pgqueuer": "SELECT EXISTS (SELECT FROM pgqueuer)",
    "procrastinate": "SELECT EXISTS (SELECT FROM procrastinate_jobs)",
}
"""By library: whether jobs are left."""


class Loans:
    """One table of a database."""

    def __init__(self, url: str, table: str = "applications", work: str = "") -> None:
        """Makes the table. `url` as libpq takes it; `work` is the library that is given the rows as jobs, if any."""
        self.connection = psycopg.connect(url, autocommit=True)
        self.name, self.work = table, work
        self.table = sql.Identifier(table)
        texts = ", ".join(f'"{name}" TEXT' for name in TEXTS)
        numbers = ", ".join(f'"{name}" INTEGER' for name in NUMBERS)
        self._do(f"""CREATE TABLE {{table}} (
            "No" BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "State" VARCHAR(8) NOT NULL,
            "Id" VARCHAR(20) NOT NULL,
            "ReceivedOn" DATE NOT NULL, "Amount" NUMERIC(12, 2), {texts}, {numbers},
            "Decision" VARCHAR(1), "Score" NUMERIC(7, 1), "Fault" VARCHAR(40))""")
        self._do('CREATE INDEX ON {table} ("State", "No")')
        self._do("CREATE TEMPORARY TABLE known (LIKE {table})")
        rows = [flat(one["Application"]) for one in requests()]
        names = sql.SQL(", ").join(map(sql.Identifier, INPUTS))
        copy = sql.SQL('COPY known ("No", "State", {}) FROM STDIN').format(names)
        with self.connection.cursor() as cursor, cursor.copy(copy) as copying:
            for number, row in enumerate(rows):
                copying.write_row([number, "NEW", *(row.get(name) for name in INPUTS)])
        self._names, self._known = names, len(rows)

    def fill(self, count: int, more: Sequence[str] = ()) -> float:
        """Has so many rows wait, and no others; all are seen at one moment, which is returned (`time.monotonic`)."""
        with self.connection.transaction():
            self._do("TRUNCATE {table} RESTART IDENTITY")
            self._do(
                'INSERT INTO {table} ("State", {names}) SELECT "State", {names} FROM known,'
                " generate_series(1, {times}) AS n ORDER BY n, known.\"No\" LIMIT {count}",
                times=sql.Literal(count // self._known + 1), count=sql.Literal(count),
            )  # fmt: skip
            for statement in (*more, *([WORK[self.work]] if self.work else [])):
                self._do(statement)
            self._do("ANALYZE {table}")
        return time.monotonic()

    def apply(self) -> tuple[int, float]:
        """Inserts one row; returns its number, and when it was committed."""
        number = self._do('INSERT INTO {table} ("State", {names}) SELECT "State", {names} FROM known WHERE "No" = 0'
                          ' RETURNING "No"').fetchone()  # fmt: skip
        assert number
        return int(number[0]), time.monotonic()

    def answer(self, number: int) -> float:
        """Waits until this row is answered; returns when it was. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE
        done = """SELECT "State" = 'DONE' FROM {table} WHERE "No" = {number}"""
        while self._do(done, number=sql.Literal(number)).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise TimeoutError(f"a row of {self.name} was still waiting after {PATIENCE:g} s")
            time.sleep(0.0005)
        return time.monotonic()

    def notify(self, channel: str) -> None:
        """Has each insert notify a channel."""
        body = "$$ BEGIN PERFORM pg_notify({channel}, ''); RETURN NULL; END $$"
        self._do(f"CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS {body}", channel=sql.Literal(channel))
        self._do("CREATE TRIGGER told AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION told()")

    def answered(self) -> float:
        """Waits until every row has its answer and every job is gone; returns when it was. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE
        while self._left():
            if time.monotonic() > deadline:
                raise TimeoutError(f"rows of {self.name} were still waiting after {PATIENCE:g} s")
            time.sleep(0.02)
        return time.monotonic()

    def check(self) -> int:
        """How many rows are answered. Raises AssertionError where one has not the whole answer."""
        row = self._do("""SELECT count(*), count(*) FILTER (WHERE "State" = 'DONE' AND "Decision" = 'A'
            AND "Score" = 750) FROM {table}""").fetchone()  # fmt: skip
        if row is None or row[0] != row[1]:
            raise AssertionError(f"of the rows of {self.name} and those with a whole answer there are {row}")
        return int(row[0])

    def _left(self) -> bool:
        waiting = """SELECT EXISTS (SELECT FROM {table} WHERE "State" = 'NEW')"""
        questions = [waiting, *([LEFT[self.work]] if self.work else [])]
        return any(self._do(question).fetchone() == (True,) for question in questions)

    def _do(self, statement: str, **parts: Any) -> psycopg.Cursor[tuple[Any, ...]]:
        named = {"table": self.table, "names": getattr(self, "_names", sql.SQL("")), **parts}
        return self.connection.execute(sql.SQL(statement).format(**named))

    def close(self) -> None:
        """Lets go of the connection."""
        self.connection.close()
