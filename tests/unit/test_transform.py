"""Conversions are strict and exact; a rule runs in its stated order, and back."""

import decimal
from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import ConfigError
from gateway.conversion import converter, number, scalar, shown
from gateway.function import imported
from gateway.rules import Rule
from gateway.transform import backward, forward, getter, path, put


def rule(**settings: object) -> Rule:
    return Rule.model_validate(settings)


def halved(value: object) -> object:
    """The operator's function of the tests below."""
    if value == "bug":
        raise KeyError(value)
    return float("nan") if value == "nan" else number(value) / 2


HALVED = f"{__name__}:halved"


@pytest.mark.parametrize(
    ("kind", "given_", "expected"),
    [
        ("text", 7, "7"),
        ("text", True, "true"),
        ("text", Decimal("1E+3"), "1000"),
        ("text", date(2024, 1, 2), "2024-01-02"),
        ("integer", "+012", 12),
        ("integer", Decimal("3.00"), 3),
        ("integer", 4.0, 4),
        ("decimal", 0.1, Decimal("0.1")),
        ("decimal", "1.50", Decimal("1.50")),
        ("decimal", ".5", Decimal("0.5")),
        ("float", "1e-3", 0.001),
        ("float", Decimal("0.25"), 0.25),
        ("float", 3, 3.0),
        ("boolean", "J", True),
        ("boolean", "n", False),
        ("boolean", 0, False),
        ("boolean", "Ja", True),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("date", datetime(2024, 2, 29), date(2024, 2, 29)),
        ("datetime", "2024-02-29T10:00:00", datetime(2024, 2, 29, 10)),
        ("datetime", date(2024, 1, 1), datetime(2024, 1, 1)),
        ("time", "10:30:00", time(10, 30)),
    ],
)
def test_a_value_becomes_its_type(kind: str, given_: object, expected: object) -> None:
    result = converter(kind)(given_)  # type: ignore[arg-type]  # a parametrised literal
    assert result == expected and type(result) is type(expected)


@pytest.mark.parametrize(
    ("kind", "given_", "sentence"),
    [
        ("integer", "12x", "'12x' is not an integer"),
        ("integer", " 12", "' 12' is not an integer"),
        ("integer", "1_000", "'1_000' is not an integer"),
        ("integer", "\u0661\u0662", "is not an integer"),
        ("integer", 1.5, "'1.5' is not an integer"),
        ("integer", True, "'True' is not an integer"),
        ("integer", Decimal("1E+999999"), "sane size"),
        ("text", Decimal("1E-999999"), "sane size"),
        ("decimal", "1,5", "'1,5' is not a number"),
        ("decimal", "NaN", "not a number"),
        ("float", float("inf"), "not a finite"),
        ("decimal", Decimal("NaN"), "finite"),
        ("text", float("nan"), "finite"),
        ("boolean", "maybe", "'maybe' is not a boolean"),
        ("text", b"x", "binary data is not a text"),
        ("text", {"Name": "Miller"}, "a group of fields is not a text"),
        ("text", ["a"], "a list is not a text"),
        ("date", datetime(2024, 1, 1, 9), "is not a date"),
        ("date", "2024-02-30", "'2024-02-30' is not a date (YYYY-MM-DD)"),
        ("time", "25:00", "is not a time"),
        ("integer", "9" * 5000, "is not an integer"),
    ],
)
def test_what_is_not_of_the_type_is_said_in_a_short_sentence(kind: str, given_: object, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        converter(kind)(given_)  # type: ignore[arg-type]  # a parametrised literal
    assert sentence in str(caught.value) and len(str(caught.value)) < 100


def test_an_error_shows_at_most_forty_characters_of_a_value() -> None:
    assert len(shown("Erika Mustermann, Heidestrasse 17, 51147 Koeln")) == 42
    assert shown({"Name": "Erika"}) == "a group of fields"
    assert shown("a\nb\x1b[31m") == "'a?b?[31m'"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_a_float_survives_the_way_through_a_decimal(value: float) -> None:
    assert float(number(value)) == value
    assert scalar(number(value)) == value


@given(
    st.one_of(st.text(max_size=40), st.floats(), st.decimals(), st.integers(), st.binary(), st.booleans(), st.none())
)
def test_every_conversion_converts_or_raises_value_error(value: object) -> None:
    for kind in ("text", "integer", "decimal", "float", "boolean", "date", "datetime", "time"):
        try:
            assert converter(kind)(value) is not None
        except ValueError as error:
            assert len(str(error)) < 120


@pytest.mark.parametrize(
    ("spelled", "steps"),
    [
        ("A.B", ("A", "B")),
        ("Line[0].Id", ("Line", 0, "Id")),
        ("A.@Currency", ("A", "@Currency")),
        ("A[1][2]", ("A", 1, 2)),
        ("Customer Name", ("Customer Name",)),
    ],
)
def test_a_path_is_split_into_names_and_indices(spelled: str, steps: tuple[object, ...]) -> None:
    assert path(spelled) == steps


@pytest.mark.parametrize("spelled", ["", "A..B", "A[", "A[x]", "A[-1]", ".A", " A", "A[99999]"])
def test_a_malformed_path_is_a_configuration_error(spelled: str) -> None:
    with pytest.raises(ConfigError, match="is not a path"):
        path(spelled)


PAYLOAD = {
    "Line": [{"Id": 7}],
    "One": {"Id": 8},
    "Amount": {"#text": "5", "@Currency": "DEM"},
    "Name": "Miller",
    "Nil": None,
}


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("Line[0].Id", 7),
        ("Line[1].Id", None),
        ("One[0].Id", None),
        ("Line.Id", None),
        ("Amount", "5"),
        ("Amount.@Currency", "DEM"),
        ("Amount.#text", "5"),
        ("Name[0]", None),
        ("Name.First", None),
        ("Nil.Id", None),
        ("Missing.Deep.Down", None),
        ("One", {"Id": 8}),
    ],
)
def test_a_path_finds_its_value_and_never_guesses(spelled: str, value: object) -> None:
    assert getter(path(spelled))(PAYLOAD) == value


@given(st.lists(st.one_of(st.sampled_from(["A", "B", "@c"]), st.integers(0, 3)), min_size=1, max_size=5), st.integers())
def test_what_is_put_at_a_path_is_found_there(steps: list[str | int], value: int) -> None:
    target: dict[str, object] = {}
    put(target, ("Root", *steps), value)
    assert getter(("Root", *steps))(target) == value


@pytest.mark.parametrize(
    ("settings", "given_", "expected"),
    [
        ({"trim": True, "strip_zeros": True, "upper": True}, " 00ab ", "AB"),
        ({"strip_zeros": True}, "0000", "0"),
        ({"trim": True, "default": "x"}, "  ", "x"),
        ({"default": "A"}, None, "A"),
        ({"type": "integer"}, "", None),
        ({"type": "text"}, "", ""),
        ({"codes": {"1": "one"}}, 1, "one"),
        ({"codes": {"1": "one"}}, "", None),
        ({"codes": {"": "none", "1": "one"}}, "", "none"),
        ({"codes": {"1": "one"}, "other": "many"}, 5, "many"),
        ({"codes": {"1": None}}, 1, None),
        ({"codes": {"B": 1000}, "scale": Decimal("0.001"), "type": "integer"}, "B", 1),
        ({"scale": Decimal("0.01")}, "12345", Decimal("123.45")),
        ({"scale": Decimal(1000), "offset": Decimal(1), "round": 0, "type": "integer"}, 0.4325, 434),
        ({"scale": Decimal(10), "round": 0}, 0.25, 2),
        ({"scale": Decimal(10), "round": 0}, 0.35, 4),
        ({"round": 2}, "-0.001", Decimal("0.00")),
        ({"round": -2}, 1250, 1200),
        ({"bands": [{"below": Decimal("0.3"), "value": "A"}, {"value": "B"}]}, 0.3, "B"),
        ({"bands": [{"below": Decimal("0.3"), "value": "A"}, {"value": "B"}]}, 0.29999, "A"),
        ({"type": "date", "format": "%d.%m.%Y"}, "29.02.2024", date(2024, 2, 29)),
        ({"type": "date", "format": "%Y%m%d"}, 20240229, date(2024, 2, 29)),
        ({"many": True, "type": "integer"}, ["1", {"#text": "2", "@x": "y"}], [1, 2]),
        ({"many": True}, "a", ["a"]),
        ({"many": True}, None, []),
        ({"many": True, "limit": 1}, ["a", "b"], ["a"]),
        ({"python": HALVED}, "3", Decimal("1.5")),
    ],
)
def test_a_rule_runs_in_its_stated_order(settings: dict[str, object], given_: object, expected: object) -> None:
    assert forward(rule(**settings))(given_) == expected


@pytest.mark.parametrize(
    ("settings", "given_", "sentence"),
    [
        ({"codes": {f"A{n}": n for n in range(20)}}, "B", r"'B' is not a known code \(known: A0, A1, .*A7, \.\.\.\)"),
        ({"bands": [{"below": Decimal(1), "value": "A"}]}, 2, "'2' is above the last band"),
        ({"scale": Decimal(1)}, float("nan"), "finite"),
        ({"scale": Decimal("0.01")}, "1" * 401, "number"),
        ({}, float("inf"), "finite"),
        ({"many": True, "type": "integer"}, [1, None], "an item of the list is missing"),
        ({"python": HALVED}, "bug", "halved: KeyError"),
        ({"python": HALVED}, "x", "'x' is not a number"),
        ({"python": HALVED}, "nan", "finite"),
        ({"round": 12}, Decimal("1E+400"), "sane size"),
    ],
)
def test_a_value_that_has_no_way_says_why(settings: dict[str, object], given_: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        forward(rule(**settings))(given_)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"default": "x", "type": "integer"}, "the default: 'x' is not an integer"),
        ({"codes": {"A": "x"}, "type": "integer"}, "codes.A: 'x' is not an integer"),
        ({"codes": {"a": "x"}, "upper": True}, "codes.a: 'a|codes.a: 'A' is not a known code"),
        ({"python": "tests.unit.nowhere:function"}, "cannot import 'tests.unit.nowhere:function'"),
        ({"python": f"{__name__}:PAYLOAD"}, "is not a function"),
        ({"type": "text", "format": "%Y"}, "format"),
    ],
)
def test_a_rule_that_cannot_work_is_found_when_it_is_compiled(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        forward(rule(**settings))


@pytest.mark.parametrize(
    ("settings", "canonical", "source"),
    [
        ({"codes": {"01": "approve", "02": "reject"}}, "reject", "02"),
        ({"codes": {"J": "true", "N": "false"}, "type": "boolean"}, True, "J"),
        ({"codes": {"H": 100}, "scale": Decimal("0.01")}, Decimal(1), "H"),
        ({"scale": Decimal("0.01")}, Decimal("123.45"), 12345),
        ({"scale": Decimal("1.8"), "offset": Decimal(32)}, Decimal("33.8"), 1),
        ({"type": "date", "format": "%d.%m.%Y"}, date(2024, 2, 29), "29.02.2024"),
        ({"type": "date"}, date(2024, 2, 29), date(2024, 2, 29)),
        ({"many": True, "codes": {"1": "a"}}, ["a", "a"], ["1", "1"]),
        ({"bands": [{"value": "A"}], "inverse": {"A": 17}}, "A", 17),
        ({"codes": {"1": "a", "2": "a"}, "inverse": {"a": "2"}}, "a", "2"),
        ({"python": "no:matter", "inverse": HALVED}, 4, 2),
    ],
)
def test_the_way_back_inverts_the_rule(settings: dict[str, object], canonical: object, source: object) -> None:
    assert backward(rule(**settings))(canonical) == source


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"codes": {"1": "a", "2": "a"}}, "codes '1' and '2' both mean 'a'"),
        ({"bands": [{"value": "A"}]}, "cannot be inverted"),
        ({"python": HALVED}, "cannot be inverted"),
        ({"scale": Decimal(0)}, "a scale of 0"),
    ],
)
def test_a_rule_without_a_way_back_is_a_configuration_error(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        backward(rule(**settings))


@pytest.mark.parametrize(
    ("settings", "value"), [({"codes": {"1": "a"}}, "b"), ({"codes": {"1": "a"}}, ["a"]), ({}, float("nan"))]
)
def test_an_answer_that_cannot_be_written_is_refused(settings: dict[str, object], value: object) -> None:
    with pytest.raises(ValueError, match=r"no code for|finite"):
        backward(rule(**settings))(value)


@given(
    st.decimals(-(10**12), 10**12, places=4),
    st.sampled_from([Decimal("0.01"), Decimal(8), Decimal("2.5"), Decimal(-1000)]),
    st.decimals(-100, 100, places=2),
)
def test_scale_and_offset_are_exact_both_ways(value: Decimal, scale: Decimal, offset: Decimal) -> None:
    way = rule(scale=scale, offset=offset)
    with decimal.localcontext(prec=200):
        assert forward(way)(value) == value * scale + offset
    assert backward(way)(forward(way)(value)) == value


def test_a_long_message_of_the_operators_function_is_cut() -> None:
    with pytest.raises(ValueError) as caught:
        imported(HALVED)("x" * 500)
    assert len(str(caught.value)) < 130


def test_a_small_negative_number_is_not_rounded_to_minus_zero() -> None:
    assert str(forward(rule(round=2))("-0.001")) == "0.00"
