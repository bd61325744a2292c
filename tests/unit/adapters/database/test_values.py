"""What a column's value becomes on its way in and out."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import CHAR, Column, DateTime, Numeric, String

from adapters.database.rows import RowRaw, decode, encode
from adapters.database.values import reader, writer

BERLIN = ZoneInfo("Europe/Berlin")


class Colour(Enum):
    RED = "r"


@pytest.mark.parametrize(
    ("kind", "stored", "read"),
    [
        (CHAR(8), "N1      ", "N1"),
        (CHAR(8), "        ", ""),
        (String(8), "N1  ", "N1  "),
        (String(8), "", ""),
        (String(8), None, None),
        (Numeric(10, 2), Decimal("12.50"), Decimal("12.50")),
        (Numeric(10, 2), 0.1, Decimal("0.1")),
        (DateTime(), datetime(2004, 7, 1, 12), datetime(2004, 7, 1, 12, tzinfo=BERLIN)),
        (DateTime(), datetime(2004, 7, 1, 12, tzinfo=UTC), datetime(2004, 7, 1, 12, tzinfo=UTC)),
        (String(8), timedelta(hours=3, minutes=5), time(3, 5)),
        (String(8), memoryview(b"\x00\xff"), b"\x00\xff"),
        (String(8), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (String(8), Colour.RED, "r"),
    ],
)
def test_a_value_is_read(kind: Any, stored: Any, read: Any) -> None:
    assert reader(Column("x", kind), BERLIN)(stored) == read


def test_a_moment_is_written_in_the_zone_of_a_column_without_one() -> None:
    noon = datetime(2004, 7, 1, 10, tzinfo=UTC)
    assert writer(Column("x", DateTime()), BERLIN, "postgresql")(noon) == datetime(2004, 7, 1, 12)
    assert writer(Column("x", DateTime()), None, "postgresql")(noon) == datetime(2004, 7, 1, 10)
    assert writer(Column("x", DateTime(timezone=True)), BERLIN, "postgresql")(noon) == noon
    assert writer(Column("x", Numeric()), None, "sqlite")(Decimal("1.50")) == "1.50"


def unfolded(moment: Any) -> Any:
    """Without the mark of an hour that comes twice, which no database keeps."""
    return moment.replace(fold=0)


PLAIN = (
    st.none() | st.booleans() | st.integers() | st.text() | st.dates() | st.binary(),
    st.times().map(unfolded) | st.datetimes().map(unfolded),
    st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    st.one_of(*PLAIN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=5))
def test_a_row_survives_its_encoding_exactly(row: dict[str, Any]) -> None:
    found = decode(encode(row))
    assert found == row and repr(found) == repr(row)
    assert RowRaw(row).body == encode(row)


def test_a_date_is_no_datetime_when_it_comes_back() -> None:
    found = decode(encode({"a": date(2004, 5, 3), "b": datetime(2004, 5, 3)}))
    assert (type(found["a"]), type(found["b"])) == (date, datetime)
