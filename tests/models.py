"""Models of the tests: deterministic, in process, each a factory for the model type `python`."""

import os
import random
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.contract import Prediction, Row, RowError
from models.local import Constant
from models.training import spreads

SCHEMA: Mapping[str, Any] = {
    "inputs": {"amount": {"type": "number"}},
    "outputs": {"probability_bad": {"type": "number", "minimum": 0.0, "maximum": 1.0}},
}


class ByAmount:
    """Bad in proportion to the amount up to 2,000; cannot score a negative one."""

    schema = SCHEMA

    def __init__(self, tag: str, full: float = 2000.0) -> None:
        self.tag = tag
        self._full = full

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        """One prediction a row."""
        return [
            {"probability_bad": min(row["amount"] / self._full, 1.0)} if row["amount"] >= 0 else RowError("negative")
            for row in rows
        ]


class Saying:
    """Says the same of everybody."""

    schema = SCHEMA

    def __init__(self, tag: str, probability: Any) -> None:
        self.tag = tag
        self._probability = probability

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row."""
        return [{"probability_bad": self._probability} for _ in rows]


class Raising:
    """Fails whatever it is asked."""

    schema = SCHEMA
    tag = "raising:1"

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """Raises."""
        raise RuntimeError("out of order")


class Lethal(Constant):
    """Kills the process that asks about an applicant of this age, and else says the same of everybody."""

    age = 99

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row."""
        if any(row["age"] == self.age for row in rows):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(rows)


class Fickle(Constant):
    """Approves of everybody, with another probability each time: an answer that comes again was remembered."""

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row."""
        return [{"probability_bad": random.random() / 2, "reasons": []} for _ in rows]


def by_amount() -> ByAmount:
    """Agrees with the old system nearly always."""
    return ByAmount("by_amount:1")


def with_a_card() -> ByAmount:
    """The same with all that may travel with a model."""
    model = ByAmount("by_amount:1")
    rows = [{"amount": 10.0 * at} for at in range(1, 201)]
    training = {
        "inputs": spreads(rows),
        "outputs": spreads([{"probability_bad": min(row["amount"] / 2000, 1.0)} for row in rows]),
    }
    about = {"facts": {"auc_unseen": 0.77}, "card": "# Made up\n<b>for tests</b>", "training": training}
    model.schema = {**SCHEMA, "data": "abc123", "about": about}
    return model


def by_amount_2() -> ByAmount:
    """The next version: stricter."""
    return ByAmount("by_amount:2", 1000.0)


def not_a_number() -> Saying:
    """Says NaN."""
    return Saying("nan:1", float("nan"))


def raising() -> Raising:
    """Always fails."""
    return Raising()


def says_half() -> Saying:
    """Says 0.5 of everybody, whatever the amount."""
    return Saying("half:1", 0.5)


def lethal() -> Lethal:
    """Does not survive a certain applicant."""
    return Lethal()


def fickle() -> Fickle:
    """Says nothing twice."""
    return Fickle()
