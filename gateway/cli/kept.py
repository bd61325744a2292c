"""`understudy kept`: what the store holds, how old it is, and that nothing is older than it may be."""

from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from gateway.cli import console
from gateway.cli.audit import noted
from gateway.cli.standing import opened
from gateway.store.model import ALL
from gateway.store.retention import kept as proof
from gateway.store.retention import prune as store_prune


def kept(path: Path, as_json: bool) -> int:
    """Prints it; 1 where something is older than the configuration allows, else 0. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    records = loaded.config.records
    found = proof(engine, timedelta(seconds=records.age), timedelta(seconds=records.rollups))
    engine.dispose()
    beyond = sum(one.beyond for one in found)
    if as_json:
        limits = {"age": records.age, "rollups": records.rollups}
        console.print_json({"shape": 1, **limits, "tables": [asdict(one) for one in found]})
        return 1 if beyond else 0
    rows = [(one.name, one.rows, _moment(one.oldest), _moment(one.latest), one.beyond) for one in found]
    columns = ["table", "rows", "oldest (UTC)", "latest (UTC)", "older than allowed"]
    console.console().print(console.table("Kept", columns, rows))
    console.line(f"{beyond} rows are older than allowed" if beyond else "nothing is older than allowed")
    return 1 if beyond else 0


def prune(path: Path, reason: str) -> None:
    """Removes what is older than allowed, whatever the clock and the latest record say. Raises ConfigError,
    StoreDown."""
    loaded, engine = opened(path)
    age, removed = timedelta(seconds=loaded.config.records.age), 0
    while step := store_prune(engine, age, force=True):
        removed += step
    console.line(f"{removed} records and ended joins removed")
    noted(engine, "prune", ALL, "", f"nothing before the last {age.days} days", reason, removed=str(removed))
    engine.dispose()


def _moment(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y-%m-%d %H:%M}"
