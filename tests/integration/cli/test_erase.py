"""`understudy erase` and `kept`: what is removed, what is left and said, and what is noted of it."""

import json
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway import registry
from gateway.keeping import keyring
from gateway.records import Records
from gateway.seal import place
from gateway.store import queries
from gateway.store.audit import entries
from gateway.store.batch import Batch
from gateway.store.dead import sums
from gateway.store.model import Pending, Replica
from gateway.store.secret import digest, secret
from gateway.store.values import keep, kept
from gateway.store.writer import Writer
from tests.integration.cli.conftest import TEXT, Run
from tests.integration.store.samples import NOW, batch, record

ROUTE = "loan_decision"


@pytest.fixture
def filled(path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A store with two records of `0012`, one of another, and a waiting call of each; keys are read without padding."""
    offered = {**registry.ADAPTERS, "leaving": "tests.integration.cli.leaving:Leaving"}
    monkeypatch.setattr(registry, "ADAPTERS", offered)
    text = TEXT.replace("loans: {type: memory", "loans: {type: leaving")
    path.write_text(text.replace("{id: text,", "{id: {type: text, trim: true, strip_zeros: true},"))
    (path.parent / "dead").write_text(json.dumps({"d1": "0012", "d2": "13"}))
    hashed = partial(digest, secret(engine))
    ring = keyring(Records(), hashed)
    hers, his = (hashed(ROUTE, key) for key in ("12", "13"))
    writer = Writer(engine, Replica("a", "host", 1))
    writer.flush(batch(record("1", key=hers), record("2", key=hers), record("3", key=his)))
    waiting = [
        Pending(ROUTE, call, "loans/Score", NOW, NOW + timedelta(days=1),
                ring.seal([{"id": key}], place(ROUTE, call)), "", "m", "v")
        for call, key in (("4", "12"), ("5", "13"))
    ]  # fmt: skip
    writer.flush(Batch(opened=waiting))
    replies = dict.fromkeys((b"hers", b"his", b"older"), b"reply")
    keep(engine, "leaving/loans/Score", replies, 60, {b"hers": [hers, his], b"his": [his]})
    return engine


@pytest.mark.parametrize("spelled", ["12", " 0012 "])
def test_a_person_is_removed_everywhere_however_the_key_is_spelled(
    run: Run, path: Path, filled: Engine, spelled: str
) -> None:
    ran = run("erase", ROUTE, spelled, "--reason", "asked to be forgotten")
    assert ran.exit_code == 0, ran.output
    for sentence in (
        "records: 2 removed",
        "waiting calls: 1 removed",
        "stored replies: 1 removed",
        "stored replies of unknown persons: 1 removed",
        "loans: 1 dead letters",
    ):
        assert sentence in ran.output
    assert "loans: a broken one" in ran.stderr and "backups" in ran.output
    assert [one.call_id for one in queries.sample(filled, ROUTE, 1)] == ["3"]
    assert json.loads((path.parent / "dead").read_text()) == {"d2": "13"}
    assert "where such a request comes again, it is scored again" in ran.stderr
    assert set(kept(filled, "leaving/loans/Score", [b"hers", b"his", b"older"])) == {b"his"}
    [letters] = sums(filled, "loans")
    assert (letters.came, letters.erased) == (1, 1)
    [entry] = entries(filled)
    assert (entry.event.action, entry.event.reason, entry.event.details["records"]) == (
        "erase",
        "asked to be forgotten",
        "2",
    )
    assert "12" not in entry.event.before.removeprefix(f"key {digest(secret(filled), ROUTE, '12').hex()}")


def test_a_call_sealed_with_a_key_that_is_gone_is_left_and_said(run: Run, filled: Engine) -> None:
    lost = Pending(ROUTE, "6", "loans/Score", NOW, NOW + timedelta(days=1), "gone:AAAA", "", "m", "v")
    Writer(filled, Replica("a", "host", 1)).flush(Batch(opened=[lost]))
    ran = run("erase", ROUTE, "12")
    assert "waiting calls: 1 removed" in ran.output and "'gone' is not configured" in ran.stderr


def test_a_route_without_a_key_cannot_tell_people_apart(run: Run, filled: Engine) -> None:
    ran = run("erase", "rating", "12")
    assert ran.exit_code == 2 and "has no key" in ran.stderr


def test_what_is_kept_is_told_and_what_is_too_old_is_wrong_until_it_is_pruned(run: Run, engine: Engine) -> None:
    writer = Writer(engine, Replica("a", "host", 1))
    writer.flush(batch(record("old", received=NOW - timedelta(days=100))))
    ran = run("kept", "--json")
    tables = {one["name"]: one for one in json.loads(ran.output)["tables"]}
    assert (ran.exit_code, tables["record"]["beyond"], tables["rollup"]["beyond"]) == (1, 1, 0)
    assert "rows are older than allowed" in run("kept").output
    ran = run("kept", "--prune", "--reason", "no traffic for months")
    assert "1 records and ended joins removed" in ran.output
    assert entries(engine)[0].event.reason == "no traffic for months"
    assert json.loads(run("kept", "--json").output)["tables"][0]["rows"] == 0
