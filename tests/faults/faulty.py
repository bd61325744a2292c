"""Models that go wrong, in process, for the credit example: factories for the model type `python`."""

from collections.abc import Sequence

from gateway.contract import Prediction, Row
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
