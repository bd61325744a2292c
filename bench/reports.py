"""What a report costs: over 1,000,000 records of a day against 10,000 of a day, on SQLite and on PostgreSQL.

`python -m bench.reports` prints the figures as JSON. Goal: at most 3 times the time, since reports read sums of
quarters of an hour and samples, not calls. The report is the whole command, in this process, as JSON, of a route with a
guard. The stores are as a gateway leaves them: filled by the store's own code, looked at by the guard, and tidied up.
"""

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from bench import rig
from bench.figures import Round, ratio, result
from bench.filling import copied, fill
from bench.load import Outcome
from gateway.cli import app
from gateway.cli.standing import caps_of, opened, table_of
from gateway.config import Loaded
from gateway.drifting import Drifts
from gateway.lookout import PAGE, PAGES, leading, observe
from gateway.store.engine import connect
from gateway.store.epochs import epoch
from gateway.store.migrate import migrate
from gateway.store.retention import gather
from gateway.store.rollups import WIDTHS
from gateway.table import Bound
from tests.services import POSTGRESQL, running_postgresql

AREA = "reports"
FEW, MANY = 10_000, 1_000_000
ROUNDS = 5
STORE = "sqlite:///.understudy/understudy.db"
FILE = Path(".understudy/understudy.db")
GUARD = "    guard: {disagreement: 0.2, decisions: {decision: 0.05}, errors: {share: 0.01}}\n"
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
        told = json.loads(ran.output)
        assert told["agreement"]["compared"] and told["guard"]["keys"], "a report of nothing"
        self.rounds.append(Round(Outcome(1, wall, wall * 1000, wall * 1000, {"0": 1}), {"report": cpu}))


def run(few: int = FEW, many: int = MANY, rounds: int = ROUNDS) -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes some minutes, most of them to fill the stores."""
    programs = POSTGRESQL.programs()
    results: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(4)]
        sizes = {count: _filled(folder, count) for count, folder in zip((few, many), folders, strict=False)}
        kinds = {"SQLite": sizes}
        if programs:
            server = stack.enter_context(running_postgresql(programs))
            databases = [(one.path.parent, folder, server.database())
                         for one, folder in zip(sizes.values(), folders[2:], strict=True)]  # fmt: skip
            kinds["PostgreSQL"] = dict(zip(sizes, (_copied(*one) for one in databases), strict=True))
        for kind, stores in kinds.items():
            _measure(stores, rounds)
            told = _figures(kind, stores)
            results += told["results"]
            ratios += told["ratios"]
    return {"results": results, "ratios": ratios}


def _measure(stores: Mapping[int, Filled], rounds: int) -> None:
    for _ in range(rounds + 1):
        for one in stores.values():
            one.report()
    for one in stores.values():
        del one.rounds[0]  # the first one loads code and fills caches


def _filled(folder: Path, count: int) -> Filled:
    """A SQLite store, with what the guard remembers after its looks, and tidied up as it is every hour."""
    path = _configured(folder, STORE)
    migrate(STORE, folder)
    loaded, short = opened(path)
    short.dispose()
    engine, bound = connect(STORE, folder, patience=600), _bound(loaded)
    allowed = caps_of(engine)
    fill(engine, count, epoch(engine, rig.ROUTE, bound.tag, bound.digest, bound.step(allowed)), bound.tag)
    for _ in range(count // (PAGE * PAGES) + 1):
        observe(engine, bound, allowed, Drifts(engine), kept=True)
    for width in WIDTHS:
        while gather(engine, width):
            pass
    engine.dispose()
    return Filled(path)


def _copied(folder: Path, into: Path, url: str) -> Filled:
    """The same on PostgreSQL."""
    migrate(url, into)
    engine = connect(url, into, patience=600)
    copied(folder / FILE, engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum has done by the time that there are so many
    engine.dispose()
    return Filled(_configured(into, url))


def _configured(folder: Path, store: str) -> Path:
    path = rig.example(folder)
    text = path.read_text().replace("${UNDERSTUDY_STORE:-sqlite:///.understudy/understudy.db}", store)
    text = CONSTANT.sub('models:\n  credit: {type: python, call: "models.local:constant"}\n\n', text)
    path.write_text(text.replace("    compare:\n", f"{GUARD}    compare:\n"))
    return path


def _bound(loaded: Loaded) -> Bound:
    return next(one for one in leading(table_of(loaded)) if one.route == rig.ROUTE)


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
