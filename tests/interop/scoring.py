"""The candidate of these tests: what it says can be worked out by hand, so that every client can be checked."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.contract import Prediction, Row

TAG = "by_hand:1"
CALL = {"type": "python", "call": "tests.interop.scoring:by_hand"}


class ByHand:
    """Bad in proportion to the amount, up to 10,000; says why from one half on."""

    tag = TAG
    schema: Mapping[str, Any] = {
        "inputs": {},
        "outputs": {
            "probability_bad": {"type": "number", "minimum": 0.0, "maximum": 1.0},
            "reasons": {"type": "list", "items": {"type": "text"}},
        },
    }

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row."""
        chances = [min(row["credit_amount"] / 10000, 1.0) for row in rows]
        return [
            {"probability_bad": chance, "reasons": ["credit_amount", "age"] if chance >= 0.5 else []}
            for chance in chances
        ]


def by_hand() -> ByHand:
    """The factory for the model type `python`."""
    return ByHand()
