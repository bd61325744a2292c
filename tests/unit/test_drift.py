"""Drift is told beside what chance alone would show, and not at all where nothing can be told."""

from random import Random
from typing import Any

import pytest

from gateway import drift
from gateway.config import Route

TRAINING = {"rows": 1000, "sample": [float(at) for at in range(200)]}


def test_the_same_spread_is_stable_and_another_is_shifted(rng: Random) -> None:
    same = drift.finding("x", TRAINING, [rng.uniform(0, 199) for _ in range(900)])
    other = drift.finding("x", TRAINING, [rng.uniform(100, 199) for _ in range(900)])
    assert same and other
    assert (same["word"], other["word"]) == ("stable", "shifted")
    assert same["furthest"] < same["furthest_by_chance"] * 1.5 and other["furthest"] == pytest.approx(0.5, abs=0.06)
    assert sum(other["training"]) == pytest.approx(1) and sum(other["traffic"]) == pytest.approx(1)
    assert other["bins"][0] == "to 20" and other["bins"][-1] == "over 180"


def test_a_code_that_training_never_had_is_seen() -> None:
    counts = {"rows": 100, "counts": {"a": 90, "b": 10}}
    found = drift.finding("x", counts, ["a"] * 50 + ["c"] * 50)
    assert found and found["bins"] == ["a", "b", "c"]
    assert (found["word"], found["furthest"], found["traffic"]) == ("shifted", None, [0.5, 0.0, 0.5])


@pytest.mark.parametrize("values", [[], [1.0] * 49, ["text"] * 80, [["a"]] * 80])
def test_nothing_is_said_of_few_values_or_of_another_kind(values: list[Any]) -> None:
    assert drift.finding("x", TRAINING, values) is None


def test_inputs_and_answers_are_mapped_as_for_the_model() -> None:
    route = Route.model_validate({
        "candidate": "m", "fields": {"cents": "integer", "code": "text"}, "sources": {"a/b": {}},
        "features": {"amount": {"from": "cents", "scale": 0.01}, "kind": {"from": "code", "codes": {"1": "one"}}},
        "answer": {"fields": {
            "decision": {"from": "p", "bands": [{"below": 0.5, "value": "approve"}, {"value": "reject"}]},
            "echoed": {"echo": "code"}, "reasons": {"from": "r", "many": True},
        }},
    })  # fmt: skip
    training = {"amount": {"rows": 60, "sample": [1.0, 2.0, 3.0]}, "kind": {"rows": 60, "counts": {"one": 60}}}
    records = [{"cents": 100 * (at % 3 + 1), "code": "1" if at else "unknown"} for at in range(61)]
    found = {one["name"]: one for one in drift.inputs(route, training, records)}
    assert (found["amount"]["traffic_values"], found["kind"]["traffic_values"]) == (61, 60)
    assert found["amount"]["word"] == "stable"
    outputs = {"p": {"rows": 100, "sample": [0.1, 0.4, 0.6, 0.9]}, "r": {"rows": 1, "sample": [1.0]}}
    [answer] = drift.scores(route, outputs, [{"decision": "approve"}] * 60)
    assert (answer["name"], answer["training"], answer["traffic"]) == ("decision", [0.5, 0.5], [1.0, 0.0])
