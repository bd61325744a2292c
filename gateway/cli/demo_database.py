"""The demonstration's table: applications inserted into SQLite, an old batch, and the stages moved as before."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.cli.demo_figures import settled
from gateway.cli.demo_system import DemoFailed, System
from gateway.cli.demo_tables import Screen
from gateway.cutover import in_cohort
from gateway.examples.credit import sources, table
from gateway.examples.credit.prepare import ROUTE
from gateway.store import queries
from gateway.store.model import PENDING, SEEN

STEPS = (("off", 0), ("shadow", 0), ("canary", 25), ("live", 0))
ROWS = 200
"""Applications inserted in a stage."""
PATIENCE, LOOK = 30.0, 0.05
OPTIONAL = (("Accounts", "Savings"), ("Applicant", "ResidenceSince"), ("Security", "Property"),
            ("Applicant", "Telephone"))  # fmt: skip


@dataclass(slots=True, frozen=True)
class Night:
    """One stage: who answered its rows, as the table itself says."""

    stage: str
    rows: int
    batch: int
    gateway: int
    expected: int
    """Rows that the stage gives to the gateway."""
    balanced: bool


def prepare(system: System) -> None:
    """Makes the table, and adds it to the configuration."""
    if not (file := system.folder / table.FILE).exists():
        table.create(file)
    system.configuration.write_text(sources.added(system.configuration.read_text(), "table"))


def play(out: Screen, system: System, engine: Engine, applications: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What there is to tell, as JSON; shown as well. Raises DemoFailed, StoreDown."""
    chosen = applications[:ROWS]
    nights = []
    with out.progress("the table, from off to live", len(STEPS)) as done:
        for stage, percent in STEPS:
            system.move(stage, percent)
            name, ours = f"{stage} {percent} %" if percent else stage, _ours(chosen, stage, percent)
            nights.append(night(system, engine, chosen, name, len(ours)))
            done()
    rows = [(one.stage, one.rows, one.batch, one.gateway) for one in nights]
    out.table("The table of the branches", ["stage", "rows inserted", "answered by the batch", "by the gateway"], rows)
    out.say(
        "The same route, moved by the same line: the batch answers what the gateway leaves, and nobody answers twice.\n"
        "In shadow the gateway only reads; in canary it claims the rows of the customers that SOAP gives it, too."
    )
    out.say()
    kept = all(one.balanced and one.gateway == one.expected and one.batch + one.gateway == one.rows for one in nights)
    return {"nights": [asdict(one) for one in nights], "ok": kept}


def night(
    system: System, engine: Engine, applications: Sequence[Mapping[str, Any]], stage: str, expected: int
) -> Night:  # fmt: skip
    """Inserts the rows, waits until the gateway has answered those expected of it, then has the batch run.

    Raises DemoFailed, StoreDown."""
    file, before = system.folder / table.FILE, queries.ledger(engine, ROUTE)
    answered = table.answered(file)
    table.apply(file, applications)
    _until(lambda: _more(file, answered) >= expected, "the gateway's rows")
    watched = 0 if stage == "off" else len(applications) - expected
    _until(lambda: queries.ledger(engine, ROUTE).get(PENDING, 0) == watched, "the snapshots")
    batch = table.batch(file)
    seen = 0 if stage == "off" else len(applications)
    balanced = settled(engine, ROUTE, before.get(SEEN, 0) + seen)
    return Night(stage, len(applications), batch, _more(file, answered), expected, balanced)


def _more(file: Path, before: Mapping[str, int]) -> int:
    """Rows that the gateway has answered since."""
    return table.answered(file).get("gateway", 0) - before.get("gateway", 0)


def _ours(applications: Sequence[Mapping[str, Any]], stage: str, percent: int) -> Sequence[str]:
    """The applications that the stage gives to the gateway, by the example's own rules."""
    if stage not in ("canary", "live"):
        return []
    share = Decimal(percent if stage == "canary" else 100)
    ids = [
        str(one["Application"]["Id"]) for one in applications
        if all(one["Application"][group].get(name) is not None for group, name in OPTIONAL)
    ]  # fmt: skip
    return [id for id in ids if in_cohort(ROUTE, id, share)]


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} did not come within {PATIENCE:g} s")
        time.sleep(LOOK)
