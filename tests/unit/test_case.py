"""A sighting becomes a verdict and a term of the ledger, whatever stands in its bytes."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.case import Case, decode, join, judge
from gateway.contract import BadPrediction, CandidateFailed, ModelTimeout, Opaque, Raw, Values
from gateway.pipe import Kind, Sighting
from gateway.table import Bound
from tests.integration.test_stages import config
from tests.parts import Old, Scorer, Source, compiled, linked

REQUEST = {"Id": "00012", "Amount": 500, "Name": "Ada"}
REPLY = {"Decision": "A", "Score": 950.0, "Clerk": " 07 "}
DISAGREEING = {"Decision": "R", "Score": 950.0}
BATCH = {"Batch": "1", "Applications": [REQUEST, {"Id": "13", "Amount": 600}]}


def bound(operation: str = "Score", more: str = "") -> Bound:
    async def case() -> Bound:
        source = Source(Old(None))  # type: ignore[arg-type]  # nobody asks it here
        text = config("shadow", more=more)
        return compiled(text, Path(), source, await linked(Scorer())).bound["old", operation]

    return asyncio.run(case())


def raw(body: Any) -> Raw | None:
    if body is None:
        return None
    return Raw(body if isinstance(body, bytes) else json.dumps(body).encode(), "application/json", 200)


def seen(
    request: Any = REQUEST, incumbent: Any = REPLY, candidate: Any = None, *, kind: Kind = "call",
    stage: str = "shadow", by: str = "incumbent", reason: str = "shadow", operation: str = "Score",
) -> Case:  # fmt: skip
    sent = raw(request)
    assert sent
    sighting = Sighting(
        sent, raw(incumbent), raw(candidate), kind, "loan", "old", operation, "id-1", datetime(2026, 1, 2, tzinfo=UTC),
        stage, by, reason, "v1", "", 1.0, None, 2.0,
    )  # fmt: skip
    return Case("worker.1", sighting, bound(operation))


def judged(case: Case, scored: Sequence[Any] | None = None) -> Case:
    decode(case)
    if scored is not None and case.wants_score:
        case.candidate = scored
    judge(case)
    return case


def score(case: Case) -> list[Any]:
    assert case.bound.candidate
    return asyncio.run(case.bound.candidate.score([{"id": "12", "amount": 500}], 5))


def test_both_sides_agree_in_canonical_fields() -> None:
    case = seen()
    judged(case, score(case))
    assert (case.term, case.words) == ("compared", ["agree"])
    assert case.records == [{"id": "12", "amount": 500, "name": "Ada"}]
    assert case.incumbent == [Values({"decision": "approve", "score": 950.0})]
    assert case.sighting.model == "scorer:1"


def test_a_disagreement_names_its_fields() -> None:
    case = seen(incumbent=DISAGREEING)
    judged(case, score(case))
    assert case.words == ["disagree"]
    [verdict] = case.verdicts
    assert verdict and {name: str(field.kind) for name, field in verdict.fields.items()} == {
        "decision": "disagree",
        "score": "agree",
    }


@pytest.mark.parametrize(
    ("changes", "term", "words"),
    [
        ({"request": b"<xml/>"}, "undecodable", []),
        ({"request": {"Id": "1"}}, "failed", []),
        ({"incumbent": b"<html>"}, "undecodable", ["undecodable"]),
        ({"incumbent": {"Decision": "?"}}, "undecodable", ["undecodable"]),
        ({"incumbent": {"error": "E99"}}, "not_observable:technical", ["opaque"]),
        ({"stage": "off"}, "not_observable:recorded", ["opaque"]),
        ({"reason": "fallback:ModelTimeout"}, "timed_out", ["timed_out"]),
        ({"reason": "fallback:BadPrediction"}, "failed", ["failed"]),
        ({"candidate": REPLY, "incumbent": None, "by": "candidate"}, "sampled_out", ["unobserved"]),
        ({"candidate": REPLY, "by": "candidate"}, "compared", ["agree"]),
        ({"candidate": b"broken", "by": "candidate"}, "undecodable", ["undecodable"]),
    ],
    ids=str,
)
def test_what_the_bytes_say_names_the_term(changes: dict[str, Any], term: str, words: list[str]) -> None:
    case = judged(seen(**changes))
    assert (case.term, case.words) == (term, words)


@pytest.mark.parametrize(("outcome", "term"), [(ModelTimeout("late"), "timed_out"), (BadPrediction("NaN"), "failed")])
def test_a_candidate_without_an_answer_is_no_disagreement(outcome: CandidateFailed, term: str) -> None:
    case = judged(seen(), [outcome])
    assert (case.term, case.verdicts) == (term, ())


def test_a_refusal_of_the_incumbent_counts_for_every_record_of_the_message() -> None:
    case = seen(BATCH, {"fault": "TooMuch"}, operation="ScoreBatch")
    judged(case, [Values({"decision": "approve", "score": 950.0})] * 2)
    assert (case.term, case.words) == ("compared", ["disagree", "disagree"])


@pytest.mark.parametrize("results", [[REPLY], [REPLY] * 3, []])
def test_replies_that_do_not_match_the_records_are_not_compared(results: list[Any]) -> None:
    case = seen(BATCH, {"Results": results}, operation="ScoreBatch")
    judged(case, [Values({"decision": "approve", "score": 950.0})] * 2)
    assert case.term == "not_observable:technical"
    assert case.words == ["opaque"] * 2, "one word a record of the request"


def test_a_record_for_which_only_one_side_answers_leaves_the_message_uncompared() -> None:
    case = seen(BATCH, {"Results": [REPLY, REPLY]}, operation="ScoreBatch")
    judged(case, [Values({"decision": "approve", "score": 950.0}), CandidateFailed("negative")])
    assert (case.term, case.words) == ("failed", ["failed"] * 2)


def test_nothing_is_scored_in_off_nor_what_the_candidate_has_answered_nor_what_cannot_be_read() -> None:
    for case in (seen(stage="off"), seen(stage="off", kind="opened"), seen(candidate=REPLY), seen(b"<xml/>")):
        decode(case)
        assert not case.wants_score
    plain = seen()
    decode(plain)
    assert plain.wants_score


def test_a_witnessed_answer_is_judged_against_what_was_scored_when_the_call_came() -> None:
    case = seen(kind="answered")
    join(case, [{"id": "12"}], [Values({"decision": "approve", "score": 940.0})])
    judge(case)
    assert (case.term, case.words) == ("compared", ["disagree"])


def test_a_witnessed_call_that_nobody_scored_is_recorded_and_not_compared() -> None:
    case = seen(kind="answered", stage="off")
    join(case, [{"id": "12"}], [])
    judge(case)
    assert (case.term, case.words) == ("not_observable:recorded", ["opaque"])
    assert case.incumbent == [Values({"decision": "approve", "score": 950.0})]


def test_a_technical_reply_is_opaque_to_both_sides() -> None:
    case = judged(seen(incumbent={"error": "E1"}), [Values({})])
    assert isinstance(case.incumbent[0], Opaque)
