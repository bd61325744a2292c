"""Mapping plus model: something that answers in canonical fields. Used by workers, observer, replay and backfill."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.contract import (
    BadPrediction,
    CandidateFailed,
    ModelUnavailable,
    Prediction,
    Refusal,
    Row,
    RowError,
    UnderstudyError,
    Unmappable,
    Values,
)
from gateway.link import Link
from gateway.mapping import Canonical, RouteMapping
from gateway.schema import check, problems

Scored = Values | Refusal | UnderstudyError


class Candidate:
    """The candidate of one route. One record that fails never costs another its answer."""

    def __init__(self, rules: RouteMapping, features: Sequence[str], link: Link) -> None:
        """`features` are the names that the mapping makes, checked against the schema that travels with the model."""
        self.link = link
        self._rules = rules
        self._features = features
        self._checked = ""

    async def score(self, records: Sequence[Canonical], timeout: float) -> list[Scored]:
        """One canonical outcome a record, aligned, or the error that left it without; within `timeout` seconds."""
        scored: list[Scored] = []
        asked: list[int] = []
        rows: list[Row] = []
        for at, record in enumerate(records):
            try:
                scored.append(self._rules.refusal(record) or CandidateFailed("not asked yet"))
                if not isinstance(scored[at], Refusal):
                    rows.append(self._rules.features(record))
                    asked.append(at)
            except Unmappable as error:
                scored[at:] = [error]
        if rows:
            now, model = datetime.now(UTC), self.link.model  # the one that is asked: another may take its place
            outputs = model.schema["outputs"] if model else {}
            for at, prediction in zip(asked, await self._predict(rows, timeout), strict=True):
                scored[at] = self._outcome(prediction, outputs, records[at], now)
        return scored

    async def _predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Prediction | RowError | CandidateFailed]:
        if timeout <= 0:
            # Says nothing about the model, so the breaker is not told.
            return [CandidateFailed("no time was left to ask the model")] * len(rows)
        breaker = self.link.breaker
        if (round := breaker.allow()) is None:
            return [ModelUnavailable("the model keeps failing and is left alone for a moment")] * len(rows)
        try:
            self._fits()
            predictions = await self.link.predict(rows, timeout)
            if len(predictions) != len(rows):
                raise BadPrediction(f"the model gave {len(predictions)} predictions for {len(rows)} records")
        except CandidateFailed as error:
            breaker.failed(round)
            return [error] * len(rows)
        except BaseException:
            breaker.gave_up(round)
            raise
        breaker.succeeded(round)
        return predictions

    def _fits(self) -> None:
        """Raises BadPrediction where the model connected now wants other features than the mapping makes."""
        model = self.link.model
        if model and model.tag != self._checked:
            if found := problems(self._features, model.schema):
                raise BadPrediction(f"model {model.tag} does not fit the mapping: {'; '.join(found)}")
            self._checked = model.tag

    def _outcome(
        self, prediction: Prediction | RowError | CandidateFailed, outputs: Mapping[str, Any], record: Canonical,
        now: datetime,
    ) -> Scored:  # fmt: skip
        if isinstance(prediction, CandidateFailed):
            return prediction
        if isinstance(prediction, RowError):
            return CandidateFailed(prediction.message)
        try:
            check(prediction, outputs)
            return self._rules.answer(prediction, record, now)
        except (BadPrediction, Unmappable) as error:
            return error
