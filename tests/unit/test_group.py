"""A group of an answer has canonical fields of its own, one value or a list of them, on every channel and back."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.config import Route
from gateway.contract import BadPrediction, ConfigError, Unmappable, Values
from gateway.mapping import RouteMapping, compile_route
from gateway.schema import check

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OFFERS: dict[str, Any] = {
    "many": True,
    "fields": {"term": {"type": "integer"}, "rate": {"from": "r", "type": "decimal"}, "note": {"optional": True}},
}
LEGACY: dict[str, Any] = {
    "from": "Result.Offers.Offer",
    "fields": {"term": "@Months", "rate": {"from": "Price.Rate", "scale": Decimal("0.01")}, "note": "Note"},
}


def mapping(answer: Any = OFFERS, source: Any = LEGACY) -> RouteMapping:
    route = {
        "candidate": "m",
        "fields": {"amount": "decimal"},
        "answer": {"fields": {"offers": answer} if answer else {}},
        "sources": {"soap/Score": {"answer": {"offers": source}}, "amqp/Score": {"answer": {"offers": None}}},
    }
    return compile_route("loan", Route.model_validate(route))


REPLY = {"Result": {"Offers": {"Offer": [{"@Months": "12", "Price": {"Rate": "510"}, "Note": "x"},
                                         {"@Months": "24", "Price": {"Rate": "590"}}]}}}  # fmt: skip
CANONICAL = [{"term": 12, "rate": Decimal("5.10"), "note": "x"}, {"term": 24, "rate": Decimal("5.90")}]


def test_both_sides_become_the_same_groups() -> None:
    rules = mapping()
    assert rules.sources["soap/Score"].answers(Values(REPLY)) == [Values({"offers": CANONICAL})]
    predicted = {"offers": [{"term": 12.0, "r": 5.1, "note": "x"}, {"term": 24, "r": "5.90"}]}
    assert rules.answer(predicted, {}, NOW) == Values({"offers": CANONICAL})


def test_groups_go_out_in_the_sources_own_names() -> None:
    rules, answer = mapping(), Values({"offers": CANONICAL})
    sent = rules.sources["soap/Score"].outgoing([answer])
    assert isinstance(sent, Values)
    assert sent.fields["Result"]["Offers"]["Offer"][1] == {"@Months": 24, "Price": {"Rate": 590}}
    assert rules.sources["soap/Score"].answers(sent) == [answer]
    assert rules.sources["amqp/Score"].outgoing([answer]) == Values({"offers": CANONICAL})


def test_without_answer_fields_the_groups_are_those_of_the_source() -> None:
    plain = {"from": "Offer", "fields": {"term": {"from": "T", "type": "integer"}}}
    rules = mapping(answer=None, source=plain)
    assert rules.answer({"offers": {"term": "7"}}, {}, NOW) == Values({"offers": {"term": 7}})


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([{"term": 1}], "offers: rate: is missing"),
        ([{"term": "x", "r": 1}], "offers: term: 'x' is not an integer"),
        (["soon"], "offers: 'soon' is not a group of fields"),
    ],
)
def test_what_is_wrong_in_a_group_is_named(value: Any, sentence: str) -> None:
    with pytest.raises(Unmappable, match=sentence):
        mapping().answer({"offers": value}, {}, NOW)
    with pytest.raises(Unmappable, match=r"offers: .* is not a group of fields"):
        mapping().sources["soap/Score"].outgoing([Values({"offers": ["soon"]})])


@pytest.mark.parametrize(
    ("answer", "source", "sentence"),
    [
        (OFFERS | {"codes": {"a": 1}}, LEGACY, "codes cannot be used with `fields`"),
        (OFFERS, LEGACY | {"fields": {"tern": "T"}}, "no field of the group is called 'tern', did you mean 'term'"),
        ({"fields": {"term": {"constant": 1}}}, {"fields": {}}, "fields.term: a field of a group comes from the group"),
        ({"fields": {"term": {"codes": {"a": 1}, "type": "date"}}}, {}, "fields.term: codes.a"),
    ],
)
def test_a_group_that_cannot_be_is_a_configuration_error(answer: Any, source: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        mapping(answer, source)


def test_requests_and_features_have_no_groups() -> None:
    route = {"fields": {"amount": "decimal"}, "sources": {"soap/Score": {}}, "features": {"amount": OFFERS}}
    with pytest.raises(ConfigError, match=r"features.amount: `fields` belongs to an answer"):
        compile_route("loan", Route.model_validate(route))


def test_a_models_schema_may_describe_records() -> None:
    outputs = {"offers": {"type": "list", "items": {"type": "record", "fields": {"term": {"type": "integer"}}}}}
    check({"offers": [{"term": 12}]}, outputs)
    with pytest.raises(BadPrediction, match="term: expected integer"):
        check({"offers": [{"term": "12"}]}, outputs)
