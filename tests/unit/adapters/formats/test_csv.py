"""Separated values: quoting and encodings both ways, damage, and amended without touching another byte."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.config import CsvSettings
from adapters.formats.csv import Csv
from gateway.contract import ConfigError, Undecodable, Unencodable


def format(**settings: Any) -> Csv:
    return Csv(CsvSettings.model_validate(settings))


BODY = b'Id,Name,Amount\r\n1,"Meyer, ""Zoe""",12.50\r\n2,,"a\r\nb"\r\n'
RECORDS = {
    "records": [{"Id": "1", "Name": 'Meyer, "Zoe"', "Amount": "12.50"}, {"Id": "2", "Name": "", "Amount": "a\r\nb"}]
}


def test_records_with_a_header() -> None:
    assert format(many=True).read(BODY) == RECORDS
    assert format(many=True).write(RECORDS) == BODY


@pytest.mark.parametrize(
    "body",
    [b"1;A\n", b"1;A", b"\n1;A\r\n\r\n", b"1;A\r", b"'1';'A'\n", b"\xef\xbb\xbf1;A\n"],
    ids=repr,
)
def test_one_record_without_a_header(body: bytes) -> None:
    one = format(columns=["Id", "Name"], delimiter=";", quote="'", line_end="\n")
    assert one.read(body) == {"Id": "1", "Name": "A"}
    assert one.write({"Name": "A", "Id": 1}) == b"1;A\n"


def test_values_are_written_as_text() -> None:
    one = format(columns=["a", "b", "c", "d"], quoting="all", line_end="\n")
    assert one.write({"a": Decimal("1.50"), "b": None, "c": True, "d": 0.1}) == b'"1.50","","true","0.1"\n'


def test_encodings() -> None:
    latin = format(columns=["a"], encoding="cp1252", line_end="\n")
    assert latin.write({"a": "Zoë €"}) == "Zoë €\n".encode("cp1252")
    assert latin.media == "text/csv; charset=cp1252"
    assert latin.read("Zoë".encode(), 'text/csv; charset="utf-8"') == {"a": "Zoë"}
    wide = format(columns=["a", "b"], encoding="utf-16-le")
    assert wide.read(wide.write({"a": "x", "b": "1\n2"})) == {"a": "x", "b": "1\n2"}
    with pytest.raises(Unencodable, match="not in cp1252"):
        latin.write({"a": "Ω"})
    with pytest.raises(ConfigError, match="not known"):
        format(columns=["a"], encoding="nonsense")


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.lists(st.fixed_dictionaries({"a": _text, "b": _text}), max_size=4), st.booleans(), st.sampled_from([",", "\t"])
)
def test_any_text_comes_back(records: list[dict[str, str]], header: bool, delimiter: str) -> None:
    many = format(many=True, columns=["a", "b"], header=header, delimiter=delimiter)
    assert many.read(many.write({"records": records})) == {"records": records}
    single = format(many=True, columns=["a"])
    column = [{"a": one["a"]} for one in records]
    assert single.read(single.write({"records": column})) == {"records": column}


@given(st.lists(st.fixed_dictionaries({"a": _text, "b": _text}), min_size=1, max_size=4), _text, st.data())
def test_one_value_is_amended_alone(records: list[dict[str, str]], value: str, data: st.DataObject) -> None:
    many = format(many=True, columns=["a", "b"])
    body = many.write({"records": records})
    index, name = data.draw(st.integers(0, len(records) - 1)), data.draw(st.sampled_from("ab"))
    amended = many.amend(body, {("records", index, name): value})
    assert many.read(amended)["records"] == [
        {**one, name: value} if at == index else one for at, one in enumerate(records)
    ]
    assert many.amend(body, {("records", index, name): records[index][name]}) == body


def test_amending_keeps_every_other_byte() -> None:
    odd = b'Id,Name,Amount\n"1" , x,12.50\r2,"",""\r\n\r\n'.replace(b'"1" ,', b'"1",')
    amended = format(many=True).amend(odd, {("records", 0, "Id"): 9, ("records", 1, "Amount"): "7,5"})
    assert amended == odd.replace(b'"1"', b'"9"').replace(b'"",""', b'"","7,5"')


@pytest.mark.parametrize(
    "path",
    [("Id",), ("records",), ("records", 0), ("records", 2, "Id"), ("records", -1, "Id"), ("records", 0, "X"), ()],
)
def test_nothing_is_ever_added(path: tuple[str | int, ...]) -> None:
    with pytest.raises(Unencodable, match="has no"):
        format(many=True).amend(BODY, {path: 1})


@pytest.mark.parametrize(
    ("settings", "body", "message"),
    [
        ({}, b"", "header is missing"), ({}, b"a,a\n1,2\n", "two of its columns"), ({}, b"a,\n1,2\n", "has none"),
        ({}, b"a,b\n1\n", "Line 2 has 1 values, there are 2"), ({}, b"a\n1\n2\n", "Line 3 is another record"),
        ({}, b"a\n", "no record"), ({}, b'a\n"secret\n', "Line 2 has a quote that is not closed"),
        ({}, b'a\n"x"secret\n', "behind a closing quote"), ({}, b"a\n\xff\n", "Byte 2 is no character"),
        ({"columns": ["b"], "header": True}, b"a\n1\n", "configured columns"), ({}, b"," * 5000, "more than 4096"),
        ({"many": True}, b'a,b\n"1\n2",3\n4\n', "Line 4 has 1"), ({"max_decode": "4B"}, b"a\n1\n2", "5 bytes, 4 are"),
    ],
    ids=repr,
)  # fmt: skip
def test_damage_is_told_with_its_line(settings: dict[str, Any], body: bytes, message: str) -> None:
    with pytest.raises(Undecodable, match=message) as caught:
        format(**settings).read(body)
    assert "secret" not in str(caught.value)
    with pytest.raises(Unencodable):
        format(**settings).amend(body, {("a",): 1})


def test_an_unknown_charset_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="charset"):
        format(columns=["a"]).read(b"x", "text/csv; charset=nonsense")


@pytest.mark.parametrize(
    "payload",
    [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": [], "b": 1}, {"a": b"", "b": 1}, {"a": float("nan"), "b": 1}],
)
def test_what_has_no_column_or_no_text_is_unencodable(payload: Any) -> None:
    with pytest.raises(Unencodable):
        format(columns=["a", "b"]).write(payload)
