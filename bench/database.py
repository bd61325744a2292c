"""What answering rows costs: rows a second and waiting, beside queues on PostgreSQL and a loop by hand.

`python -m bench.database` prints the figures as JSON. Goals: at batches of 100 and more at least 1.5 times pgqueuer
and 20 times procrastinate with recording off, 0.75 of that with recording on; one row at a time at least 0.7 of a loop
by hand. From insert to committed answer, beside a poll each 250 ms: p50 at most a tenth by adaptive polling, at most a
thirtieth by NOTIFY; adaptive polling may look 20 times as often.

All answer the same applications with the same constant on one private PostgreSQL, each in a database of its own, in
turns: a number of rows is committed at one moment, and the time until the last is answered counts. The server runs
without fsync, as for the tests: what a disk takes it takes from all alike, and would hide what they take themselves.
"""

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import MetaData, create_engine

from adapters.database.config import TableSettings
from adapters.database.layout import reflect
from adapters.database.side import ddl, side_table
from bench import polled, rig
from bench.figures import Round, ratio, result
from bench.load import Outcome
from bench.loans import Loans
from gateway.edit import Path as Place
from gateway.edit import Value
from tests.services import POSTGRESQL, Postgresql, running_postgresql

AREA = "database"
ROUNDS = 5
OURS, RECORDING = "understudy", "understudy, recording"
SIZES = {"Thousand": 1000, "Hundred": 100, "One": 1}
ROWS = {"Thousand": 40_000, "Hundred": 40_000, "One": 1000}
"""Rows of a round, by the size of our batches; so many that the first look, up to 250 ms later, weighs little."""
PEERS = {"pgqueuer": 30_000, "procrastinate": 500, "naive": 1000}
GOALS = {"pgqueuer": 1.5, "procrastinate": 20.0}
"""Rows a second of ours over theirs."""
FIXED = 0.25
"""Seconds between two looks of the poll that the other ways are measured against."""
WAITS: Mapping[str, tuple[Mapping[str, str], float]] = {
    "a poll each 250 ms": ({"fastest": "250ms", "slowest": "250ms"}, 1.0),
    "adaptive polling": ({}, 0.1),
    "NOTIFY": ({"listen": "bench"}, 1 / 30),
}
"""By way of looking for rows: its settings, and how much of the first one's p50 it may take."""
WAITED = 40
"""Rows of a round, each inserted when the one before is answered and a moment has passed, shorter than that pause."""
LOOKS = 20.0
"""How many times as often adaptive polling may look for rows, over the same time."""
LOOKED = (
    "SELECT coalesce(sum(calls), 0)::integer FROM pg_stat_statements AS s JOIN pg_database AS d"
    " ON d.oid = s.dbid WHERE d.datname = current_database() AND s.query LIKE {}"
)
"""How often rows were looked for: no statement of anybody else names the side table."""
WAIT = "from insert to committed answer"
FOUND = {"status": {"column": "State", "new": ["NEW"], "done": ["DONE"], "error": "ERROR"}}


@dataclass(slots=True, frozen=True)
class Contender:
    """Whoever answers the rows of one table."""

    loans: Loans
    pid: int
    settled: Callable[[int], None] = lambda _: None
    """Returns when nothing is left to be done about so many more rows, beside answering them."""

    def measured(self, rows: int) -> Round:
        """One round: rows that all become visible at once, until the last is answered."""
        before, begun = rig.cpu(self.pid), self.loans.fill(rows)
        took = self.loans.answered() - begun
        self.loans.check()
        found = Round(Outcome(rows, took, 0.0, 0.0, {"200": rows}), {"worker": rig.cpu(self.pid) - before})
        self.settled(rows)
        return found

    def looks(self) -> int:
        """How often rows of the table have been looked for or claimed since the server started."""
        pattern = sql.Literal(f"%understudy_{self.loans.name}%")
        row = self.loans.connection.execute(sql.SQL(LOOKED).format(pattern)).fetchone()
        assert row
        return int(row[0])

    def waited(self, rng: random.Random) -> tuple[Round, float]:
        """One round of rows that come one at a time, once in each part of a poll's pause, the parts in any order; and
        how often a second rows were looked for."""
        moments = [FIXED * (part + rng.random()) / WAITED for part in range(WAITED)]
        self.loans.answer(self.loans.apply()[0])  # nobody had inserted anything while others had their turns
        before, looked, begun, times = rig.cpu(self.pid), self.looks(), time.monotonic(), []
        for moment in rng.sample(moments, WAITED):
            time.sleep(moment)
            number, applied = self.loans.apply()
            times.append(1000 * (self.loans.answer(number) - applied))
        took, looked = time.monotonic() - begun, self.looks() - looked
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100, method="inclusive")[98]
        outcome = Outcome(WAITED, took, p50, p99, {"200": WAITED})
        return Round(outcome, {"worker": rig.cpu(self.pid) - before}), looked / took


def configured(text: str, url: str, tables: Mapping[str, int], more: Mapping[str, Any]) -> str:
    """The example's configuration with these tables as sources of the route, by operation the size of a batch."""
    adapter = {
        "type": "database", "url": url,
        "tables": {name: {"table": name.lower(), "find": FOUND, "refusal": {"code": "Fault"}, "size": size}
                   for name, size in tables.items()},
    } | dict(more)  # fmt: skip
    source = (files("gateway.examples.credit") / "table.yaml").read_text().partition("---\n")[2]
    sources = "".join(source.replace("loans_db/Applications:", f"loans_db/{name}:") for name in tables)
    text = text.replace("\nadapters:\n", f"\nadapters:\n  loans_db: {json.dumps(adapter)}\n", 1)
    return text.replace("\n    sources:\n", f"\n    sources:\n{sources}", 1)


def claims(url: str, table: str) -> None:
    """Makes the side table."""
    settings = TableSettings.model_validate({"table": table, "find": FOUND})
    engine = create_engine(url)
    layout = reflect(table, settings, engine, None)
    with engine.begin() as connection:
        for statement in ddl(side_table(layout, MetaData()), engine.dialect):
            connection.exec_driver_sql(statement)
    engine.dispose()


def counting(server: Postgresql) -> None:
    """Has the server count statements, which it does from its next start on."""
    with psycopg.connect(libpq(server.database()), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    server.restart()


def libpq(url: str) -> str:
    """The same URL for those who do not know SQLAlchemy."""
    return url.replace("postgresql+psycopg:", "postgresql:")


class Bench:
    """A server, and who is measured on it."""

    def __init__(self, server: Postgresql, folder: Path) -> None:
        self.server, self.folder = server, folder

    @contextmanager
    def ours(
        self, name: str, observe: str, tables: Mapping[str, int], more: Mapping[str, Any] | None = None
    ) -> Iterator[Mapping[str, Contender]]:
        """The example in stage live with a constant model; by operation."""
        folder, url = self.folder / name, self.server.database()
        folder.mkdir()
        with ExitStack() as stack:
            loans = {one: stack.enter_context(closing(Loans(libpq(url), one.lower()))) for one in tables}
            for one in tables:
                claims(url, one.lower())
            changes: dict[Place, Value] = {("routes", rig.ROUTE, "stage"): "live"}
            changes[("routes", rig.ROUTE, "observe")] = observe

            def rewritten(text: str) -> str:
                return configured(rig.constant(text), libpq(url), tables, more or {})

            served = stack.enter_context(rig.served(folder, changes, {"UNDERSTUDY_MODEL": "constant:1"}, rewritten))
            sent = 0

            def settled(rows: int) -> None:
                nonlocal sent
                sent += rows
                if observe != "none":
                    served.drained(sent)

            yield {one: Contender(loans[one], served.processes["worker-0"], settled) for one in tables}

    @contextmanager
    def theirs(self, name: str) -> Iterator[Contender]:
        """A worker with another library, or by hand."""
        url = libpq(self.server.database())
        if name != "naive":
            asyncio.run(polled.installed(name, url))
        with closing(Loans(url, work="" if name == "naive" else name)) as loans:
            process = subprocess.Popen([sys.executable, "-m", "bench.polled", name, url], text=True)
            with rig.running(process):
                yield Contender(loans, process.pid)


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes some minutes. Raises RuntimeError where PostgreSQL is missing."""
    programs = POSTGRESQL.programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is missing; `make services` installs it")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(running_postgresql(programs))
        bench = Bench(server, Path(folder))
        contenders: dict[tuple[str, str], tuple[Contender, int]] = {}
        for who, observe in ((OURS, "none"), (RECORDING, "compare")):
            tables = stack.enter_context(bench.ours(observe, observe, SIZES))
            contenders |= {(case(one), who): (each, ROWS[one]) for one, each in tables.items()}
        for peer, rows in PEERS.items():
            contenders[case(peer), peer] = stack.enter_context(bench.theirs(peer)), rows
        found: dict[tuple[str, str], list[Round]] = {}
        for number in range(rounds + 1):
            for name, (contender, rows) in contenders.items():
                one = contender.measured(rows)
                if number:  # the first one warms up
                    found.setdefault(name, []).append(one)
                time.sleep(0.5)  # what the server has left to do is nobody else's
    with tempfile.TemporaryDirectory() as folder, running_postgresql(programs) as server:
        counting(server)
        waits, looks = _waits(Bench(server, Path(folder)), rounds)
    return _figures(found, waits, looks)


def _waits(bench: Bench, rounds: int) -> tuple[Mapping[str, list[Round]], Mapping[str, list[float]]]:
    """By way of looking for rows its rounds, taken in turns, and how often a second it looked in each."""
    rng, found, looks = random.Random(5), dict[str, list[Round]](), dict[str, list[float]]()
    with ExitStack() as stack:
        contenders: dict[str, Contender] = {}
        for number, (name, (poll, _)) in enumerate(WAITS.items()):
            ours = bench.ours(f"wait{number}", "none", {"Hundred": 100}, {"poll": poll})
            contenders[name] = stack.enter_context(ours)["Hundred"]
            contenders[name].loans.connection.execute("CREATE EXTENSION pg_stat_statements")
            if channel := poll.get("listen"):
                contenders[name].loans.notify(channel)
        for number in range(rounds + 1):
            for name, contender in contenders.items():
                one, often = contender.waited(rng)
                if number:
                    found.setdefault(name, []).append(one)
                    looks.setdefault(name, []).append(often)
    return found, looks


def case(name: str) -> str:
    """What is measured of an operation of ours, or of a peer."""
    size = SIZES.get(name, {"naive": 1, "pgqueuer": polled.BATCH}.get(name, polled.TOGETHER))
    return f"rows, {size:,} at a time" if size > 1 else "rows, one at a time"


def _figures(
    found: Mapping[tuple[str, str], list[Round]], waits: Mapping[str, list[Round]], looks: Mapping[str, list[float]]
) -> dict[str, Any]:
    kind = {OURS: "ours", RECORDING: "ours"}
    results = [
        result(AREA, what, name, kind.get(name, "peer"), rounds, "worker") for (what, name), rounds in found.items()
    ]

    def shares(first: tuple[str, str], second: tuple[str, str]) -> list[float]:
        pairs = zip(found[first], found[second], strict=True)
        return [one.outcome.throughput / two.outcome.throughput for one, two in pairs]

    ratios = []
    for size in ("Thousand", "Hundred"):
        ours = case(size), OURS
        ratios += [
            ratio(AREA, case(size), peer, shares(ours, (case(peer), peer)), least=goal) for peer, goal in GOALS.items()
        ]
        recording = shares((case(size), RECORDING), ours)
        ratios.append(ratio(AREA, f"{case(size)}: while recording", OURS, recording, least=0.75))
    one = shares((case("One"), OURS), (case("naive"), "naive"))
    ratios.append(ratio(AREA, case("One"), "a loop by hand", one, least=0.7))
    results += [result(AREA, WAIT, name, "ours", rounds, "worker") for name, rounds in waits.items()]
    (fixed, first), *others = waits.items()
    for name, rounds in others:
        p50s = [one.outcome.p50 / two.outcome.p50 for one, two in zip(rounds, first, strict=True)]
        ratios.append(ratio(AREA, f"{WAIT}: p50 by {name}", fixed, p50s, most=WAITS[name][1]))
    often = [one / two for one, two in zip(looks["adaptive polling"], looks[fixed], strict=True)]
    words = ", ".join(f"{statistics.median(looks[name]):.0f} by {name}" for name in WAITS)
    ratios.append(ratio(AREA, f"{WAIT}: looks by adaptive polling ({words} a second)", fixed, often, most=LOOKS))
    return {"results": results, "ratios": ratios}


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
