"""Sources of copybooks: columns, continuation, comments, COPY, and what is not read, each with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.config import CopybookSettings
from adapters.formats.copybook import copybook
from adapters.formats.copybook.picture import picture
from adapters.formats.records import Records
from gateway.contract import ConfigError
from tests.unit.adapters.formats.copybooks import columns, offsets, record


def written(folder: Path, text: str, **settings: str) -> Records:
    (folder / "raw.cpy").write_text(text)
    return copybook(CopybookSettings.model_validate({"file": "raw.cpy", **settings}), folder)


FIXED = """\
000100* A COMMENT, THEN SEQUENCE NUMBERS AND TEXT BEHIND COLUMN 72              IGNORED
000200 01  REC.                                                                 IGNORED
      / A NEW PAGE
000300     05  NUM-                                                             IGNORED
      * BETWEEN
000400-         BER                    PIC 9(2).
000500D    05  DEBUGGING               PIC X.
       05  TEXT-ONE                    PIC X(30) VALUE 'IT''S LONG
      -    'AND GOES ON'.
           05  TWO PIC X(2), VALUE "*>". 05 THREE; PIC 9. *> A COMMENT
"""


def test_columns_comments_and_continuation(tmp_path: Path) -> None:
    found = written(tmp_path, FIXED)
    # The literal begins behind the quote in column 56. It goes on from the end of its line, column 72, with what stands
    # behind the quote of the next one: 16 columns that are 15 characters, as its first quote is doubled.
    begun = "IT'S LONG".ljust(15)
    made = found.write({"NUM-BER": 7, "THREE": 3}).decode("cp037")
    assert made == "07" + (begun + "AND GOES ON").ljust(30) + "*>3"


def test_free_source(tmp_path: Path) -> None:
    text = "01 REC. *> comment\n05 A PIC X(3). 05 B PIC\n9(2)\n.\n   05 LONG-NAME" + " " * 80 + "PIC X."
    assert written(tmp_path, text).read("ABC12Z".encode("cp037")) == {"A": "ABC", "B": 12, "LONG-NAME": "Z"}


def test_what_is_copied_stands_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "ADDRESS.CPY").write_text(columns("05 :TAG:-STREET PIC X(2).\n05 OLD-CITY PIC X(2).\nCOPY INNER."))
    (tmp_path / "inner.cpy").write_text(columns("05 LAST PIC 9."))
    text = """
01  REC.
    COPY address REPLACING ==:TAG:== BY ==HOME==
                           LEADING ==OLD== BY ==NEW==.
    COPY 'ADDRESS' OF LIB REPLACING ==:TAG:== BY ==WORK==
         OLD-CITY BY X  ==COPY INNER.== BY ====.
"""
    assert record(tmp_path, text).read("AABB1CCDD".encode("cp037")) == {
        "HOME-STREET": "AA", "NEW-CITY": "BB", "LAST": 1, "WORK-STREET": "CC", "X": "DD"
    }  # fmt: skip


def test_words_are_replaced_whole_and_literals_never(tmp_path: Path) -> None:
    text = "01 R.\n   05 TAG PIC X(3) VALUE 'TAG'.\n   05 TAG-B PIC X(3) VALUE ALL 'TAG'."
    assert record(tmp_path, text, replacing={"tag": "NEW"}).read(record(
        tmp_path, text, replacing={"TAG": "NEW"}).write({})) == {"NEW": "TAG", "TAG-B": "TAG"}  # fmt: skip


def test_levels_66_and_77_and_names_without_a_use(tmp_path: Path) -> None:
    text = "01 R.\n   05 A PIC X.\n   05 B PIC X.\n   66 C RENAMES A THRU B.\n77 SINGLE PIC 9(3).\n01 EMPTY PIC X."
    assert record(tmp_path, text, record="r").read(b"\xc1\xc2") == {"A": "A", "B": "B"}
    assert record(tmp_path, text, record="SINGLE").read(b"\xf1\xf2\xf3") == {"SINGLE": 123}
    with pytest.raises(ConfigError, match="name one `record` of R, SINGLE, EMPTY"):
        record(tmp_path, text)


REFUSED = [
    ("05 A PIC N(4).", 2, "national"), ("05 A PIC ZZ9.99.", 2, "edited"), ("05 A PIC S9(3)V9V9.", 2, "cannot be read"),
    ("05 A PIC X(0).", 2, "0 times"), ("05 A PIC X(99999999).", 2, "too long"), ("05 A PIC 9(39).", 2, "38 digits"),
    ("05 A PIC S9(19) COMP.", 2, "18 digits"), ("05 A PIC X COMP-3.", 2, "binary or packed"),
    ("05 A USAGE INDEX.", 2, "USAGE INDEX is not read"), ("05 A POINTER.", 2, "POINTER"),
    ("05 A PIC 9 COMP-X.", 2, "COMP-X"), ("05 A COMP-1 PIC 9.", 2, "no picture"), ("05 A.", 2, "neither a picture"),
    ("05 A PIC S9 COMP-6.", 2, "no sign"), ("05 A PIC X NONSENSE.", 2, "NONSENSE is not known"),
    ("05 A PIC X", 2, "full stop"), ("05 A PIC X VALUE 'A.", 2, "not closed"), ("50 A PIC X.", 2, "no level number"),
    ("EXEC SQL INCLUDE X END-EXEC.", 2, "EXEC SQL"), ("05 A PIC X.\n   10 B PIC X.", 3, "below A"),
    ("05 A PIC X.\n05 A PIC X.", 3, "called A"), ("05 A PIC X OCCURS 3 TO 2 DEPENDING ON B.", 2, "OCCURS 3 TO 2"),
    ("05 A PIC X OCCURS 0 TO 2 DEPENDING ON B.", 2, "DEPENDING ON B: the field is not before"),
    ("05 A PIC X OCCURS 1 TO 2.", 2, "without DEPENDING"), ("05 A PIC X.\n05 B REDEFINES C PIC X.", 3, "redefines C"),
    ("05 A PIC X OCCURS X.", 2, "not a number"), ("05 A PIC.", 2, "a picture is missing"),
    ("88 A VALUE 'B'.", 2, None), ("05 A PIC X.\n88 B.", 3, "VALUE is missing"),
    ("05 9A-!B PIC X.", 2, "neither a name"),
    ("05 N PIC 9.\n05 A PIC X.\n05 T REDEFINES A.\n   10 U PIC X OCCURS 0 TO 2 DEPENDING ON N.", 4, "varying length"),
    ("05 N PIC 9.\n05 U PIC X OCCURS 0 TO 2 DEPENDING ON N.\n05 A PIC S9(4) COMP SYNC.", 4, "SYNCHRONIZED behind"),
    ("05 T OCCURS 2.\n   10 N PIC 9.\n05 U PIC X OCCURS 0 TO 2 DEPENDING ON N.", 4, "in another table"),
    ("05 F.\n   10 A PIC 9.\n05 G.\n   10 A PIC 9.\n05 U PIC X OCCURS 0 TO 2 DEPENDING ON A.", 6, "several times"),
    ("COPY MISSING.", 2, "no such file"), ("COPY.", 2, "needs the name"), ("COPY LOOP.", 1, "nested deeper"),
    ("COPY LOOP REPLACING A BY.", 2, "needs pairs"), ("COPY LOOP REPLACING ==== BY X.", 2, "text to replace"),
    ("COPY LOOP NONSENSE X.", 2, "NONSENSE is not known"), ("05 A PIC X VALUE X'GG'.", 2, "hexadecimal"),
    ("05 A PIC X BLANK ZERO ONE.", 2, "ONE is not known"), ("05 A PIC S9 SIGN BEHIND.", 2, "LEADING or TRAILING"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), REFUSED, ids=[one[0][:40] for one in REFUSED])
def test_what_is_not_read_is_said_with_its_line(tmp_path: Path, text: str, line: int, message: str | None) -> None:
    (tmp_path / "loop.cpy").write_text(columns("COPY LOOP."))
    lines = text.replace("\n", "\n   ")
    if message is None:
        record(tmp_path, f"01 R.\n   05 X PIC X.\n   {lines}")
        return
    with pytest.raises(ConfigError, match=message) as caught:
        record(tmp_path, f"01 R.\n   {lines}")
    assert f".cpy line {line}: " in str(caught.value)


@pytest.mark.parametrize(
    ("redefines", "message"),
    [
        ({"B": "A"}, "nothing redefines B"), ({"A": "C"}, "C is none of A, B"), ({"A": {}}, "give `by` and `when`"),
        ({"A": {"by": "N", "when": {"x": "B"}}}, "'x' is no value of N"), 
        ({"A": {"by": "B", "when": {}}}, "redefines by B"),
        ({"A": {"by": "N OF G", "when": {"1": "B"}}}, "redefines by N"),
    ],
    ids=str,
)  # fmt: skip
def test_a_choice_that_cannot_be_is_refused(tmp_path: Path, redefines: object, message: str) -> None:
    text = "01 R.\n   05 N PIC 9.\n   05 A PIC X.\n   05 B REDEFINES A PIC 9."
    (tmp_path / "r.cpy").write_text(columns(text))
    settings = CopybookSettings.model_validate({"file": "r.cpy", "redefines": redefines})
    with pytest.raises(ConfigError, match=message):
        copybook(settings, tmp_path)


def test_a_missing_or_empty_copybook_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.cpy: cannot be read"):
        copybook(CopybookSettings(file="none.cpy"), tmp_path)
    with pytest.raises(ConfigError, match="no data description"):
        written(tmp_path, "      * NOTHING\n")


@pytest.mark.parametrize(
    ("text", "length", "digits", "scale"),
    [
        ("S9(5)V99", 7, 7, 2), ("9", 1, 1, 0), ("SV9(4)", 4, 4, 4), ("9(3)P(2)", 3, 3, -2), ("VP(2)9(3)", 3, 3, 5),
        ("P9", 1, 1, 2), ("SP(3)9", 1, 1, 4), ("s999v9", 4, 4, 1), ("9(3)PV", 3, 3, -1), ("9V", 1, 1, 0),
    ],
)  # fmt: skip
def test_numeric_pictures(text: str, length: int, digits: int, scale: int) -> None:
    found = picture(text)
    assert (found.kind, found.length, found.digits, found.scale) == ("number", length, digits, scale)
    assert found.signed == text.upper().startswith("S")


@pytest.mark.parametrize(("text", "length"), [("X(3)", 3), ("A(2)X9", 4), ("XX", 2)])
def test_text_pictures(text: str, length: int) -> None:
    assert (picture(text).kind, picture(text).length) == ("text", length)


@pytest.mark.parametrize(
    ("text", "length"), [("ZZ,ZZ9.99", 9), ("+9(3)", 4), ("9(3)CR", 5), ("$**9V99", 6), ("XXBXX", 5), ("9(4)/99", 7)]
)
def test_edited_pictures(text: str, length: int) -> None:
    assert (picture(text).kind, picture(text).length) == ("edited", length)


@pytest.mark.parametrize(
    "text", ["", "S", "V", "P", "9S", "9P9", "S9P9P", "X-9!", "9(", "9()", "9(-1)", "()", "XS9", "Q"]
)
def test_pictures_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError):
        picture(text)


@given(st.text("SVXA9P()0123Z$.,+-BCRDE/* ", max_size=12))
def test_any_picture_is_read_or_refused(text: str) -> None:
    try:
        assert picture(text).length > 0
    except ValueError:
        return


WORDS = [
    "01", "05", "88", "66", "R", "A", "FILLER", "PIC", "X(3)", "S9(5)V99", "COMP-3", "OCCURS", "2", "TO", "DEPENDING",
    "ON", "REDEFINES", "VALUE", "'A'", "THRU", "SYNC", "SIGN", "LEADING", ".", "COPY", "REPLACING", "==A==", "BY",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=24))
def test_any_source_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, words: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        offsets(folder, "\n".join(["01 R. 05 A PIC X.", *words, "."]), source="free")
    except ConfigError as error:
        assert "line" in str(error) or "record" in str(error)
