"""The credit model as one object: records in, probabilities and reasons out. This is what `model.joblib` holds.

Loading it imports this package by name, so it is found wherever Understudy is installed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

from models.credit.data import SHA256
from models.credit.preprocess import INPUTS, BadRecord, Preprocessor
from models.credit.reasons import Contributions

OUTPUTS: Mapping[str, Mapping[str, Any]] = {
    "probability_bad": {"type": "number", "minimum": 0.0, "maximum": 1.0},
    "reasons": {"type": "list", "items": {"type": "text", "values": list(INPUTS)}},
}


class CreditScorer:
    """Scores credit applications: how likely each goes bad, and up to four fields that speak for it."""

    def __init__(self, preprocessor: Preprocessor, model: GradientBoostingClassifier) -> None:
        self.preprocessor = preprocessor
        self.model = model
        self.contributions = Contributions(model, preprocessor.columns)

    def __reduce__(self) -> tuple[Any, ...]:
        """Only what was learnt is stored; the rest is made again, so that newer code can load older models."""
        return restored, (dict(self.preprocessor.inputs), list(self.preprocessor.one_hot), self.model)

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Aligned with the rows: {"probability_bad", "reasons"}, or {"error"} for a record that cannot be scored."""
        if not rows:
            return []
        try:
            return self._score(self.preprocessor.matrix(rows))
        except BadRecord as error:
            if len(rows) == 1:
                return [{"error": str(error)}]
        complaints = [self._complaint(row) for row in rows]
        scored = iter(self.predict([row for row, wrong in zip(rows, complaints, strict=True) if not wrong]))
        return [{"error": wrong} if wrong else next(scored) for wrong in complaints]

    def _complaint(self, row: Mapping[str, Any]) -> str:
        """Why this record cannot be scored; empty where it can."""
        try:
            self.preprocessor.vector(row)
        except BadRecord as error:
            return str(error)
        return ""

    def _score(self, matrix: NDArray[np.float64]) -> list[dict[str, Any]]:
        bad = self.model.predict_proba(matrix)[:, 1].tolist()
        reasons = self.contributions.reasons(matrix)
        return [{"probability_bad": p, "reasons": why} for p, why in zip(bad, reasons, strict=True)]


def restored(
    inputs: Mapping[str, Mapping[str, Any]], one_hot: Sequence[str], model: GradientBoostingClassifier
) -> CreditScorer:
    """The scorer that was stored with these parameters."""
    return CreditScorer(Preprocessor(inputs, one_hot), model)


def schema(example: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that travels with the model, with a row to warm it up."""
    return {"inputs": dict(INPUTS), "outputs": dict(OUTPUTS), "example": dict(example), "data": SHA256[:12]}
