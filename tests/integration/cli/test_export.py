"""`understudy export` and `reseal`: typed columns, what is sealed stays sealed, and an old key can go."""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import Engine, select

from gateway.cli.export import FIT
from gateway.config import parse
from gateway.keeping import keyring, opened
from gateway.seal import SEALED, Unopened, place
from gateway.store import tables
from gateway.store.audit import entries
from gateway.store.epochs import epoch
from gateway.store.model import Replica
from gateway.store.secret import digest, secret
from gateway.store.stream import STEP
from gateway.store.text import loads
from gateway.store.writer import Writer
from tests.integration.cli.conftest import TEXT, Run
from tests.integration.store.samples import NOW, batch, record

ROUTE = "loan_decision"
KEYS = {"OLD": base64.b64encode(b"o" * 32).decode(), "NEW": base64.b64encode(b"n" * 32).decode()}
RECORDS = "records: {fields: {id: hash, amount: encrypt, decision: keep}, keys: {old: '${OLD}'}}\n"


@pytest.fixture
def filled(path: Path, engine: Engine) -> Engine:
    """Five records whose amounts are sealed with the old key."""
    path.write_text(RECORDS + TEXT)
    ring = keyring(parse(RECORDS, path, KEYS).config.records, partial(digest, secret(engine)))
    number = epoch(engine, ROUTE, "credit:1", "rules", "shadow 0", "data7")
    made = [
        record(
            str(at), epoch=number, received=NOW - timedelta(days=at), distances={"score": 1.5},
            fields={"id": "ab" * 16, "amount": {SEALED: ring.seal(Decimal(at), place(ROUTE, "amount"))}},
            incumbent={"$refusal": "TooMuch"} if at == 4 else {"decision": "approve"},
        )
        for at in range(5)
    ]  # fmt: skip
    Writer(engine, Replica("a", "host", 1)).flush(batch(*made))
    return engine


def table(file: Path) -> Mapping[str, list[Any]]:
    read: Mapping[str, list[Any]] = parquet.read_table(file).to_pydict()
    return read


def test_records_are_exported_with_their_types_and_what_is_sealed_stays_sealed(
    run: Run, filled: Engine, tmp_path: Path
) -> None:
    ran = run("export", ROUTE, str(tmp_path / "out.parquet"), "--reason", "audit", environment=KEYS)
    assert ran.exit_code == 0, ran.output
    found = table(tmp_path / "out.parquet")
    assert found["call"] == ["0", "1", "2", "3", "4"]
    assert (found["received"][0], found["late"][0], found["data_revision"][0]) == (NOW, False, "data7")
    assert found["incumbent.decision"] == ["approve"] * 4 + [None]
    assert found["incumbent_outcome"][3:] == ["values", "refused TooMuch"]
    assert all(text.startswith("old:") for text in found["field.amount"])
    assert found["field.id"] == ["ab" * 16] * 5 and found["key"] == [b"k" * 16] * 5
    [entry] = entries(filled)
    assert (entry.event.action, entry.event.after, entry.event.reason) == ("export", "5 records", "audit")


def test_who_says_so_gets_what_is_sealed_opened_and_typed_and_it_is_noted(
    run: Run, filled: Engine, tmp_path: Path
) -> None:
    ran = run("export", ROUTE, str(tmp_path / "out.parquet"), "--decrypt", "--since", "60h", environment=KEYS)
    assert ran.exit_code == 0, ran.output
    assert table(tmp_path / "out.parquet")["field.amount"] == [Decimal(0), Decimal(1), Decimal(2)]
    assert entries(filled)[0].event.after == "3 records, decrypted"


def test_without_the_key_nothing_is_written(run: Run, path: Path, filled: Engine, tmp_path: Path) -> None:
    path.write_text(path.read_text().replace("keys: {old: '${OLD}'}", "keys: {new: '${NEW}'}"))
    ran = run("export", ROUTE, str(tmp_path / "out.parquet"), "--decrypt", environment=KEYS)
    assert ran.exit_code == 1 and "'old' is not configured" in ran.stderr
    assert list(tmp_path.glob("*parquet*")) == []


def test_more_records_than_are_read_at_once_are_all_there(run: Run, filled: Engine, tmp_path: Path) -> None:
    writer = Writer(filled, Replica("a", "host", 1))
    writer.flush(batch(*(record(f"more {at}") for at in range(2 * STEP))))
    run("export", ROUTE, str(tmp_path / "out.parquet"), environment=KEYS)
    file = parquet.ParquetFile(tmp_path / "out.parquet")
    assert (file.metadata.num_rows, file.num_row_groups) == (2 * STEP + 5, 3)


def test_a_new_key_takes_over_and_the_old_one_can_go(run: Run, path: Path, filled: Engine) -> None:
    both = RECORDS.replace("keys: {old: '${OLD}'}", "keys: {old: '${OLD}', new: '${NEW}'}, key: new")
    path.write_text(both + TEXT)
    ran = run("reseal", "--reason", "yearly", environment=KEYS)
    assert (ran.exit_code, "5 records resealed with the key 'new'" in ran.output) == (0, True)
    assert "0 records resealed" in run("reseal", environment=KEYS).output
    only = parse(RECORDS.replace("old: '${OLD}'", "new: '${NEW}'"), path, KEYS).config.records
    ring = keyring(only, partial(digest, secret(filled)))
    with filled.connect() as connection:
        kept = [loads(text) for text in connection.execute(select(tables.record.c.fields)).scalars()]
    assert [opened(ring, ROUTE, fields)["amount"] for fields in kept] == [Decimal(at) for at in range(5)]
    assert entries(filled)[-1].event.reason == "yearly"


def test_what_cannot_be_opened_is_said_and_stays(run: Run, path: Path, filled: Engine) -> None:
    path.write_text(path.read_text().replace("old: '${OLD}'", "new: '${NEW}'"))
    ran = run("reseal", environment=KEYS)
    assert ran.exit_code == 1 and "5 records could not be opened" in ran.stderr
    old = keyring(parse(RECORDS, path, KEYS).config.records, partial(digest, secret(filled)))
    with filled.connect() as connection:
        fields = loads(connection.execute(select(tables.record.c.fields)).scalars().first() or "")
    assert opened(old, ROUTE, fields)["amount"] == Decimal(0)
    with pytest.raises(Unopened):
        opened(old, "another route", fields)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int64", 2**63, None), ("int64", True, None), ("int64", "12", None), ("float64", Decimal("1.5"), 1.5),
        ("bool", True, True), ("bool", 1, None), ("date32", datetime(2026, 1, 2, 3, tzinfo=UTC), date(2026, 1, 2)),
        ("timestamp", datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)), ("time64", time(3, 4), time(3, 4)),
        ("text", {"a": [1]}, '{"a":[1]}'), ("decimal", "x", None),
    ],
)  # fmt: skip
def test_a_value_that_is_not_of_its_columns_type_any_more_is_left_out(kind: str, value: Any, expected: Any) -> None:
    assert FIT[kind](value) == expected
