"""The ledger's sum, roll-ups and key digests, without a database."""

from datetime import UTC, datetime, timedelta, timezone

from gateway.store.model import AGREE, DISAGREE, Slot
from gateway.store.queries import balance
from gateway.store.secret import digest
from gateway.store.sums import Rollup
from tests.integration.store.samples import record


def test_a_ledger_balances_when_every_call_seen_has_one_term() -> None:
    terms = {"seen": 10, "not_observable:doctype": 2, "not_observable:large": 1, "compared": 4, "pending": 3}
    assert balance(terms) == 0


def test_a_call_that_went_missing_shows() -> None:
    assert balance({"seen": 10, "compared": 9}) == 1


def test_what_is_told_beside_the_balance_does_not_change_it() -> None:
    assert balance({"seen": 1, "compared": 1, "duplicate": 5, "answered:candidate:canary": 7}) == 0


def test_taking_a_verdict_back_undoes_adding_it() -> None:
    rollup = Rollup()
    rollup.take(record("1"))
    other = record("2", DISAGREE, verdicts={"decision": DISAGREE, "note": "opaque"}, cost=3.0, segments=["large"])
    rollup.take(other)
    assert (rollup.agreed, rollup.cost, rollup.pairs["decision"]["approve", "decline"]) == (1, 3.0, [1, 1])
    rollup.take(other, sign=-1)
    assert (rollup.agreed, rollup.compared, rollup.fields, rollup.cost) == (1, 1, {"decision": [1, 1]}, 0.0)
    assert rollup.pairs["decision"] == {("approve", "approve"): [1, 0], ("approve", "decline"): [0, 0]}
    assert (rollup.segments, rollup.words) == ({"large": [0, 0]}, {AGREE: 1, DISAGREE: 0})


def test_merging_rollups_adds_everything() -> None:
    left, right = Rollup(calls=1, errors=2), Rollup(calls=3, answered_candidate=4)
    left.take(record("1"))
    right.take(record("2", DISAGREE))
    right.time("gateway", 5)
    left.merge(right)
    assert (left.calls, left.errors, left.answered_candidate, left.compared, left.agreed) == (4, 2, 4, 2, 1)
    assert left.fields == {"decision": [1, 2]}
    assert left.latency["gateway"].count == 1


def test_a_slot_is_the_minute_in_utc() -> None:
    received = datetime(2026, 3, 1, 0, 30, 59, 999, timezone(timedelta(hours=2)))
    assert Slot.at("r", "shadow", "s", 1, received).minute == datetime(2026, 2, 28, 22, 30, tzinfo=UTC)


def test_a_key_digest_is_the_same_everywhere_and_differs_by_route_and_secret() -> None:
    assert digest(b"k", "loans", "1234").hex() == "ede32ecdab6e22aaef3f2ea395b0b405"
    assert len({digest(b"k", "loans", "1234"), digest(b"k", "cards", "1234"), digest(b"l", "loans", "1234")}) == 3
