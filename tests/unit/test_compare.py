"""Outcomes are compared by value, never by spelling, and nothing technical counts as agreement."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare import Kind, Verdict, compile_compare, needed
from gateway.config import Route
from gateway.contract import ConfigError, Opaque, Outcome, Refusal, Values

TODAY = date(2026, 3, 1)


def route(compare: dict[str, Any], more: dict[str, Any] | None = None, **types: Any) -> Route:
    fields = {
        name: kind if isinstance(kind, dict) else {"type": kind, "optional": True} for name, kind in types.items()
    }
    sources = {"here/all": {"answer": dict.fromkeys(types)}, "here/first": {"answer": dict.fromkeys(list(types)[:1])}}
    request = {"amount": "decimal", "age": {"type": "integer", "optional": True}, "purpose": {"optional": True}}
    sections = {"sources": sources, "answer": {"fields": fields}, "compare": compare, "fields": request}
    return Route.model_validate(sections | (more or {}))


def compared(
    rules: Route, incumbent: Outcome, candidate: Outcome, record: Any = None, today: date = TODAY, source: Any = None
) -> Verdict:
    return compile_compare(rules, source)(record or {}, incumbent, candidate, today)


def judged(rule: Any, kind: Any, incumbent: Any, candidate: Any) -> Verdict:
    return compared(route({"x": rule}, x=kind), Values({"x": incumbent}), Values({"x": candidate}))


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
        ({"absolute": 20}, None, 0, 1e301, False, None),
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
    assert (verdict.fields["x"].kind is Kind.AGREE) is agree
    assert verdict.kind is (Kind.AGREE if agree else Kind.DISAGREE)
    assert verdict.reason == ("" if agree else "x")
    assert verdict.fields["x"].distance == (None if distance is None else pytest.approx(distance))


def test_a_field_on_one_side_only_disagrees_and_on_neither_is_not_judged() -> None:
    rules = route({}, x="text", y="text", z="text")
    verdict = compared(rules, Values({"x": "a", "y": "b"}), Values({"x": "a"}))
    assert (verdict.kind, verdict.reason, list(verdict.fields)) == (Kind.DISAGREE, "y", ["x", "y"])


def test_only_fields_that_the_source_carries_are_compared_when_it_is_named() -> None:
    rules = route({}, x="text", y="text")
    answers = Values({"x": "a"}), Values({"x": "a", "y": "b"})
    assert compared(rules, *answers, source="here/all").kind is Kind.DISAGREE
    assert compared(rules, *answers, source="here/first").kind is Kind.AGREE


def test_an_ignored_field_is_in_no_verdict_and_nothing_compared_is_no_agreement() -> None:
    verdict = compared(route({"x": "ignore"}, x="text"), Values({"x": "a"}), Values({"x": "a"}))
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
    verdict = compared(route({}, x="text"), incumbent, candidate)
    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("compare", "sentence"),
    [
        ({"scroe": "exact"}, "routes.loan.compare.scroe: no answer field is called 'scroe', did you mean 'score'"),
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


OFFER = {"term": 12, "price": {"net": Decimal("10.00"), "tax": Decimal("2.00")}}
GROUP = {
    "fields": {
        "term": {"type": "integer"},
        "price": {"fields": {"net": {"type": "decimal"}, "tax": {"type": "decimal"}}},
    }
}


def offer(term: int = 12, net: str = "10.00") -> dict[str, Any]:
    return {"term": term, "price": {"net": Decimal(net), "tax": Decimal("2.00")}}


def test_a_group_is_judged_by_path_and_what_has_no_rule_exactly() -> None:
    verdict = judged({"record": {"price.net": {"absolute": 1}}}, GROUP, offer(), offer(term=24, net="10.80"))
    assert {name: one.kind for name, one in verdict.fields.items()} == {
        "x.price.net": Kind.AGREE, "x.term": Kind.DISAGREE, "x.price.tax": Kind.AGREE,
    }  # fmt: skip
    assert verdict.reason == "x.term"
    assert verdict.fields["x.price.net"].distance == pytest.approx(0.8)
    assert list(judged({"record": {"price": "ignore"}}, GROUP, offer(), offer()).fields) == ["x.term"]
    assert judged({"record": {}}, GROUP, offer(), None).reason == "x.term, x.price.net, x.price.tax"


@pytest.mark.parametrize(
    ("rule", "incumbent", "candidate", "agree"),
    [
        ("set", [offer(12), offer(24)], [offer(24), offer(12)], True),
        ("list", [offer(12), offer(24)], [offer(24), offer(12)], False),
        ("list", [offer(12), offer(24)], [offer(12), offer(24)], True),
        ("set", [offer(net="10.40")], [offer()], False),
        ({"set": {"record": {"price.net": {"absolute": 1}}}}, [offer(net="10.40")], [offer()], True),
        ({"set": {"record": {"price": "ignore"}}}, [offer(net="99")], [offer()], True),
        ("set", [{"term": 12}], [offer()], False),
    ],
)
def test_groups_in_lists_are_judged_whole(rule: Any, incumbent: Any, candidate: Any, agree: bool) -> None:
    verdict = judged(rule, GROUP | {"many": True}, incumbent, candidate)
    assert (verdict.kind is Kind.AGREE, list(verdict.fields)) == (agree, ["x"])


@pytest.mark.parametrize(
    ("rule", "incumbent", "candidate", "agree"),
    [
        ({"set": {"absolute": 1}}, ["1", 2], [Decimal(3), "2"], True),
        ({"set": {"absolute": 1}}, [1, 2], [3, 4], False),
        ({"set": {"absolute": 1}}, [1, 1], [1], False),
        ({"list": {"absolute": 1}}, [1, 9], [2, 10], True),
        ({"list": {"absolute": 1}}, [9, 1], [2, 10], False),
        ({"set": {"relative": Decimal("0.5")}}, [-10, 10], [10, -10], True),
        ({"set": {"date": 1}}, ["2024-01-01", "2024-06-01"], ["2024-06-02", "2024-01-02"], True),
        ({"set": None}, [], [], True),
    ],
)
def test_a_list_may_have_a_tolerance_for_each_item(rule: Any, incumbent: Any, candidate: Any, agree: bool) -> None:
    kind = "date" if "date" in str(rule) else "decimal"
    assert (judged(rule, kind, incumbent, candidate).kind is Kind.AGREE) is agree


def close(incumbent: str, candidate: str) -> Any:
    """An operator's own comparison."""
    if candidate == "broken":
        raise KeyError("Ada")
    return (incumbent[0] == candidate[0], abs(len(incumbent) - len(candidate))) if candidate else False


def test_a_function_of_the_operator_judges_and_its_failure_is_no_verdict() -> None:
    rule = {"python": f"{__name__}:close"}
    assert judged(rule, "text", "Ada", "Alma").fields["x"] == (Kind.AGREE, "python", 1.0, "")
    assert judged(rule, "text", "Ada", "").kind is Kind.DISAGREE
    failed = judged(rule, "text", "Ada", "broken")
    assert (failed.kind, failed.reason) == (Kind.OPAQUE, f"x: {__name__}:close raised KeyError")


LARGE = {"segments": {"large": {"field": "amount", "above": 1000}, "age": {"by": "age", "bands": [25, 40]}}}


def test_the_tolerance_of_a_segment_is_its_own() -> None:
    rules = route({"x": {"absolute": 1, "segments": {"large": 50}}}, LARGE, x="decimal")
    sides = Values({"x": 100}), Values({"x": 120})
    assert compared(rules, *sides, {"amount": Decimal(500)}).kind is Kind.DISAGREE
    assert compared(rules, *sides, {"amount": Decimal(5000)}).kind is Kind.AGREE


@pytest.mark.parametrize(
    ("record", "labels"),
    [
        ({"amount": 5000, "age": 24}, ("large", "age: below 25")),
        ({"amount": 1000, "age": 25}, ("age: 25 to below 40",)),
        ({"amount": 1, "age": 40}, ("age: 40 and above",)),
        ({"amount": 1}, ("age: missing",)),
    ],
)
def test_a_verdict_names_the_segments_of_its_record(record: Any, labels: Any) -> None:
    rules = route({}, LARGE, x="text")
    assert compared(rules, Values({"x": "a"}), Values({"x": "b"}), record).segments == labels
    assert compared(rules, Values({"x": "a"}), Opaque("timeout"), record).segments == labels


def test_no_value_that_the_configuration_does_not_name_is_in_a_label() -> None:
    rules = route({}, {"segments": {"for": {"by": "purpose", "values": ["car", "tv"]}}}, x="text")
    labels = [compared(rules, Values({}), Values({}), {"purpose": one}).segments for one in ("car", "Ada's boat", None)]
    assert labels == [("for: car",), ("for: other",), ("for: missing",)]


COST = {
    "cost": {
        "field": "x", "currency": "EUR", "at_most": 4000,
        "pairs": [
            {"incumbent": "reject", "candidate": "approve", "amount": "amount", "times": Decimal("0.6")},
            {"incumbent": "approve", "candidate": "reject", "cost": 120},
            {"incumbent": "$refusal", "candidate": "approve", "cost": 7},
        ],
    }
}  # fmt: skip


@pytest.mark.parametrize(
    ("incumbent", "candidate", "record", "cost"),
    [
        (Values({"x": "reject"}), Values({"x": "approve"}), {"amount": Decimal(1000)}, 600.0),
        (Values({"x": "reject"}), Values({"x": "approve"}), {"amount": Decimal(100_000)}, 4000.0),
        (Values({"x": "reject"}), Values({"x": "approve"}), {}, None),
        (Values({"x": "approve"}), Values({"x": "reject"}), {}, 120.0),
        (Values({"x": "approve"}), Values({"x": "approve"}), {}, 0.0),
        (Values({"x": "approve"}), Values({"x": "manual"}), {}, 0.0),
        (Refusal("E01"), Values({"x": "approve"}), {}, 7.0),
    ],
)
def test_a_disagreement_costs_what_its_pair_says(incumbent: Any, candidate: Any, record: Any, cost: Any) -> None:
    assert compared(route({}, COST, x="text"), incumbent, candidate, record).cost == cost


def known(**entry: Any) -> dict[str, Any]:
    owned = {"owner": "Risk", "reason": "rounding of 2009", "expires": "2026-03-01"}
    return {"known_differences": {"rounding": owned | entry}}


@pytest.mark.parametrize(
    ("entry", "candidate", "record", "kind"),
    [
        ({"field": "x"}, 101, {}, Kind.KNOWN),
        ({"field": "x", "within": 1}, 101, {}, Kind.KNOWN),
        ({"field": "x", "within": 1}, 102, {}, Kind.DISAGREE),
        ({"field": "y"}, 101, {}, Kind.DISAGREE),
        ({"field": "x", "incumbent": [100]}, 101, {}, Kind.KNOWN),
        ({"field": "x", "candidate": [7]}, 101, {}, Kind.DISAGREE),
        ({"when": {"field": "amount", "above": 5}}, 101, {"amount": Decimal(9)}, Kind.KNOWN),
        ({"when": {"field": "amount", "above": 5}}, 101, {"amount": Decimal(1)}, Kind.DISAGREE),
        ({"field": "x", "expires": "2026-02-28"}, 101, {}, Kind.DISAGREE),
    ],
)
def test_a_known_difference_counts_apart_until_it_expires(entry: Any, candidate: Any, record: Any, kind: Kind) -> None:
    rules = route({}, known(**entry) | COST | {"cost": COST["cost"] | {"field": "y"}}, x="decimal", y="text")
    verdict = compared(rules, Values({"x": 100, "y": "a"}), Values({"x": candidate, "y": "a"}), record)
    assert verdict.kind is kind
    assert verdict.fields["x"].known == ("rounding" if kind is Kind.KNOWN else "")
    assert verdict.cost == 0.0


def test_one_unknown_difference_beside_a_known_one_is_a_disagreement() -> None:
    rules = route({}, known(field="x"), x="text", y="text")
    verdict = compared(rules, Values({"x": "a", "y": "b"}), Values({"x": "c", "y": "d"}))
    assert (verdict.kind, verdict.reason) == (Kind.DISAGREE, "y")
    refused = compared(route({}, known(), x="text"), Refusal("E01"), Values({"x": "a"}))
    assert (refused.kind, refused.known) == (Kind.KNOWN, "rounding")


@pytest.mark.parametrize(
    ("compare", "more", "sentence"),
    [
        ({"x": {"absolute": 1, "segments": {"age": 5}}}, LARGE, "no segment with a condition is called 'age'"),
        ({"x": "record"}, {}, "compare.x: record compares a group; state its `fields`"),
        ({"x": {"python": "nowhere:function"}}, {}, "compare.x: cannot import 'nowhere:function'"),
        ({}, {"segments": {"s": {"field": "amuont", "above": 1}}}, "segments.s: no field is called 'amuont'"),
        ({}, {"segments": {"s": {"by": "purpose", "bands": [1]}}}, "segments.s: bands need a number"),
        ({}, COST | {"cost": COST["cost"] | {"field": "z"}}, "cost.field: no answer field is called 'z'"),
        ({}, known(field="z"), "known_differences.rounding: no compared field is called 'z'"),
    ],
)
def test_what_surrounds_a_comparison_is_checked_too(compare: Any, more: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        compile_compare(route(compare, more, x="decimal"), name="loan")


@pytest.mark.parametrize(
    "compare",
    [{"absolute": -1}, {"rule": "exact", "items": "exact"}, {"rule": "python"}, {"rule": "set", "segments": {"a": 1}}],
)
def test_a_rule_that_cannot_be_meant_is_refused(compare: Any) -> None:
    with pytest.raises(ValueError, match=r"tolerance|belongs|needs"):
        route({"x": compare}, x="decimal")


def test_a_call_that_waits_keeps_what_its_comparison_will_need() -> None:
    assert needed(route({}, LARGE | COST | known(when={"field": "purpose", "missing": True}), x="text")) == {
        "amount", "age", "purpose",
    }  # fmt: skip
