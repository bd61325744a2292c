"""Models that go wrong, in process, for the credit example: factories for the model type `python`."""

from collections.abc import Sequence

from gateway.contract import Prediction, Row, RowError
from models.local import Constant


class NotANumber(Constant):
    """Gives NaN, which JSON cannot even write."""

    tag = "not_a_number:1"

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row."""
        return [{"probability_bad": float("nan"), "reasons": []} for _ in rows]


class OutOfRange(Constant):
    """Gives a probability of 17."""

    tag = "out_of_range:1"

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row."""
        return [{"probability_bad": 17.0, "reasons": []} for _ in rows]


class Raising(Constant):
    """Fails whatever it is asked."""

    tag = "raising:1"

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """Raises."""
        raise RuntimeError("out of order")


def not_a_number() -> NotANumber:
    """The factory."""
    return NotANumber()


def out_of_range() -> OutOfRange:
    """The factory."""
    return OutOfRange()


def raising() -> Raising:
    """The factory."""
    return Raising()


class Quoting(Constant):
    """Scores half of the people, and quotes all that it knows of the others in its complaint."""

    tag = "quoting:1"

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:  # type: ignore[override]  # a wider answer
        """One prediction or complaint a row; now and then a whole batch fails, quoting it."""
        if len(rows) % 5 == 4:
            raise ValueError(f"cannot score {rows}")
        answers = super().predict(rows)
        return [
            RowError(f"cannot score {row}") if len(str(row["name"])) % 2 else answer
            for row, answer in zip(rows, answers, strict=True)
        ]


def quoting() -> Quoting:
    """The factory."""
    return Quoting()
