"""From records to the numbers that the model is trained on, without data frames; the order of columns is fixed here.

Codes without an order become one column each (one-hot), codes with one become their place in the list, numbers stay.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _codes(prefix: str, first: int, last: int) -> dict[str, Any]:
    return {"type": "text", "values": [f"{prefix}{number}" for number in range(first, last + 1)]}


def _integer(minimum: int, maximum: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


INPUTS: Mapping[str, Mapping[str, Any]] = {
    "checking_status": _codes("A1", 1, 4),
    "duration_months": _integer(1, 120),
    "credit_history": _codes("A3", 0, 4),
    "purpose": _codes("A4", 0, 10),
    "credit_amount": _integer(1, 10_000_000),
    "savings": _codes("A6", 1, 5),
    "employment_since": _codes("A7", 1, 5),
    "installment_rate": _integer(1, 4),
    "other_debtors": _codes("A10", 1, 3),
    "residence_since": _integer(1, 4),
    "property": _codes("A12", 1, 4),
    "age": _integer(18, 120),
    "other_installment_plans": _codes("A14", 1, 3),
    "housing": _codes("A15", 1, 3),
    "existing_credits": _integer(0, 20),
    "job": _codes("A17", 1, 4),
    "dependents": _integer(0, 20),
    "telephone": _codes("A19", 1, 2),
}
"""The 18 attributes in the data's own order, as the model's schema describes them."""

ONE_HOT = ("purpose", "other_debtors", "other_installment_plans", "housing", "telephone")


_FEW = 8
"""Records below which one after the other is faster than all at once."""


class BadRecord(ValueError):
    """A record that cannot be scored; the message starts with the field's name."""


class Preprocessor:
    """Turns records of codes and numbers into rows of float64, always in the same order of columns. Pure."""

    def __init__(self, inputs: Mapping[str, Mapping[str, Any]] = INPUTS, one_hot: Sequence[str] = ONE_HOT) -> None:
        self.inputs = inputs
        self.fields = tuple(inputs)
        self.one_hot = tuple(one_hot)
        self.columns: list[str] = []
        """The field that each column belongs to."""
        self._coded: list[tuple[str, dict[str, tuple[int, float]]]] = []
        self._numbers: list[tuple[str, int, int, int]] = []
        for name, rule in inputs.items():
            column, codes, spread = len(self.columns), rule.get("values", ()), name in self.one_hot
            self.columns += [name] * (len(codes) if spread else 1)
            if codes:
                places = [(column + at, 1.0) if spread else (column, float(at)) for at in range(len(codes))]
                self._coded.append((name, dict(zip(codes, places, strict=True))))
            else:
                self._numbers.append((name, column, rule["minimum"], rule["maximum"]))
        self._tables()

    def _tables(self) -> None:
        """What `_at_once` looks up: every code has a place in two arrays, its column and its number."""
        places = [place for _, codes in self._coded for place in codes.values()]
        self._columns = np.array([column for column, _ in places], dtype=np.intp)
        self._values = np.array([value for _, value in places])
        counter = iter(range(len(places)))
        self._codes = [dict(zip(codes, counter, strict=False)) for _, codes in self._coded]
        self._number_columns = np.array([column for _, column, _, _ in self._numbers], dtype=np.intp)
        self._minima = np.array([[minimum] for _, _, minimum, _ in self._numbers], dtype=np.float64)
        self._maxima = np.array([[maximum] for _, _, _, maximum in self._numbers], dtype=np.float64)
        self._taken = itemgetter(*(name for name, _ in self._coded), *(name for name, *_ in self._numbers))

    def parameters(self) -> dict[str, Any]:
        """What defines the columns, as JSON."""
        return {"fields": list(self.fields), "one_hot": list(self.one_hot), "columns": self.columns}

    def vector(self, row: Mapping[str, Any]) -> list[float]:
        """The columns of one record. Raises BadRecord for a missing, unknown or impossible value."""
        if not isinstance(row, Mapping):
            raise BadRecord("record: expected an object of features")
        vector = [0.0] * len(self.columns)
        name = ""
        try:
            for name, codes in self._coded:
                column, number = codes[row[name]]
                vector[column] = number
            for name, column, minimum, maximum in self._numbers:
                vector[column] = _number(name, row[name], minimum, maximum)
        except (KeyError, TypeError):
            raise BadRecord(f"{name}: {self._complaint(row, name)}") from None
        if len(row) > len(self.fields):
            raise BadRecord(f"{next(name for name in row if name not in self.fields)}: not a feature of this model")
        return vector

    def _complaint(self, row: Mapping[str, Any], name: str) -> str:
        if name not in row:
            return "missing"
        known = ", ".join(dict(self._coded)[name])
        if not isinstance(row[name], str):
            return f"expected a code, found {type(row[name]).__name__}; known are {known}"
        return f"unknown code {row[name]!r:.60}; known are {known}"

    def matrix(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Shape (records, columns). Raises BadRecord for the first record that cannot be scored."""
        if len(rows) >= _FEW and (matrix := self._at_once(rows)) is not None:
            return matrix
        return np.array([self.vector(row) for row in rows], dtype=np.float64).reshape(len(rows), len(self.columns))

    def _at_once(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64] | None:
        """The same, column by column; None where a record may be bad, for `vector` to say which and why."""
        try:
            columns = list(zip(*map(self._taken, rows), strict=True))
            codes = [list(map(known.__getitem__, column)) for known, column in zip(self._codes, columns, strict=False)]
            numbers = columns[len(codes) :]
            if max(map(len, rows)) > len(self.fields) or not set(map(type, chain(*numbers))) <= {int, float}:
                return None
            values = np.array(numbers, dtype=np.float64)
        except (KeyError, TypeError, OverflowError):
            return None
        fits = (self._minima <= values) & (values <= self._maxima) & (values == np.floor(values))
        if not fits.all():
            return None
        matrix = np.zeros((len(rows), len(self.columns)))
        places = np.array(codes, dtype=np.intp)
        matrix[np.arange(len(rows)), self._columns[places]] = self._values[places]
        matrix[:, self._number_columns] = values.T
        return matrix


def _number(name: str, value: Any, minimum: int, maximum: int) -> float:
    if type(value) is not int and type(value) is not float:
        raise BadRecord(f"{name}: expected a number, found {type(value).__name__}")
    if not minimum <= value <= maximum:
        raise BadRecord(f"{name}: not between {minimum} and {maximum}")
    if value != int(value):
        raise BadRecord(f"{name}: expected a whole number, found {value}")
    return float(value)
