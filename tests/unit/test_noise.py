"""The incumbent is compared with itself on requests that come again, each call in one pair at most."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from math import sqrt
from typing import Any

import pytest

from gateway.case import Case, decode, judge
from gateway.compare import itself
from gateway.config import Route
from gateway.contract import Values
from gateway.noise import Repeats, ceiling
from gateway.recorder import Recorder
from gateway.records import Records
from gateway.store.batch import Batch
from gateway.store.secret import digest
from tests.unit.test_case import BATCH, REPLY, REQUEST, seen

digested = partial(digest, b"s" * 32)
REJECTED = {**REPLY, "Decision": "R"}


def came(call_id: str, request: Any = REQUEST, reply: Any = REPLY, minutes: int = 0, **changed: Any) -> Case:
    """A call of the memory adapter, decoded."""
    case = seen(request, reply, operation=changed.pop("operation", "Score"), **changed)
    case.sighting.call_id = call_id
    case.sighting.received += timedelta(minutes=minutes)
    decode(case)
    return case


def kinds(repeats: Repeats, *cases: Case) -> list[list[str]]:
    return [[str(verdict.kind) for verdict in repeats.pairs(case)] for case in cases]


def configured(case: Case, **noise: Any) -> Case:
    """The case with another section `noise`."""
    settings = case.bound.settings
    case.bound = replace(
        case.bound, settings=settings.model_copy(update={"noise": settings.noise.model_copy(update=noise)})
    )
    return case


def test_equal_requests_are_paired_and_each_call_counts_once() -> None:
    cases = [came(str(at), reply=reply) for at, reply in enumerate((REPLY, REPLY, REPLY, REJECTED, REPLY))]
    assert kinds(Repeats(digested), *cases) == [[], ["agree"], [], ["disagree"], []]


def test_another_request_a_redelivery_and_a_technical_answer_are_no_repeats() -> None:
    others = [
        came("1"), came("1"), came("2", {**REQUEST, "Amount": 501}), came("3", reply={"error": "E99"}),
    ]  # fmt: skip
    assert kinds(Repeats(digested), *others) == [[]] * 4


def test_what_comes_after_the_window_is_no_repeat_but_the_next_one_is() -> None:
    assert kinds(Repeats(digested), came("1"), came("2", minutes=1441), came("3", minutes=1442)) == [[], [], ["agree"]]


def test_fields_may_be_left_out_of_what_makes_requests_equal() -> None:
    requests = {**REQUEST, "Id": "1"}, {**REQUEST, "Id": "2"}
    cases = [configured(came(str(at), request), without=["id"]) for at, request in enumerate(requests)]
    assert kinds(Repeats(digested), *cases) == [[], ["agree"]]


def test_the_oldest_requests_are_forgotten_and_none_remembered_where_it_is_off() -> None:
    cases = [came("1"), came("2", {**REQUEST, "Amount": 1}), came("3")]
    assert kinds(Repeats(digested), *(configured(case, remembered=1) for case in cases)) == [[], [], []]
    assert kinds(Repeats(digested), *(configured(came(one), remembered=0) for one in "12")) == [[], []]


def test_records_of_one_message_are_paired_like_any_others() -> None:
    replies = {"1": [REPLY, REPLY], "2": [REPLY, REJECTED]}
    cases = [came(one, BATCH, {"Results": results}, operation="ScoreBatch") for one, results in replies.items()]
    assert kinds(Repeats(digested), *cases) == [[], ["agree", "disagree"]]


def test_a_call_that_waited_for_its_answer_is_left_out() -> None:
    assert kinds(Repeats(digested), *(came(one, kind="answered") for one in "12")) == [[], []]


def test_pairs_are_summed_beside_the_verdicts() -> None:
    recorder, batch = Recorder(Records(), digested), Batch()
    for at, reply in enumerate((REPLY, REJECTED)):
        case = came(str(at), reply=reply)
        case.candidate = [Values({"decision": "approve", "score": 950.0})]
        judge(case)
        recorder.keep(case, batch)
    [rollup] = batch.rollups.values()
    assert rollup.repeats == {"": [0, 1], "decision": [0, 1], "score": [1, 1]}
    assert (rollup.compared, rollup.agreed) == (2, 1)


def test_one_side_against_itself_is_neither_translated_nor_excused() -> None:
    entry = {"owner": "Risk", "reason": "old", "expires": "2030-01-01"}
    route = Route.model_validate({
        "sources": {"here/all": {"answer": {"x": None}}},
        "compare": {"x": {"rule": "set", "codes": {"a": "b"}, "items": {"rule": "exact", "codes": {"a": "b"}}}},
        "known_differences": {"one": entry},
    })  # fmt: skip
    alone = itself(route)
    assert alone.compare["x"].codes is None and alone.compare["x"].items and alone.compare["x"].items.codes is None
    assert alone.known_differences == {}


@pytest.mark.parametrize(("agreed", "compared", "expected"), [(81, 100, sqrt(0.81)), (5, 5, 1.0), (0, 0, None)])
def test_the_ceiling_is_the_root_of_how_often_the_incumbent_repeats_itself(
    agreed: int, compared: int, expected: float | None
) -> None:
    assert ceiling(agreed, compared) == expected
