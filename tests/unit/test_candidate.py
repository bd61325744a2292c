"""One outcome a record, aligned, whatever goes wrong with one of them or with all."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.candidate import Candidate, Scored
from gateway.contract import (
    BadPrediction,
    CandidateFailed,
    ModelTimeout,
    Prediction,
    Refusal,
    Row,
    RowError,
    Unmappable,
    Values,
)
from tests.integration.test_stages import config
from tests.models import SCHEMA
from tests.parts import Old, Predict, Scorer, Source, compiled, linked


async def candidate(scorer: Scorer, folder: Path = Path()) -> Candidate:
    source = Source(Old(None))  # type: ignore[arg-type]  # nobody asks it here
    found = compiled(config("shadow"), folder, source, await linked(scorer)).bound["old", "Score"].candidate
    assert found
    return found


def scored(records: Sequence[dict[str, Any]], predict: Predict | None = None, timeout: float = 5) -> list[Scored]:
    async def case() -> list[Scored]:
        one = await candidate(Scorer(predict) if predict else Scorer())
        return await one.score(records, timeout)

    return asyncio.run(case())


KINDS: dict[str, tuple[dict[str, Any], type]] = {
    "answered": ({"id": "1", "amount": 500}, Values),
    "refused": ({"id": "2", "amount": 2_000_000}, Refusal),
    "unmappable": ({"id": "3"}, Unmappable),
    "row error": ({"id": "4", "amount": -1}, CandidateFailed),
    "bad": ({"id": "5", "amount": 7}, BadPrediction),
}


def mixed(rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
    """Nonsense for 7, an error below 0, sense for the rest."""
    return [
        {"probability_bad": 7.0} if row["amount"] == 7 else RowError("negative") if row["amount"] < 0 else
        {"probability_bad": row["amount"] / 2000}
        for row in rows
    ]  # fmt: skip


@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=12))
def test_every_record_has_its_own_outcome_in_its_own_place(kinds: list[str]) -> None:
    outcomes = scored([KINDS[kind][0] for kind in kinds], mixed)
    assert [type(outcome) for outcome in outcomes] == [KINDS[kind][1] for kind in kinds]


def test_the_outcomes_are_those_of_their_records() -> None:
    amounts = [100, -1, 300, 2_000_001, 500]
    outcomes = scored([{"id": str(at), "amount": amount} for at, amount in enumerate(amounts)])
    scores = [outcome.fields["score"] for outcome in outcomes if isinstance(outcome, Values)]
    assert scores == [990, 970, 950]


def test_refused_and_unmappable_records_are_not_sent_to_the_model() -> None:
    async def case() -> None:
        scorer = Scorer()
        one = await candidate(scorer)
        await one.score([KINDS["refused"][0], KINDS["unmappable"][0]], 5)
        assert scorer.asked == []
        await one.score([kind[0] for kind in KINDS.values()], 5)
        assert scorer.asked == [3]

    asyncio.run(case())


def test_a_model_that_loses_records_answers_none() -> None:
    outcomes = scored([{"id": "1", "amount": 1}, {"id": "2", "amount": 2}], lambda rows: [{"probability_bad": 0.5}])
    assert [type(outcome) for outcome in outcomes] == [BadPrediction] * 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, "0.5", None, True])
def test_no_prediction_outside_the_models_own_schema_is_seen_by_anybody(value: Any) -> None:
    [outcome] = scored([{"id": "1", "amount": 1}], lambda rows: [{"probability_bad": value}])
    assert isinstance(outcome, BadPrediction)


def test_a_model_with_other_inputs_is_never_asked() -> None:
    async def case() -> None:
        scorer = Scorer(schema={**SCHEMA, "inputs": {"amuont": {"type": "number"}}})
        one = await candidate(scorer)
        [outcome] = await one.score([{"id": "1", "amount": 1}], 5)
        assert isinstance(outcome, BadPrediction) and "did you mean 'amuont'" in str(outcome)
        assert scorer.asked == []

    asyncio.run(case())


def test_a_model_that_is_too_slow_fails_every_record_within_the_time() -> None:
    async def case() -> None:
        scorer = Scorer()
        one = await candidate(scorer)
        scorer.gate.clear()
        outcomes = await one.score([{"id": "1", "amount": 1}, {"id": "2", "amount": 2_000_000}], 0.01)
        assert [type(outcome) for outcome in outcomes] == [ModelTimeout, Refusal]

    asyncio.run(case())


def test_a_model_that_keeps_failing_is_left_alone() -> None:
    async def case() -> None:
        scorer = Scorer()
        one = await candidate(scorer)
        scorer.gate.clear()
        for _ in range(5):
            await one.score([{"id": "1", "amount": 1}], 0.001)
        [outcome] = await one.score([{"id": "1", "amount": 1}], 5)
        assert "left alone" in str(outcome)
        assert len(scorer.asked) == 5 and one.link.breaker.open

    asyncio.run(case())


def test_that_no_time_was_left_says_nothing_about_the_model() -> None:
    async def case() -> None:
        scorer = Scorer()
        one = await candidate(scorer)
        for _ in range(10):
            [outcome] = await one.score([{"id": "1", "amount": 1}], 0)
            assert isinstance(outcome, CandidateFailed)
        assert not one.link.breaker.open
        assert isinstance((await one.score([{"id": "1", "amount": 1}], 5))[0], Values)

    asyncio.run(case())
