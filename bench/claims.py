"""What it costs to claim a batch of rows, by how many wait: live, and in canary at 1 percent.

`python -m bench.claims` prints the figures as JSON; WAITING=10000000 has so many rows wait in place of 1,000,000. Goal:
flat. Before the rows that wait, by key, as many stand that were answered. The claim itself is measured, as a poller in
this process makes it, on one private PostgreSQL: in turns of the two tables, each claimed batch answered before the
next. In canary a step reads on by one batch and claims every hundredth.

What a claim reads is told by the server itself, by the plans that it ran (auto_explain): as many rows as with few
waiting, and the table of rows by an index.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, event, text

from adapters.database.config import TableSettings
from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.find import Position
from adapters.database.side import ddl, side_table
from adapters.database.work import Ended, Taken
from bench.figures import Round, ratio, result
from bench.load import Outcome
from tests.services import POSTGRESQL, Postgresql, running_postgresql

AREA = "claims"
FEW, MANY = 10_000, int(os.environ.get("WAITING", "1000000"))
ROUNDS, STEPS = 7, 10
SIZE = 100
"""Rows of a batch."""
COHORT = 100
"""In canary one row of so many is the candidate's."""
FLAT = 1.5
"""How much longer a claim may take with many rows waiting; an index of more rows is a level deeper."""
WAYS: Mapping[str, Mapping[str, Any]] = {
    "a status": {"find": {"status": {"column": "state", "new": ["NEW"], "done": ["DONE"]}}},
    "a result table": {"find": {"result": {"table": "answers"}}},
    "a watermark": {
        "find": {"watermark": {"column": "number", "from": "beginning"}},
        "answer": {"table": "answers"},
    },
}
"""By way of finding work, what the table's configuration says of it."""
REMEMBERED = (
    "INSERT INTO understudy_loan (number, us_token, us_lease, us_attempts, us_state, us_answer, us_error, us_since)"
    " SELECT n, 'x', 9000000000000000, 1, 'done', '', '', 0 FROM generate_series(1, :rows) AS n"
)
"""What the side table of a watermark has of answered rows."""
OLD = {"batch": {"coexists": "view"}}
EXPLAINED = {"log_min_duration": "0", "log_analyze": "on", "log_format": "json", "log_level": "notice"}
"""How the server tells each plan that it runs to whoever ran it."""


@dataclass(slots=True)
class Waiting:
    """A table with rows that wait, and a poller's two halves of work on it."""

    engine: Engine
    desk: Desk
    endings: Endings
    canary: bool
    after: Position | None = None
    rounds: list[Round] = field(default_factory=list)

    def claim(self) -> Taken:
        """One batch, claimed; in canary those of a batch that are the candidate's."""
        if not self.canary:
            return self.desk.claim(SIZE)
        rows = self.desk.page(self.after, SIZE)
        self.after = rows[-1].place if rows else None
        return self.desk.claim_these([row.key for row in rows[::COHORT]])

    def answer(self, taken: Taken) -> None:
        """Answers what was claimed."""
        self.endings.answer(taken, Ended({row.key: {"decision": "A"} for row in taken.rows}))

    def measured(self) -> Round:
        """Some steps; `seconds` is what the claims alone took."""
        took, cpu, count = 0.0, time.process_time(), 0
        for _ in range(STEPS):
            begun = time.perf_counter()
            taken = self.claim()
            took += time.perf_counter() - begun
            count += len(taken.rows)
            self.answer(taken)
        expected = STEPS * (SIZE // COHORT if self.canary else SIZE)
        assert count == expected, f"{count} rows were claimed, not {expected}"
        each = 1000 * took / STEPS
        return Round(Outcome(STEPS, took, each, each, {"200": STEPS}), {"claim": time.process_time() - cpu})


@contextmanager
def waiting(url: str, way: Mapping[str, Any], canary: bool) -> Iterator[Waiting]:
    """A poller's work on the table of a database."""
    settings = TableSettings.model_validate({"table": "loan", "size": SIZE, **way, **(OLD if canary else {})})
    engine = create_engine(url)
    desk = Desk("bench", settings, engine, None)
    try:
        yield Waiting(engine, desk, Endings(desk), canary)
    finally:
        engine.dispose()


def filled(server: Postgresql, way: Mapping[str, Any], rows: int) -> str:
    """A new database whose table has so many rows that wait, behind as many that were answered; its URL."""
    url = server.database()
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE loan (number bigint PRIMARY KEY, state varchar(8) NOT NULL, amount numeric(12,2) NOT NULL,"
            " decision varchar(1))",
            "CREATE TABLE answers (number bigint PRIMARY KEY, decision varchar(1))",
            "INSERT INTO loan SELECT n, CASE WHEN n > :rows THEN 'NEW' ELSE 'DONE' END, n % 9000 + 0.5, NULL"
            " FROM generate_series(1, 2 * :rows) AS n",
            "CREATE INDEX ON loan (state, number)",
            "INSERT INTO answers SELECT n, 'A' FROM generate_series(1, :rows) AS n",
        ):
            connection.execute(text(statement), {"rows": rows})
    settings = TableSettings.model_validate({"table": "loan", **way})
    desk = Desk("bench", settings, engine, None)
    with engine.begin() as connection:
        for statement in ddl(side_table(desk.layout, MetaData()), engine.dialect):
            connection.exec_driver_sql(statement)
        if desk.finder.mark:
            connection.execute(text(REMEMBERED), {"rows": rows})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    return url


@dataclass(slots=True)
class Read:
    """What the plans of statements did."""

    rows: int = 0
    """Rows that were looked at, those thrown away included."""
    unindexed: int = 0
    """How often the table of rows was read without an index."""

    def add(self, plan: Mapping[str, Any]) -> None:
        """One node of a plan, and those below."""
        kind, loops = plan["Node Type"], plan["Actual Loops"]
        if "Relation Name" in plan and "Scan" in kind:
            self.unindexed += plan["Relation Name"] == "loan" and kind == "Seq Scan" and loops > 0
            left = sum(plan.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Index Recheck"))
            self.rows += round(loops * (plan["Actual Rows"] + left))
        for below in plan.get("Plans", ()):
            self.add(below)


def explained(url: str, way: Mapping[str, Any], canary: bool, steps: int = STEPS) -> Read:
    """What claiming some batches reads, by the plans that the server ran."""
    read = Read()
    with waiting(url, way, canary) as there:
        there.answer(there.claim())  # by some ways the first look reads past what was answered long ago, once
        there.desk.ready()  # the catalogue is read without an explanation
        told: list[str] = []

        @event.listens_for(there.engine, "connect")
        def explain(connection: Any, _: Any) -> None:
            connection.execute("LOAD 'auto_explain'")
            for name, value in EXPLAINED.items():
                connection.execute(f"SET auto_explain.{name} = {value}")
            connection.commit()
            connection.add_notice_handler(lambda notice: told.append(notice.message_primary))

        there.engine.dispose()
        for _step in range(steps):
            del told[:]
            taken = there.claim()
            plans = [one.partition("plan:\n")[2] for one in told if "plan:\n" in one]
            assert plans, "the server told no plan"
            for plan in plans:
                read.add(json.loads(plan)["Plan"])
            there.answer(taken)
    return read


def run(few: int = FEW, many: int = MANY, rounds: int = ROUNDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; two minutes, most of them to fill the tables. Raises RuntimeError where
    PostgreSQL is missing."""
    programs = POSTGRESQL.programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is missing; `make services` installs it")
    results, ratios = list[dict[str, Any]](), list[dict[str, Any]]()
    with running_postgresql(programs) as server:
        for name, way in WAYS.items():
            large = filled(server, way, many)
            for canary in (False, True):
                urls = {few: filled(server, way, few), many: large}
                case = f"claim, {'canary at 1 %' if canary else 'live'}, rows by {name}"
                reads = [explained(url, way, canary) for url in urls.values()]
                sizes = _rounds(urls, way, canary, rounds)
                results += [result(AREA, case, f"{count:,} wait", "ours", one, "claim") for count, one in sizes.items()]
                ratios += _ratios(case, sizes, reads)
            server.drop(large)
    return {"results": results, "ratios": ratios}


def _rounds(urls: Mapping[int, str], way: Mapping[str, Any], canary: bool, rounds: int) -> Mapping[int, list[Round]]:
    """By how many rows wait the rounds, in turns."""
    (few, first), (many, second) = urls.items()
    with waiting(first, way, canary) as one, waiting(second, way, canary) as two:
        for number in range(rounds + 1):
            for each in (one, two):
                measured = each.measured()
                if number:  # the first one warms up
                    each.rounds.append(measured)
        return {few: one.rounds, many: two.rounds}


def _ratios(case: str, sizes: Mapping[int, Sequence[Round]], reads: Sequence[Read]) -> list[dict[str, Any]]:
    few, many = reads
    against = f"{min(sizes):,} waiting"
    times = [two.outcome.seconds / one.outcome.seconds for one, two in zip(*sizes.values(), strict=True)]
    rows = f"{case}: rows read, {many.rows:,} against {few.rows:,}"
    return [
        ratio(AREA, f"{case}: time", against, times, most=FLAT),
        ratio(AREA, rows, against, [many.rows / few.rows], most=1.1),
        ratio(AREA, f"{case}: reads without an index", "none", [many.unindexed], most=0.0),
    ]


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
