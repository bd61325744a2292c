"""`understudy backfill`: history is scored once, with its business time, and a run goes on where another stopped."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.store import queries, tables
from tests.inprocess import running
from tests.integration.database.configured import BATCH, adapter, config
from tests.integration.database.legacy_tables import Legacy


def backfill(path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["backfill", "loan", "--config", str(path), "--rate", "100000", *words])


def test_history_is_scored_once_and_the_rest_later(legacy: Legacy, tmp_path: Path) -> None:
    values = adapter(legacy, batch=BATCH, as_of="note")
    path = tmp_path / "understudy.yaml"
    path.write_text(config(values, stage="shadow"))
    legacy.apply(range(1, 301))
    legacy.batch()
    legacy.apply([900], note="2004-05-03")  # not answered, so no history

    async def migrated() -> None:
        async with running(config(values, stage="off"), tmp_path, observe=False):
            pass

    asyncio.run(migrated())
    dry = backfill(path, "--dry-run", "--where", "id<=100")
    assert dry.exit_code == 0 and "100 answered calls" in dry.output and "can be read on both" in dry.output, dry.output
    ran = backfill(path, "--where", "id<=100")
    assert ran.exit_code == 0 and "100 calls were scored" in ran.output, ran.output
    assert "0 calls were scored" in backfill(path, "--where", "id<=100").output
    assert "300 calls were scored" in backfill(path).output

    async def ledger() -> None:
        async with running(config(values, stage="off"), tmp_path, observe=False) as gateway:
            terms = queries.ledger(gateway.engine, "loan")
            assert queries.balance(terms) == 0
            told = {term: count for term, count in terms.items() if not term.startswith("told:")}
            assert told == {"seen": 300, "compared": 300, "duplicate": 100}
            with gateway.engine.connect() as connection:
                years = {one.year for one in connection.execute(select(tables.record.c.received)).scalars()}
            assert len(years) == 1

    asyncio.run(ledger())


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_the_business_time_of_a_row_is_that_of_its_record(legacy: Legacy, tmp_path: Path) -> None:
    values = adapter(legacy, batch=BATCH, as_of="fault", refusal=None)
    path = tmp_path / "understudy.yaml"
    path.write_text(config(values, stage="shadow"))
    legacy.apply([1, 2], fault="2004-05-03")
    legacy.batch()

    async def case() -> None:
        async with running(config(values, stage="off"), tmp_path, observe=False) as gateway:
            ran = await asyncio.to_thread(backfill, path)
            assert ran.exit_code == 0, ran.output
            with gateway.engine.connect() as connection:
                days = {
                    one.date().isoformat() for one in connection.execute(select(tables.record.c.received)).scalars()
                }
            assert days == {"2004-05-03"}

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_a_condition_is_checked_and_bound(legacy: Legacy, tmp_path: Path) -> None:
    path = tmp_path / "understudy.yaml"
    path.write_text(config(adapter(legacy, batch=BATCH), stage="shadow"))
    legacy.apply([1])
    legacy.batch()
    wrong = backfill(path, "--dry-run", "--where", "nonsense")
    assert wrong.exit_code == 2 and "expected COLUMN=VALUE" in wrong.output
    alien = backfill(path, "--dry-run", "--where", "x=1")
    assert alien.exit_code == 2 and "no column 'x'" in alien.output
    sly = backfill(path, "--dry-run", "--where", "branch=B1' OR '1'='1")
    assert sly.exit_code == 0 and "0 answered calls" in sly.output
