"""What a report costs: over 1,000,000 records of a day against 10,000 of a day, on SQLite and on PostgreSQL.

`python -m bench.reports` prints the figures as JSON. Goal: at most 3 times the time, since reports read sums of minutes
and samples, not calls. The report is the whole command, in this process, as JSON; the stores are filled with records of
the example's shape, and by the store's own code with their sums and evidence.
"""

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, insert
from typer.testing import CliRunner

from bench import rig
from bench.figures import Round, ratio, result
from bench.load import Outcome
from gateway.cli import app
from gateway.store import evidence, rollups, tables, upsert
from gateway.store.engine import connect, writing
from gateway.store.epochs import epoch
from gateway.store.migrate import migrate
from gateway.store.model import AGREE, DISAGREE, Record, Slot
from gateway.store.sums import Rollup, Units
from gateway.store.writer import row_of
from tests.services import POSTGRESQL, running_postgresql

AREA = "reports"
FEW, MANY = 10_000, 1_000_000
ROUNDS = 5
MINUTES = 1440
SOURCE = "loans_soap/ScoreLoan"
CHUNK = 5000
SEED = 7
CONSTANT = re.compile(r"^models:\n.*?^(?=\S)", re.MULTILINE | re.DOTALL)
"""The section that names the trained model, which a report of the store does not need."""


@dataclass(slots=True)
class Filled:
    """A store with so many records, and the configuration that reads it."""

    path: Path
    rounds: list[Round] = field(default_factory=list)

    def report(self) -> None:
        """Runs the command once and notes how long it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        ran = CliRunner().invoke(app, ["report", rig.ROUTE, "--json", "--config", str(self.path)])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert ran.exit_code == 0, ran.output
        assert json.loads(ran.output)["agreement"]["compared"], "a report of nothing"
        self.rounds.append(Round(Outcome(1, wall, wall * 1000, wall * 1000, {"0": 1}), {"report": cpu}))


def records(count: int, number: int, now: datetime) -> Iterator[Record]:
    """Records of the example, evenly over a day, two of a customer on average."""
    random, start = Random(SEED), now - timedelta(minutes=MINUTES)
    for at in range(count):
        agree, score = random.random() < 0.93, random.gauss(650, 90)
        word, theirs = (AGREE if agree else DISAGREE), random.choice(("approve", "reject"))
        other = {"approve": "reject", "reject": "approve"}[theirs]
        key = random.randrange(count // 2).to_bytes(16)
        yield Record(
            rig.ROUTE, number, f"call {at}", 0, SOURCE, start + timedelta(minutes=MINUTES * at / count), "shadow",
            "incumbent", word, key, {"purpose": f"A4{at % 10}", "credit_amount": random.randrange(250, 15000)},
            {"decision": theirs, "score": round(score, 1)},
            {"decision": theirs if agree else other, "score": round(score + random.gauss(5, 20), 1)},
            {"decision": word, "score": AGREE, "decided_on": AGREE}, random.expovariate(0.1),
            random.expovariate(0.5), random.expovariate(2), "credit:1", "v1", key, {"score": 5.0},
            plain=("decision", "score"),
        )  # fmt: skip


def fill(engine: Engine, count: int) -> None:
    """Writes them with the sums and the evidence that an observer would have written."""
    number = epoch(engine, rig.ROUTE, "credit:1", "rules", "shadow 0")
    made = records(count, number, datetime.now(UTC))
    sums: dict[Slot, Rollup] = {}
    while chunk := list(islice(made, CHUNK)):
        units: Units = {}
        for one in chunk:
            slot = Slot.at(one.route, one.stage, one.source, one.epoch, one.received)
            rollup = sums.setdefault(slot, Rollup())
            rollup.calls += 1
            rollup.answered_incumbent += 1
            rollup.take(one)
            for who in ("incumbent", "candidate", "gateway"):
                rollup.time(who, getattr(one, f"{who}_ms"))
            evidence.weigh(units, one)
        with writing(engine) as connection:
            connection.execute(insert(tables.record), [row_of(one) for one in chunk])
            evidence.add(connection, (units,))
    terms = [{"route": rig.ROUTE, "replica": "bench", "term": term, "count": count} for term in ("seen", "compared")]
    with writing(engine) as connection:
        rollups.add(connection, "bench", (sums,))
        upsert.adding(connection, tables.ledger, terms, "count")


def run(few: int = FEW, many: int = MANY, rounds: int = ROUNDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes some minutes, most of them to fill the stores."""
    programs = POSTGRESQL.programs()
    results: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    with ExitStack() as stack:
        server = stack.enter_context(running_postgresql(programs)) if programs else None
        for kind in ("SQLite", "PostgreSQL") if server else ("SQLite",):
            sizes = {}
            for count in (few, many):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                sizes[count] = _filled(folder, server.database() if server and kind == "PostgreSQL" else None, count)
            for _ in range(rounds + 1):
                for one in sizes.values():
                    one.report()
            for one in sizes.values():
                del one.rounds[0]  # the first one loads code and fills caches
            told = _figures(kind, sizes)
            results += told["results"]
            ratios += told["ratios"]
    return {"results": results, "ratios": ratios}


def _filled(folder: Path, url: str | None, count: int) -> Filled:
    path, store = rig.example(folder), url or "sqlite:///.understudy/understudy.db"
    text = path.read_text().replace("${UNDERSTUDY_STORE:-sqlite:///.understudy/understudy.db}", store)
    path.write_text(CONSTANT.sub('models:\n  credit: {type: python, call: "models.local:constant"}\n\n', text))
    migrate(store, folder)
    engine = connect(store, folder, patience=600)
    fill(engine, count)
    if url:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum has done by the time that there are so many
    engine.dispose()
    return Filled(path)


def _figures(kind: str, sizes: Mapping[int, Filled]) -> dict[str, Sequence[Any]]:
    results = [
        result(AREA, f"report on {kind}", f"{count:,} records", "ours", one.rounds, "report")
        for count, one in sizes.items()
    ]
    few, many = sizes.values()
    times = [m.outcome.seconds / f.outcome.seconds for f, m in zip(few.rounds, many.rounds, strict=True)]
    took = [statistics.median(one.outcome.seconds for one in each.rounds) for each in (few, many)]
    counts = " against ".join(f"{count:,}" for count in reversed(sizes))
    case = f"report on {kind}, {counts} records, {took[1]:.2f} s against {took[0]:.2f} s"
    return {"results": results, "ratios": [ratio(AREA, case, "the fewer", times, most=3.0)]}


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "200")
    print(json.dumps(run(), indent=1))
