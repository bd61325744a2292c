"""Outcomes are compared by value, never by spelling, and nothing technical counts as agreement."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare import Kind, Verdict, compile_compare
from gateway.config import Route
from gateway.contract import ConfigError, Opaque, Outcome, Refusal, Values


def route(compare: dict[str, Any], **types: str | None) -> Route:
    fields = {name: {"type": kind, "optional": True} for name, kind in types.items()}
    sources = {"here/all": {"answer": dict.fromkeys(types)}, "here/first": {"answer": dict.fromkeys(list(types)[:1])}}
    return Route.model_validate({"sources": sources, "answer": {"fields": fields}, "compare": compare})


def judged(rule: Any, kind: str | None, incumbent: Any, candidate: Any) -> Verdict:
    compare = compile_compare(route({"x": rule}, x=kind))
    return compare(Values({"x": incumbent}), Values({"x": candidate}))


@pytest.mark.parametrize(
    ("rule", "kind", "incumbent", "candidate", "agree", "distance"),
    [
        ("exact", None, Decimal("1.0"), Decimal(1), True, 0.0),
        ("exact", "float", Decimal("0.87309999999999999"), 0.8731, True, 0.0),
        ("exact", "decimal", Decimal("0.8731"), 0.87309, False, 0.00001),
        ("exact", None, 1, 1.5, False, 0.5),
        ("exact", "integer", "012", 12, True, 0.0),
        ("exact", "text", "A", "a", False, None),
        ("exact", "boolean", "J", True, True, None),
        ("exact", None, True, 1, True, None),
        ("exact", "date", date(2024, 1, 1), "2024-01-01", True, None),
        ("exact", None, ["a", "b"], ["b", "a"], False, None),
        ({"rule": "exact", "tolerance": 5}, "integer", 1, 2, False, 1.0),
        ({"absolute": 20}, "decimal", Decimal(500), Decimal(520), True, 20.0),
        ({"absolute": 20}, "decimal", Decimal(500), Decimal("520.01"), False, 20.01),
        ({"absolute": 20}, None, "abc", Decimal(1), False, None),
        ({"relative": Decimal("0.1")}, "float", -100.0, -110.0, True, 0.1),
        ({"relative": Decimal("0.1")}, "float", 100.0, 111.0, False, 0.11),
        ({"relative": Decimal("0.1")}, "integer", 0, 0, True, 0.0),
        ({"relative": Decimal("0.1")}, "float", 5e-324, 1e300, False, 1e300),
        ({"relative": Decimal("0.1")}, "integer", 0, 1, False, None),
        ("set", None, ["a", "b", "b"], ["b", "a", "b"], True, None),
        ("set", None, ["a", "b"], ["a", "b", "b"], False, None),
        ("set", "decimal", ["0.1"], [0.1], True, None),
        ("set", None, "a", ["a"], True, None),
        ({"date": 2}, "date", date(2024, 2, 28), date(2024, 3, 1), True, 2.0),
        ({"date": 1}, "date", date(2024, 2, 28), date(2024, 3, 1), False, 2.0),
        ({"date": 1}, None, "2024-02-28", "2024-02-28T12:00:00", True, 0.5),
        ({"date": 1}, "datetime", datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), False, None),
        ({"date": 1}, None, "soon", "later", False, None),
        ({"rule": "exact", "codes": {"1": "approve"}}, "text", "approve", 1, True, None),
        ({"rule": "exact", "codes": {"1": "approve"}}, "text", "approve", 2, False, None),
        ({"rule": "set", "codes": {"1": "late"}}, "text", ["late", "poor"], ["poor", "1"], True, None),
    ],
)
def test_a_field_is_judged_by_its_rule(
    rule: Any, kind: str | None, incumbent: Any, candidate: Any, agree: bool, distance: float | None
) -> None:
    verdict = judged(rule, kind, incumbent, candidate)
    assert verdict.fields["x"].agree is agree
    assert verdict.kind is (Kind.AGREE if agree else Kind.DISAGREE)
    assert verdict.reason == ("" if agree else "x")
    assert verdict.fields["x"].distance == (None if distance is None else pytest.approx(distance))


def test_a_field_on_one_side_only_disagrees_and_on_neither_is_not_judged() -> None:
    compare = compile_compare(route({}, x="text", y="text", z="text"))
    verdict = compare(Values({"x": "a", "y": "b"}), Values({"x": "a"}))
    assert (verdict.kind, verdict.reason, list(verdict.fields)) == (Kind.DISAGREE, "y", ["x", "y"])


def test_only_fields_that_the_source_carries_are_compared_when_it_is_named() -> None:
    rules = route({}, x="text", y="text")
    answers = Values({"x": "a"}), Values({"x": "a", "y": "b"})
    assert compile_compare(rules, "here/all")(*answers).kind is Kind.DISAGREE
    assert compile_compare(rules, "here/first")(*answers).kind is Kind.AGREE


def test_an_ignored_field_is_in_no_verdict_and_nothing_compared_is_no_agreement() -> None:
    compare = compile_compare(route({"x": "ignore"}, x="text"))
    verdict = compare(Values({"x": "a"}), Values({"x": "a"}))
    assert (verdict.kind, verdict.fields, verdict.reason) == (Kind.OPAQUE, {}, "nothing to compare")


@pytest.mark.parametrize(
    ("incumbent", "candidate", "kind", "reason"),
    [
        (Refusal("E01", "missing"), Refusal("E01", "is missing"), Kind.AGREE, ""),
        (Refusal("E01"), Refusal("E02"), Kind.DISAGREE, "incumbent refused E01, candidate refused E02"),
        (Refusal("E01"), Values({"x": "a"}), Kind.DISAGREE, "incumbent refused E01, candidate answered"),
        (Values({"x": "a"}), Refusal("E01"), Kind.DISAGREE, "incumbent answered, candidate refused E01"),
        (Opaque("status 503"), Values({"x": "a"}), Kind.OPAQUE, "incumbent: status 503"),
        (Refusal("E01"), Opaque("timeout"), Kind.OPAQUE, "candidate: timeout"),
    ],
)
def test_refusals_are_answers_and_technical_outcomes_are_kept_out(
    incumbent: Outcome, candidate: Outcome, kind: Kind, reason: str
) -> None:
    verdict = compile_compare(route({}, x="text"))(incumbent, candidate)
    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("compare", "sentence"),
    [
        ({"scroe": "exact"}, "routes.loan.compare.scroe: no answer field is called 'scroe', did you mean 'score'"),
        ({"score": {"absolute": -1}}, "compare.score: a tolerance is 0 or more"),
        ({"word": {"relative": 1}}, "compare.word: relative cannot compare a text"),
        ({"score": {"date": 1}}, "compare.score: date cannot compare a float"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_a_configuration_error(compare: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        compile_compare(route(compare, score="float", word="text"), name="loan")


SIDES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=False),
    st.text(max_size=5),
    st.dates(),
    st.lists(st.text(max_size=2), max_size=3),
    st.datetimes(),
)


@given(
    SIDES,
    SIDES,
    st.sampled_from(["exact", {"absolute": 1}, {"relative": 1}, "set", {"date": 1}]),
    st.sampled_from([None, "float", "decimal", "date"]),
)
def test_comparing_never_raises_and_equal_sides_agree(one: Any, other: Any, rule: Any, kind: str | None) -> None:
    fits = kind is None or isinstance(rule, str) or (kind == "date") == ("date" in rule)
    if fits:
        judged(rule, kind, one, other)
        same = judged(rule, kind, one, one)
        assert same.kind is not Kind.DISAGREE or one != one  # NaN is not itself
