"""Copybooks: where fields stand by IBM's rules, what tables and alternatives do, and what is refused and where."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.formats.config import CopybookSettings
from adapters.formats.copybook import copybook
from gateway.contract import ConfigError, Undecodable, Unencodable
from gateway.contract import Path as PayloadPath
from tests.unit.adapters.formats.copybooks import columns, offsets, record

LOAN = """
01  LOAN-REQUEST.
    05  LR-ID                 PIC 9(4).
    05  LR-NAME               PIC X(6).
    05  LR-AMOUNT             PIC S9(5)V99 COMP-3.
    05  LR-MONTHS             PIC S9(4) COMP.
    05  FILLER                PIC X(2) VALUE 'ZZ'.
    05  LR-BALANCE            PIC S9(3)V9.
"""
# 0042 in EBCDIC digits; MEYER and a blank; -123.45 packed in 4 bytes; 24 in 2; ZZ; +1.5 as 0015 with C on the last.
BODY = bytes.fromhex("f0f0f4f2" + "d4c5e8c5d940" + "0012345d" + "0018" + "e9e9" + "f0f0f1c5")
VALUES = {
    "LR-ID": 42, "LR-NAME": "MEYER", "LR-AMOUNT": Decimal("-123.45"), "LR-MONTHS": 24, "LR-BALANCE": Decimal("1.5"),
}  # fmt: skip


def test_a_record_is_read_and_written(tmp_path: Path) -> None:
    loan = record(tmp_path, LOAN)
    assert loan.read(BODY) == VALUES
    assert loan.write(VALUES) == BODY
    assert loan.media == "application/octet-stream"


def test_each_field_can_be_amended_alone(tmp_path: Path) -> None:
    loan = record(tmp_path, LOAN)
    amended = loan.amend(BODY, {("LR-AMOUNT",): Decimal("2.50"), ("LR-NAME",): "ABC"})
    assert amended.hex() == "f0f0f4f2" + "c1c2c3404040" + "0000250c" + "0018" + "e9e9" + "f0f0f1c5"


def test_the_same_value_keeps_its_own_spelling(tmp_path: Path) -> None:
    odd = BODY.replace(bytes.fromhex("0012345d"), bytes.fromhex("0012345b"))  # B is minus too
    assert record(tmp_path, LOAN).amend(odd, {("LR-AMOUNT",): Decimal("-123.45")}) == odd


# Both records are IBM's own examples of slack bytes: a fullword begins at a multiple of four, slack bytes go before the
# group that the aligned field begins, and each occurrence of a table ends so that the next one is aligned as well.
def test_slack_bytes_stand_before_the_field_or_the_group_that_it_begins(tmp_path: Path) -> None:
    inside = """
01  FIELD-A.
    05  FIELD-B                     PICTURE X(5).
    05  FIELD-C.
        10  FIELD-D                 PICTURE XX.
        10  FIELD-E  COMPUTATIONAL  PICTURE S9(6) SYNC.
"""
    found = offsets(tmp_path, inside)
    assert (found["FIELD-C"], found["FIELD-E"], found["FIELD-A"]) == ((5, 7), (8, 4), (0, 12))
    before = """
01  FIELD-L.
    05  FIELD-M                     PICTURE X(5).
    05  FIELD-N                     PICTURE XX.
    05  FIELD-O.
        10  FIELD-P COMPUTATIONAL   PICTURE S9(6) SYNC.
"""
    found = offsets(tmp_path, before)
    assert (found["FIELD-O"], found["FIELD-P"], found["FIELD-L"]) == ((8, 4), (8, 4), (0, 12))


def test_slack_bytes_end_each_occurrence(tmp_path: Path) -> None:
    text = """
01  WORK-RECORD.
    05  WORK-CODE                   PICTURE X.
    05  COMP-TABLE OCCURS 10 TIMES.
        10  COMP-TYPE               PICTURE X.
        10  COMP-PAY                PICTURE S9(4)V99 COMP SYNC.
        10  COMP-HRS                PICTURE S9(3) COMP SYNC.
        10  COMP-NAME               PICTURE X(5).
"""
    found = offsets(tmp_path, text)
    # type 1 + slack 2 + pay 4 + hours 2 + name 5 = 14, and two more so that the next begins at 17, as 1 modulo 4
    assert [found[name] for name in ("COMP-TYPE", "COMP-PAY", "COMP-HRS", "COMP-NAME")] == [
        (1, 1), (4, 4), (8, 2), (10, 5)
    ]  # fmt: skip
    assert (found["COMP-TABLE"], found["WORK-RECORD"]) == ((1, 16), (0, 161))
    table = record(tmp_path, text)
    item = {"COMP-TYPE": "A", "COMP-PAY": Decimal("12.50"), "COMP-HRS": 8, "COMP-NAME": "MEYER"}
    body = table.write({"WORK-CODE": "W", "COMP-TABLE": [item] * 10})
    assert body[1:17].hex() == "c1" + "0000" + "000004e2" + "0008" + "d4c5e8c5d9" + "0000"
    assert table.read(body)["COMP-TABLE"] == [item] * 10


@pytest.mark.parametrize(
    ("clause", "boundary", "length"),
    [
        ("S9(4) COMP SYNC", 2, 2), ("S9(5) COMP SYNC", 4, 4), ("S9(18) COMP-5 SYNC", 4, 8), ("COMP-1 SYNC", 4, 4),
        ("COMP-2 SYNC", 8, 8), ("S9(5) COMP-3 SYNC", 1, 3), ("X(3) SYNC", 1, 3), ("S9(5) COMP", 1, 4),
    ],
)  # fmt: skip
def test_boundaries(tmp_path: Path, clause: str, boundary: int, length: int) -> None:
    clause = clause if clause.startswith("COMP") else f"PIC {clause}"
    found = offsets(tmp_path, f"01 R.\n   05 A PIC X.\n   05 B {clause}.")
    assert found["B"] == (boundary, length)


TABLE = """
01  R.
    05  HEAD.
        10  N                       PIC 9(2).
    05  ROWS OCCURS 0 TO 3 TIMES DEPENDING ON N OF HEAD
             ASCENDING KEY IS A INDEXED BY I J.
        10  A                       PIC 9.
        10  B                       PIC X OCCURS 2.
    05  TAIL                        PIC X.
"""


def test_a_table_is_as_long_as_its_field_says(tmp_path: Path) -> None:
    table = record(tmp_path, TABLE)
    values = {"HEAD": {"N": 2}, "ROWS": [{"A": 1, "B": ["X", "Y"]}, {"A": 2, "B": ["Z", ""]}], "TAIL": "T"}
    body = bytes.fromhex("f0f2" + "f1e7e8" + "f2e940" + "e3")
    assert table.read(body) == values
    assert table.write(values) == body
    assert table.write({**values, "HEAD": {}}) == body, "its length is known by the list"
    assert table.write({**values, "HEAD": {"N": "02"}}) == body
    assert table.amend(body, {("ROWS", 1, "B", 0): "Q"}).hex() == "f0f2f1e7e8f2d840e3"
    assert table.amend(body, {("ROWS", 0, "B"): ["1", "2"]}).hex() == "f0f2f1f1f2f2e940e3"
    for path in [("ROWS", 2, "A"), ("HEAD", "N"), ("ROWS", 0), ("ROWS",), ("HEAD",), ("FILLER",), ()]:
        with pytest.raises(Unencodable):
            table.amend(body, {path: 1})
    with pytest.raises(Unencodable, match=r"HEAD\.N: is not 2"):
        table.write({**values, "HEAD": {"N": 3}})


def test_what_follows_a_table_may_have_a_fixed_place(tmp_path: Path) -> None:
    table = record(tmp_path, TABLE, depending="fixed")
    values = {"HEAD": {"N": 1}, "ROWS": [{"A": 1, "B": ["X", "Y"]}], "TAIL": "T"}
    body = bytes.fromhex("f0f1" + "f1e7e8" + "40" * 6 + "e3")
    assert table.write(values) == body
    assert table.read(body) == values
    assert offsets(tmp_path, TABLE, depending="fixed")["TAIL"] == (11, 1)
    assert offsets(tmp_path, TABLE)["TAIL"] == (None, 1)


@pytest.mark.parametrize(
    "body", ["f0f4" + "f1e7e8" * 4 + "e3", "f9f9" + "e3", "4040e3", "f0f1e3", "f0f0", "f0f0e3e3", ""]
)
def test_a_length_that_cannot_be_is_undecodable(tmp_path: Path, body: str) -> None:
    with pytest.raises(Undecodable):
        record(tmp_path, TABLE).read(bytes.fromhex(body))


def test_a_huge_length_allocates_nothing(tmp_path: Path) -> None:
    text = "01 R.\n   05 N PIC 9(8).\n   05 T OCCURS 0 TO 99999999 DEPENDING ON N.\n      10 A PIC X(4)."
    with pytest.raises(ConfigError, match="more than max_decode"):
        record(tmp_path, text)
    large = record(tmp_path, text.replace("99999999 D", "250000 D"))
    for said in (b"00250000", b"00000002", b"99999999"):
        with pytest.raises(Undecodable, match="T: "):
            large.read(said.decode().encode("cp037") + b"\xc1\xc1\xc1\xc1")


def test_one_field_can_count_inner_tables(tmp_path: Path) -> None:
    text = """
01  R.
    05  N           PIC 9.
    05  T OCCURS 2.
        10  M       PIC 9.
        10  U       PIC X OCCURS 1 TO 3 DEPENDING ON N.
        10  V       PIC X OCCURS 0 TO 3 DEPENDING ON M.
"""
    nested = record(tmp_path, text)
    rows: list[dict[str, Any]] = [{"M": 1, "U": ["A", "B"], "V": ["C"]}, {"M": 0, "U": ["D", "E"], "V": []}]
    body = "21ABC0DE".encode("cp037")
    assert nested.read(body) == {"N": 2, "T": rows}
    assert nested.write({"N": 2, "T": [{key: row[key] for key in "UV"} for row in rows]}) == body
    with pytest.raises(Unencodable, match=r"T\.0\.U: has 2 items, its place has 1"):
        nested.write({"N": 1, "T": rows})


PARTY = """
01  R.
    05  KIND                        PIC X.
        88  PERSON                  VALUE 'P'.
        88  COMPANY                 VALUES ARE 'C' 'D' THRU 'F'.
    05  DATA-P.
        10  FIRST-NAME              PIC X(3).
        10  AGE                     PIC 9(3).
    05  DATA-C REDEFINES DATA-P.
        10  TURNOVER                PIC S9(7) COMP-3.
    05  FILLER REDEFINES DATA-P     PIC X(8).
    05  LAST-ONE                    PIC X.
"""
CHOICE = {"DATA-P": {"by": "KIND", "when": {"P": "DATA-P", "C": "DATA-C"}}}


def test_what_redefines_is_chosen_by_a_field(tmp_path: Path) -> None:
    party = record(tmp_path, PARTY, redefines=CHOICE)
    person = {"KIND": "P", "DATA-P": {"FIRST-NAME": "IDA", "AGE": 44}, "LAST-ONE": "Z"}
    company = {"KIND": "C", "DATA-C": {"TURNOVER": 1234567}, "LAST-ONE": "Z"}
    of_person = bytes.fromhex("d7" + "c9c4c1f0f4f4" + "4040" + "e9")
    of_company = bytes.fromhex("c3" + "1234567c" + "40" * 4 + "e9")
    assert [party.read(of_person), party.read(of_company)] == [person, company]
    assert [party.write(person), party.write(company)] == [of_person, of_company]
    assert party.amend(of_company, {("DATA-C", "TURNOVER"): -1}).hex() == "c30000001d40404040e9"
    with pytest.raises(Undecodable, match="KIND has a value"):
        party.read(b"\xe7" + of_person[1:])
    elsewhere: list[PayloadPath] = [("DATA-P", "AGE"), ("KIND",)]
    for path in elsewhere:
        with pytest.raises(Unencodable):
            party.amend(of_company, {path: 1})
    with pytest.raises(Unencodable, match="DATA-P: is not in this record"):
        party.write({**company, "DATA-P": {}})
    assert offsets(tmp_path, PARTY)["LAST-ONE"] == (9, 1)


def test_without_a_choice_the_first_description_holds(tmp_path: Path) -> None:
    assert "DATA-P" in record(tmp_path, PARTY).read(bytes.fromhex("c3" + "c9c4c1f0f4f4" + "4040" + "e9"))
    other = record(tmp_path, PARTY, redefines={"DATA-P": "data-c"})
    assert other.read(bytes.fromhex("c3" + "1234567c" + "40" * 4 + "e9"))["DATA-C"] == {"TURNOVER": 1234567}


def test_values_may_be_read_by_the_names_of_level_88(tmp_path: Path) -> None:
    redefines = {"DATA-P": {"by": "KIND", "when": {"PERSON": "DATA-P"}, "default": "DATA-C"}}
    party = record(tmp_path, PARTY, condition_names=True, redefines=redefines)
    body = bytes.fromhex("c5" + "1234567c" + "40" * 4 + "e9")  # E is within D to F
    assert party.read(body) == {"KIND": "COMPANY", "DATA-C": {"TURNOVER": 1234567}, "LAST-ONE": "Z"}
    assert party.write(party.read(body))[:1].hex() == "c3", "the first value that the name stands for"


def test_clauses_of_groups_hold_below(tmp_path: Path) -> None:
    text = """
01  R               USAGE IS COMP-3.
    05  A           PIC S9(3).
    05  B           USAGE DISPLAY
                    SIGN IS LEADING SEPARATE CHARACTER.
        10  C       PIC S99.
        10  D       PIC S99 SIGN TRAILING.
"""
    assert record(tmp_path, text).read(bytes.fromhex("123d" + "60f1f2" + "f3d4")) == {
        "A": -123, "B": {"C": -12, "D": -34}
    }  # fmt: skip


def test_what_is_left_out_is_its_value_or_initialized(tmp_path: Path) -> None:
    text = """
01  R.
    05  A                           PIC X(3) VALUE 'AB'.
    05  B                           PIC 9(2) VALUE 7.
    05  C                           PIC X(2).
    05  D                           PIC S9(3) COMP-3 OCCURS 2.
    05  FILLER                      PIC X(3) VALUE ALL '-+'.
    05  FILLER                      PIC X(2) VALUE LOW-VALUES.
    05  FILLER                      PIC 9(2).
    05  E                           PIC X(2) JUSTIFIED RIGHT.
    05  F                           PIC 9(2) BLANK WHEN ZERO.
"""
    given = {"C": "C", "D": [1, 2], "E": "E", "F": 0}
    expected = "c1c240" + "f0f7" + "c340" + "001c002c" + "604e60" + "0000" + "f0f0" + "40c5" + "4040"
    assert record(tmp_path, text).write(given).hex() == expected
    with pytest.raises(Unencodable, match=r"^C: is missing"):
        record(tmp_path, text).write({"D": [1, 2]})
    made = record(tmp_path, text, initialize=True).write({"D": [5]})
    assert made.hex() == "c1c240" + "f0f7" + "4040" + "005c000c" + "604e60" + "0000" + "f0f0" + "4040" + "4040"


def test_blank_numbers_are_nil_where_configured(tmp_path: Path) -> None:
    text = "01 R.\n   05 A PIC S9(3)."
    with pytest.raises(Undecodable, match="A: at byte 0"):
        record(tmp_path, text).read(b"\x40\x40\x40")
    lenient = record(tmp_path, text, blank_numbers="nil")
    assert lenient.read(b"\x40\x40\x40") == {"A": None}
    assert lenient.write({"A": None}) == b"\x40\x40\x40"


def test_other_compilers(tmp_path: Path) -> None:
    text = "01 R.\n   05 A PIC 99 COMP.\n   05 B PIC S9(4) COMP-5.\n   05 C COMP-1.\n   05 D PIC S99."
    found = record(
        tmp_path, text, encoding="latin-1", binary_sizes="1-2-4-8", native_order="little", floats="ieee",
        overpunch="ascii",
    )  # fmt: skip
    assert found.write({"A": 7, "B": -2, "C": 1.5, "D": -12}).hex() == "07" + "feff" + "0000c03f" + "3172"
    assert found.media == "text/plain"


def test_edited_pictures_may_be_text(tmp_path: Path) -> None:
    text = "01 R.\n   05 A PIC ZZ,ZZ9.99-.\n   05 B PIC $$9.99CR.\n   05 C PIC 99/99/9999."
    assert record(tmp_path, text, edited="text").read("    12.50- $1.00CR06/05/2004".encode("cp037")) == {
        "A": "    12.50-", "B": " $1.00CR", "C": "06/05/2004"
    }  # fmt: skip


def test_a_record_in_ascii(tmp_path: Path) -> None:
    (tmp_path / "a.cpy").write_text(columns(LOAN))
    settings = CopybookSettings(file="a.cpy", encoding="latin-1")
    body = b"0042MEYER " + bytes.fromhex("0012345d0018") + b"ZZ001E"
    assert copybook(settings, tmp_path).read(body) == VALUES
