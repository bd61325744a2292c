"""Values respelled as legacy spells them: no digit of a number is lost, and what is not understood stays."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from adapters.soap.spelling import learnt


@pytest.mark.parametrize(
    ("kind", "seen", "ours", "theirs"),
    [
        (Decimal, ["25000.00"], "7", "7.00"),
        (Decimal, ["25000.00", "1.5"], "7.10", "7.1"),
        (Decimal, ["1.00"], "3.14159", "3.14159"),
        (Decimal, ["5"], "500.0", "500"),
        (Decimal, ["5"], "500.5", "500.5"),
        (Decimal, [".50"], "0.25", ".25"),
        (Decimal, [".50"], "-1.5", "-1.50"),
        (Decimal, ["+1", "-2"], "3", "+3"),
        (int, ["0042"], "7", "0007"),
        (int, ["0042"], "12345", "12345"),
        (int, ["0"], "7", "7"),
        (float, ["7"], "7.0", "7"),
        (float, ["1.50"], "1e-07", "1e-07"),
        (float, ["1.50"], "NaN", "NaN"),
        (bool, ["1", "0"], "true", "1"),
        (datetime, ["2004-05-17T08:09:10.000Z"], "2004-05-17T08:09:10.123456Z", "2004-05-17T08:09:10.123Z"),
        (datetime, ["2004-05-17T08:09:10+00:00"], "2004-05-17T08:09:10.5Z", "2004-05-17T08:09:10+00:00"),
        (datetime, ["2004-05-17T08:09:10.1Z", "2004-05-17T08:09:10Z"], "2004-05-17T08:09:10.123456+02:00",
         "2004-05-17T08:09:10.123456+02:00"),
        (datetime, ["2004-05-17T08:09:10Z"], "2004-05-17T08:09:10", "2004-05-17T08:09:10"),
        (time, ["08:09:10.0000000"], "08:09:10", "08:09:10.0000000"),
        (date, ["2004-05-17+02:00"], "2004-05-18", "2004-05-18+02:00"),
        (date, ["2004-05-17+00:00"], "2004-05-18Z", "2004-05-18+00:00"),
        (date, ["2004-05-17"], "2004-05-18+02:00", "2004-05-18+02:00"),
    ],
)  # fmt: skip
def test_a_value_is_respelled(kind: type, seen: list[str], ours: str, theirs: str) -> None:
    respell = learnt(kind, seen)
    assert respell is not None
    assert respell(ours) == theirs


@pytest.mark.parametrize(
    ("kind", "seen"),
    [(str, ["1.50"]), (Decimal, []), (Decimal, [" "]), (float, ["1.5E3"]), (float, ["INF"]), (bool, ["true", "1"]),
     (date, ["2004-05-17Z", "2004-05-18"]), (datetime, ["17.05.2004"])],
)  # fmt: skip
def test_what_teaches_nothing_changes_nothing(kind: type, seen: list[str]) -> None:
    assert learnt(kind, seen) is None
