"""`understudy formats`: the layout of a copybook, and records of any format there and back."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from tests.unit.adapters.formats.copybooks import columns

COPYBOOK = """
01  LOAN.
    05  ID-X                  PIC 9(3).
    05  AMOUNT                PIC S9(5)V99 COMP-3.
    05  N                     PIC 9.
    05  NOTE OCCURS 0 TO 3 DEPENDING ON N.
        10  CODE-X            PIC X(2).
    05  LAST-X                PIC X.
"""
RECORDS = [
    {"ID-X": 7, "AMOUNT": -12.50, "N": 1, "NOTE": [{"CODE-X": "AB"}], "LAST-X": "Z"},
    {"ID-X": 8, "AMOUNT": 0.00, "N": 0, "NOTE": [], "LAST-X": ""},
]
BODY = bytes.fromhex("f0f0f7" + "0001250d" + "f1" + "c1c2" + "e9" + "f0f0f8" + "0000000c" + "f0" + "40")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loan.cpy").write_text(columns(COPYBOOK))
    (tmp_path / "records.bin").write_bytes(BODY)
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["formats", *map(str, words)], env={"COLUMNS": "200"})


def test_the_layout_is_shown(folder: Path) -> None:
    result = run(folder / "loan.cpy")
    rows = [line.split() for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert ["05", "AMOUNT", "3", "4", "PIC", "S9(5)V99", "COMP-3"] in rows
    assert ["05", "NOTE", "8", "2", "OCCURS", "0", "TO", "3", "DEPENDING", "ON", "N"] in rows
    assert ["05", "LAST-X", "varies", "1", "PIC", "X"] in rows
    assert ["01", "LOAN", "0", "15", "-"] in rows


def test_records_are_shown_as_json_and_written_from_it(folder: Path) -> None:
    result = run(folder / "loan.cpy", "--decode", folder / "records.bin")
    assert [json.loads(line) for line in result.output.splitlines()] == RECORDS
    assert '"AMOUNT": -12.50' in result.output, "exact"
    for text in (result.output, json.dumps(RECORDS), json.dumps(RECORDS, indent=2)):
        (folder / "payload.json").write_text(text)
        assert run(folder / "loan.cpy", "--encode", folder / "payload.json").stdout_bytes == BODY
    (folder / "payload.json").write_text(json.dumps(RECORDS[0], indent=2))
    assert run(folder / "loan.cpy", "--encode", folder / "payload.json").stdout_bytes == BODY[:11]


def test_the_encoding_can_be_said(folder: Path) -> None:
    (folder / "ascii.bin").write_bytes(b"007" + bytes.fromhex("0001250d") + b"0Z")
    result = run(folder / "loan.cpy", "--decode", folder / "ascii.bin", "--encoding", "latin-1")
    assert json.loads(result.output)["LAST-X"] == "Z"


def test_any_format_can_be_tried_with_its_settings(folder: Path) -> None:
    (folder / "format.yaml").write_text(
        'format:\n  type: fixed\n  encoding: latin-1\n  separator: "\\n"\n  many: true\n  count: N\n'
        "  header: [{name: Day, length: 2}]\n  fields: [{name: A, length: 3}]\n"
        "  trailer: [{name: N, length: 2, type: zoned, signed: false}]\n"
    )
    (folder / "body.txt").write_text("MO\nx\ny\n02\n".replace("x", "x  ").replace("y", "y  "))
    result = run(folder / "format.yaml", "--decode", folder / "body.txt")
    assert [json.loads(line) for line in result.output.splitlines()] == [
        {"Day": "MO"},
        {"A": "x"},
        {"A": "y"},
        {"N": 2},
    ]
    (folder / "payload.json").write_text(result.output)
    written = run(folder / "format.yaml", "--encode", folder / "payload.json").stdout_bytes
    assert written == (folder / "body.txt").read_bytes()
    (folder / "pack.yaml").write_text("format: messagepack\n")
    (folder / "body.bin").write_bytes(bytes.fromhex("81a161c401ff"))
    assert json.loads(run(folder / "pack.yaml", "--decode", folder / "body.bin").output) == {"a": "ff"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none.cpy"], 2, "none.cpy: cannot be read"), (["loan.cpy", "--decode", "none"], 2, "none cannot be read"),
        (["loan.cpy", "--decode", "loan.cpy"], 1, "records.0.ID-X: at byte 0"),
        (["loan.cpy", "--encode", "loan.cpy"], 2, "neither a JSON object, nor an array"),
        (["loan.cpy", "--encode", "a", "--decode", "b"], 2, "give one of"),
        (["loan.cpy", "--encoding", "nonsense"], 2, "'nonsense' is not known"),
        (["loan.cpy", "--record", "NONE"], 2, "there is no record NONE"),
        (["bad.yaml"], 2, "bad.yaml line 2: format: 'type': 'copybok' is unknown, did you mean 'copybook'?"),
        (["json.yaml"], 2, "only a copybook has a layout"), (["json.yaml", "--record", "X"], 2, "says the encoding"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said(folder: Path, words: list[str], code: int, message: str) -> None:
    (folder / "bad.yaml").write_text("format:\n  type: copybok\n  file: loan.cpy\n")
    (folder / "json.yaml").write_text("format: json\n")
    result = run(
        *(word if word.startswith("--") or word in ("nonsense", "NONE", "X") else folder / word for word in words)
    )
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


def test_a_file_without_records_is_said_to_be_one(folder: Path) -> None:
    (folder / "empty.bin").touch()
    result = run(folder / "loan.cpy", "--decode", folder / "empty.bin")
    assert result.exit_code == 0 and "has no records: it has 0 bytes" in result.stderr
