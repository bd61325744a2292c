"""A model in this process, for tests, benchmarks and tiny models: no crash isolation, and scoring holds the event loop.

A factory is a function without arguments that returns an object with `tag`, `schema` (see `contract.Model`) and
`predict(rows) -> predictions`.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import Field

from gateway.contract import (
    BadPrediction,
    Child,
    ConfigError,
    Model,
    ModelTimeout,
    ModelUnavailable,
    Prediction,
    Row,
    RowError,
)
from gateway.settings import Settings


class Predictor(Protocol):
    """What a factory returns."""

    tag: str
    schema: Mapping[str, Any]

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        """Predictions aligned with the rows."""


class LocalSettings(Settings):
    """One `models:` entry of type `python`."""

    call: str = Field(pattern=r"^[\w.]+:\w+$")


class Local:
    """A `contract.ModelKind` in this process; the factory is called once, when it is made."""

    Settings: ClassVar[type[LocalSettings]] = LocalSettings

    def __init__(self, name: str, settings: LocalSettings, folder: Path) -> None:
        """Raises ConfigError when the factory cannot be found."""
        self.settings = settings
        self._predictor = _factory(name, settings.call)()
        self.tag = self._predictor.tag

    def child(self, socket: str) -> Child | None:
        """None: there is no process to start."""
        return None

    def schema(self) -> Mapping[str, Any]:
        """The predictor's own."""
        return self._predictor.schema

    async def connect(self, socket: str) -> Model:
        """The model itself."""
        return InProcess(self._predictor)


class InProcess:
    """A `contract.Model` over a predictor that is called at once, on the event loop."""

    def __init__(self, predictor: Predictor) -> None:
        self.tag = predictor.tag
        self.schema = predictor.schema
        self._predictor = predictor

    async def predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Prediction | RowError]:
        """Predictions aligned with the rows; `timeout` cannot interrupt them.

        Raises ModelUnavailable for whatever the predictor raises, BadPrediction when it loses rows."""
        if timeout <= 0:
            raise ModelTimeout("no time was left to ask the model")
        try:
            predictions = self._predictor.predict(rows)
        except Exception as error:
            raise ModelUnavailable(f"the model failed: {type(error).__name__}: {error}") from error
        if len(predictions) != len(rows):
            raise BadPrediction(f"the model gave {len(predictions)} predictions for {len(rows)} rows")
        return predictions

    async def confirm(self) -> None:
        """It cannot have been changed."""

    async def close(self) -> None:
        """Nothing is open."""


class Constant:
    """Gives the same prediction for every record and accepts any features."""

    tag = "constant:1"
    schema: Mapping[str, Any] = {
        "inputs": {},
        "outputs": {
            "probability_bad": {"type": "number", "minimum": 0.0, "maximum": 1.0},
            "reasons": {"type": "list", "items": {"type": "text"}},
        },
    }

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction]:
        """One prediction a row, all alike."""
        return [{"probability_bad": 0.25, "reasons": []} for _ in rows]


def constant() -> Predictor:
    """The factory `models.local:constant`."""
    return Constant()


def _factory(name: str, call: str) -> Callable[[], Predictor]:
    module, function = call.split(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"model {name}: {call} cannot be loaded: {error}; write it as module:function") from error
    if not callable(found):
        raise ConfigError(f"model {name}: {call} is not a function")
    return found  # type: ignore[no-any-return]  # only calling it can tell
