"""Rows into a Parquet file, a group of rows at a time. Needs pyarrow (extra `parquet`)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as arrow
from pyarrow import parquet

_DIGITS, _PLACES = 38, 9
_TYPES = {
    "text": arrow.string(),
    "binary": arrow.binary(),
    "bool": arrow.bool_(),
    "int64": arrow.int64(),
    "float64": arrow.float64(),
    "decimal": arrow.decimal128(_DIGITS, _PLACES),
    "date32": arrow.date32(),
    "timestamp": arrow.timestamp("us", tz="UTC"),
    "time64": arrow.time64("us"),
}


class Writer:
    """A file that is being written; memory is bounded by one group of rows."""

    def __init__(self, path: Path, types: Mapping[str, str]) -> None:
        """`types` by column, each one of those above. Raises OSError."""
        self._types = types
        self._schema = arrow.schema([(name, _TYPES[kind]) for name, kind in types.items()])
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Writes one group; returns how many rows it has. A decimal with more places than 9 is rounded, half to even,
        and one of more than 29 digits before them is left out."""
        columns = []
        for name, kind in self._types.items():
            values = [row[name] for row in rows]
            columns.append(arrow.array(map(_exact, values) if kind == "decimal" else values, _TYPES[kind]))
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema))
        return len(rows)


def _exact(value: Decimal | None) -> Decimal | None:
    if value is None or not value.is_finite() or value.adjusted() >= _DIGITS - _PLACES:
        return None
    return value.quantize(Decimal(1).scaleb(-_PLACES))
