"""A record with every usage, as a COBOL compiler wrote it: the same values, and the same bytes back."""

from decimal import Decimal
from pathlib import Path

import pytest

from adapters.formats.config import CopybookSettings
from adapters.formats.copybook import copybook
from adapters.formats.records import Records

RECORDED = Path(__file__).with_name("recorded")
VALUES = {
    "A-TEXT": "HELLO", "B-ZON": Decimal("-12345.67"), "C-LEAD": -123, "D-SEPT": -45, "E-SEPL": Decimal("12.3"),
    "F-PACK": Decimal("-12345.67"), "G-PACKE": -1234, "H-UPACK": 54321, "I-BIN": -1234, "J-BIN": 123456789,
    "K-BIN": Decimal("-12345.67"), "L-BIN8": -123456789012345, "M-NAT": -77, "N-SINGLE": 118.625, "O-DOUBLE": -118.625,
    "P-SCALE": 12300, "Q-SCALE": Decimal("0.0012"), "X1": "1", "R-SYNC2": -2, "X2": "2", "S-SYNC4": -3, "X3": "3",
    "T-GRP": {"T-SYNC": 4, "T-X": "T"},
    "U-TAB": [{"U-X": "A", "U-N": -1}, {"U-X": "B", "U-N": 2}, {"U-X": "C", "U-N": 333}],
    "V-JUST": "JR", "W-NUM": 7, "Y-COMP6": 1234, "Z-LAST": "Z",
}  # fmt: skip


def format(overpunch: str) -> Records:
    section = {
        "file": "record.cpy", "encoding": "latin-1", "floats": "ieee", "native_order": "little", "overpunch": overpunch
    }  # fmt: skip
    return copybook(CopybookSettings.model_validate(section), RECORDED)


@pytest.mark.parametrize(("file", "overpunch"), [("signs-of-the-pc.bin", "ascii"), ("signs-of-ebcdic.bin", "ebcdic")])
def test_a_compiled_programs_record_is_read_and_written(file: str, overpunch: str) -> None:
    body = (RECORDED / file).read_bytes()
    assert format(overpunch).read(body) == VALUES
    assert format(overpunch).write(VALUES) == body
    amended = format(overpunch).amend(body, {("U-TAB", 1, "U-N"): -2, ("T-GRP", "T-SYNC"): 5})
    assert [at for at in range(len(body)) if body[at] != amended[at]] == [91, 100]
