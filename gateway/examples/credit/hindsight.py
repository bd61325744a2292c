"""Who was right, the scorecard or the model: decisions against what became of the loans. Pure, but for the data's file.

Only the 500 applications count that the demonstration's model was not trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.examples.credit.applications import actual
from gateway.statistics.agreement import Test, mcnemar
from models.credit.data import split

RIGHT = {"A": "good", "R": "bad"}
"""A loan that was repaid should have been approved, one that was not should have been rejected."""


@dataclass(slots=True, frozen=True)
class Hindsight:
    """Applications by who decided rightly."""

    both: int
    legacy: int
    """Legacy alone."""
    model: int
    """The model alone."""
    neither: int
    good: int
    """Those that were repaid: as often is right who approves everybody."""

    @property
    def judged(self) -> int:
        """All of them."""
        return self.both + self.legacy + self.model + self.neither

    def mcnemar(self) -> Test | None:
        """Whether one of the two is right more often; None where they never differ."""
        return mcnemar(self.legacy, self.model)


def hindsight(legacy: Mapping[str, str], model: Mapping[str, str]) -> Hindsight:
    """Judges decisions (A, R) by application id; what went to manual review, or one did not decide, is left out."""
    became = actual()
    decided = [one for one in split()[1] if legacy.get(one) in RIGHT and model.get(one) in RIGHT]
    pairs = [(RIGHT[legacy[one]] == became[one], RIGHT[model[one]] == became[one]) for one in decided]
    return Hindsight(
        pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)), pairs.count((False, False)),
        sum(became[one] == "good" for one in decided),
    )  # fmt: skip
