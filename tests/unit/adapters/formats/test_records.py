"""Bodies of records: how they follow each other, header and trailer, damage, and round trips of any layout."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.config import FixedSettings
from adapters.formats.fixed import fixed
from adapters.formats.records import Records
from gateway.contract import ConfigError, Undecodable, Unencodable
from tests.unit.adapters.formats.copybooks import record

FIELDS = [{"name": "Id", "length": 3, "type": "zoned", "signed": False}, {"name": "Name", "length": 4}]


def declared(fields: Any = FIELDS, encoding: str = "latin-1", **settings: Any) -> Records:
    return fixed(FixedSettings.model_validate({"fields": fields, "encoding": encoding, **settings}))


RECORDS = {"records": [{"Id": 1, "Name": "AB"}, {"Id": 22, "Name": "WXYZ"}]}


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({}, b"001AB  022WXYZ"),
        ({"separator": "\n"}, b"001AB  \n022WXYZ\n"),
        ({"separator": "\r\n"}, b"001AB  \r\n022WXYZ\r\n"),
        (
            {"rdw": True},
            b"\0\x0b\0\0" + b"001AB  " + b"\0\x0b\0\0" + b"022WXYZ",
        ),  # 7 bytes and the 4 of the word itself
        ({"separator": "\n", "encoding": "cp037"}, b"\xf0\xf0\xf1\xc1\xc2\x40\x40\x25\xf0\xf2\xf2\xe6\xe7\xe8\xe9\x25"),
    ],
    ids=str,
)
def test_many_records_in_every_framing(settings: dict[str, Any], body: bytes) -> None:
    many = declared(many=True, **settings)
    assert many.read(body) == RECORDS
    assert many.write(RECORDS) == body
    assert many.write({"records": []}) == b"" and many.read(b"") == {"records": []}
    amended = many.amend(body, {("records", 1, "Name"): "Q", ("records", 0, "Id"): 7})
    assert many.read(amended) == {"records": [{"Id": 7, "Name": "AB"}, {"Id": 22, "Name": "Q"}]}
    assert sum(old != new for old, new in zip(body, amended, strict=True)) == 5


def test_the_last_separator_may_be_left_out() -> None:
    for many in (True, False):
        lines = declared(many=many, separator="\n")
        assert lines.read(b"001AB  \n") == lines.read(b"001AB  ")


def test_a_separator_within_a_number_is_none() -> None:
    packed = declared([{"name": "A", "length": 2, "type": "binary"}], many=True, separator="\n")
    assert packed.read(b"\0\x0a\n\x0a\x0a\n") == {"records": [{"A": 10}, {"A": 2570}]}


@pytest.mark.parametrize(
    ("settings", "body", "message"),
    [
        ({}, b"001AB  02", r"^records\.1\.Id: the record ends at byte 2, .*begins at byte 7"),
        ({}, b"001AB  0x2WXYZ", r"^records\.1\.Id: at byte 0: is no number: its byte 1 .*begins at byte 7"),
        ({"separator": "\n"}, b"001AB  \n022WXYZZ\n", "no separator at byte 15"),
        ({"separator": "\n"}, b"001AB  \n\n022WXYZ\n", "no separator at byte 15"),
        ({"rdw": True}, b"\0\x0b\0\0" + b"001AB  " + b"\0\x0c\0\0" + b"022WXYZ", "byte 11 does not fit"),
        ({"rdw": True}, b"\0\x04\0\0", "byte 0 does not fit"), ({"rdw": True}, b"\0\x0b\0", "byte 0 does not fit"),
        ({"rdw": True}, b"\0\x0b\1\0" + b"001AB  ", "in segments"),
        ({"rdw": True}, b"\0\x0c\0\0" + b"001AB  Z", "the record has 8 bytes, its layout 7"),
        ({"max_decode": "8B"}, b"001AB  022WXYZ", "14 bytes, 8 are decoded"),
    ],
    ids=str,
)  # fmt: skip
def test_damage_is_told_with_its_place(settings: dict[str, Any], body: bytes, message: str) -> None:
    with pytest.raises(Undecodable, match=message) as caught:
        declared(many=True, **settings).read(body)
    assert "WXYZ" not in str(caught.value)
    with pytest.raises(Unencodable, match="cannot be amended"):
        declared(many=True, **settings).amend(body, {("records", 0, "Id"): 1, ("records", 1, "Id"): 1})


@pytest.mark.parametrize("body", [b"", b"001AB", b"001AB  0", b"001AB  \n022WXYZ\n"])
def test_one_record_is_exactly_one(body: bytes) -> None:
    with pytest.raises(Undecodable):
        declared(separator="\n" if b"\n" in body or not body else None).read(body)


HEADER = [{"value": "H", "length": 1}, {"name": "Day", "length": 8}]
TRAILER = [{"value": "T", "length": 1}, {"name": "Count", "length": 3, "type": "zoned", "signed": False}]
AROUND: dict[str, Any] = {"header": HEADER, "trailer": TRAILER, "count": "Count", "many": True}
WHOLE = {"header": {"Day": "20040506"}, **RECORDS, "trailer": {"Count": 2}}


@pytest.mark.parametrize(
    ("settings", "body"),
    [({}, b"H20040506001AB  022WXYZT002"), ({"separator": "\n"}, b"H20040506\n001AB  \n022WXYZ\nT002\n")],
)
def test_header_and_trailer(settings: dict[str, Any], body: bytes) -> None:
    around = declared(**AROUND, **settings)
    assert around.read(body) == WHOLE
    assert around.write(WHOLE) == body
    assert around.write({**WHOLE, "trailer": {}}) == body, "the count is known"
    assert around.amend(body, {("header", "Day"): "19991231"}) == body.replace(b"20040506", b"19991231")
    with pytest.raises(Undecodable, match=r"trailer\.Count is not the number of records, which is 2"):
        around.read(body.replace(b"T002", b"T003"))
    assert around.read(around.write({**WHOLE, "records": [], "trailer": {}}))["records"] == []
    with pytest.raises(Undecodable):
        around.read(b"")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"header": HEADER}, "need `many: true`"), ({"many": True, "count": "Count"}, "neither header nor trailer"),
        ({"length": 6}, "the fields have 7 bytes"), ({"fields": [{"name": "A", "length": 1}] * 2}, "a field A already"),
        ({"fields": [{"name": "A", "length": 2}, {"name": "B", "length": 1, "offset": 1}]}, "before it ends at 2"),
        ({"fields": [{"name": "A", "length": 3, "type": "float"}]}, "4 or 8 bytes"),
        ({"fields": [{"name": "A", "length": 9, "type": "binary"}]}, "8 bytes at most"),
        ({"fields": [{"name": "A", "length": 1, "type": "zoned", "sign": "leading"}]}, "no place for a digit"),
        ({"fields": [{"name": "A", "length": 1, "type": "zoned", "value": "x"}]}, "not a number"),
        ({"max_decode": "6B"}, "more than max_decode"), ({"separator": "€"}, "separator: "),
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        declared(**settings)


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"records": {}}, {"records": [], "more": 1}, {"records": [{}]}, {"records": [{"Id": 1}]}, {"records": [1]},
        {"records": [{"Id": 1, "Name": "A", "X": 1}]}, {"records": [{"Id": 1, "Name": []}]},
        {"records": [], "header": {}},
    ],
    ids=str,
)  # fmt: skip
def test_payloads_that_do_not_fit_are_unencodable(payload: Any) -> None:
    with pytest.raises(Unencodable):
        declared(many=True).write(payload)


def test_every_type_of_a_declared_field() -> None:
    fields = [
        {"name": "Text", "length": 5, "justify": "right", "pad": "*"},
        {"name": "Number", "offset": 7, "length": 8, "type": "number", "scale": 2},
        {"name": "Left", "length": 5, "type": "number", "justify": "left"},
        {"name": "Zeros", "length": 5, "type": "number", "pad": "0"},
        {"name": "Zoned", "length": 3, "type": "zoned", "scale": 1},
        {"name": "Apart", "length": 3, "type": "zoned", "sign": "leading"},
        {"name": "Packed", "length": 3, "type": "packed", "scale": 2},
        {"name": "Bare", "length": 2, "type": "packed", "sign": "none"},
        {"name": "Little", "length": 2, "type": "binary", "order": "little"},
        {"name": "Single", "length": 4, "type": "hex_float"},
        {"name": "Double", "length": 8, "type": "float"},
        {"name": "Other", "length": 2, "encoding": "cp037"},
        {"length": 3, "value": "END"},
        {"name": "Code", "length": 1, "value": "A"},
    ]
    values = {
        "Text": "AB", "Number": Decimal("-12.50"), "Left": 7, "Zeros": -42, "Zoned": Decimal("-1.2"), "Apart": 5,
        "Packed": Decimal("-123.45"), "Bare": 1234, "Little": -2, "Single": 1.0, "Double": 1.5, "Other": "AB",
        "Code": "A",
    }  # fmt: skip
    body = (
        b"***AB" + b"  " + b"  -12.50" + b"7    " + b"-0042" + b"01K" + b"+05"
        + bytes.fromhex("12345d" + "1234" + "feff" + "41100000" + "3ff8000000000000") + b"\xc1\xc2" + b"ENDA" + b"   "
    )  # fmt: skip
    format = declared(fields, length=len(body))
    assert format.write({name: value for name, value in values.items() if name != "Code"}) == body
    assert format.read(body) == values


def test_a_copybook_may_have_header_and_trailer(tmp_path: Path) -> None:
    text = (
        "01 HEAD.\n   05 DAY-X PIC X(2).\n01 BODY-R.\n   05 N PIC 9.\n   05 T PIC X OCCURS 0 TO 3 DEPENDING ON N.\n"
        "01 TAIL.\n   05 HOW-MANY PIC 9(2)."
    )
    batch = record(tmp_path, text, header="HEAD", trailer="tail", many=True, count="HOW-MANY", encoding="latin-1")
    values = {
        "header": {"DAY-X": "MO"}, "records": [{"N": 2, "T": ["A", "B"]}, {"N": 0, "T": []}, {"N": 1, "T": ["C"]}],
        "trailer": {"HOW-MANY": 3},
    }  # fmt: skip
    body = b"MO" + b"2AB" + b"0" + b"1C" + b"03"
    assert batch.read(body) == values
    assert batch.write(values) == body
    with pytest.raises(Undecodable, match="N: at byte 0"):
        batch.read(b"MO" + b"2AB" + b"x" + b"1C" + b"03")


# Any layout: fields, groups, tables and alternatives at random, with values to match.
def _leaf(name: str) -> st.SearchStrategy[tuple[str, st.SearchStrategy[Any]]]:
    text = st.integers(1, 6).map(
        lambda size: (
            f"{name} PIC X({size})",
            st.text(st.characters(codec="cp037", exclude_characters=" "), max_size=size),
        )
    )
    usages = st.sampled_from(
        ["", " COMP-3", " COMP", " COMP SYNC", " SIGN LEADING", " SIGN TRAILING SEPARATE", " COMP-5"]
    )
    numbers = st.tuples(st.integers(1, 9), st.integers(0, 4), usages).map(
        lambda shape: (
            f"{name} PIC S9({shape[0]})" + (f"V9({shape[1]})" if shape[1] else "") + shape[2],
            st.integers(-(10 ** sum(shape[:2])) + 1, 10 ** sum(shape[:2]) - 1).map(
                lambda whole: Decimal(whole).scaleb(-shape[1]) if shape[1] else whole
            ),
        )
    )
    return text | numbers


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    lines, values, counter = ["01 R."], dict[str, Any](), [0]

    def name() -> str:
        counter[0] += 1
        return f"F{counter[0]}"

    def part(level: int, into: dict[str, Any]) -> None:
        kind, label = draw(st.sampled_from(["leaf", "leaf", "group", "table", "varying"])), name()
        if kind == "leaf" or level > 15:
            clause, value = draw(_leaf(label))
            lines.append(f"{' ' * 3}{level:02} {clause}.")
            into[label] = draw(value)
        elif kind == "group":
            lines.append(f"   {level:02} {label}.")
            into[label] = {}
            for _ in range(draw(st.integers(1, 3))):
                part(level + 5, into[label])
        else:
            clause, value = draw(_leaf(label))
            low, high = draw(st.integers(0, 2)), draw(st.integers(2, 4))
            count = draw(st.integers(low, high)) if kind == "varying" else high
            if kind == "varying":
                length = name()
                lines.append(f"   {level:02} {length} PIC 9(2).")
                into[length] = count
                clause = clause.replace(" SYNC", "") + f"\n      OCCURS {low} TO {high} DEPENDING ON {length}"
            else:
                clause += f" OCCURS {high}"
            lines.append(f"   {level:02} {clause}.")
            into[label] = draw(st.lists(value, min_size=count, max_size=count))

    for _ in range(draw(st.integers(1, 5))):
        part(5, values)
    text = "\n".join(lines)
    return (text.replace(" SYNC", "") if "DEPENDING" in text else text), values


@given(layouts(), st.data())
def test_any_record_comes_back_and_is_amended_alone(
    tmp_path_factory: pytest.TempPathFactory, layout: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, values = layout
    format = record(tmp_path_factory.getbasetemp(), text)
    body = format.write(values)
    assert format.read(body) == values
    name = data.draw(st.sampled_from(sorted(values)))
    changed = data.draw(st.sampled_from([values[name], 0, "A"]))
    try:
        amended = format.amend(body, {(name,): changed})
    except Unencodable:
        return
    assert format.read(amended) == {**values, name: format.read(amended)[name]}
    assert len(amended) == len(body)


@given(layouts(), st.data())
def test_any_damage_is_undecodable_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, layout: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    format = record(tmp_path_factory.getbasetemp(), layout[0], many=data.draw(st.booleans()))
    body = data.draw(st.binary(max_size=80))
    try:
        format.read(body)
    except Undecodable as error:
        assert len(str(error)) < 200
