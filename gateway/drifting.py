"""How far a route's inputs are from training now; looked at rarely, for it reads records."""

import time
from collections.abc import Mapping

from sqlalchemy import Engine

from gateway import drift
from gateway.store import queries
from gateway.table import Bound

EVERY = 60.0
"""Seconds that a look is good for."""

Drift = Mapping[str, tuple[float, float]]
"""By input: its stability index, and what chance alone would show."""


class Drifts:
    """The looks of one process. Not thread-safe."""

    def __init__(self, engine: Engine) -> None:
        """Opens no connection."""
        self._engine = engine
        self._known: dict[str, tuple[int, float, Drift]] = {}

    def of(self, bound: Bound, epoch: int) -> Drift:
        """Of a fair sample of the epoch's records; empty where nothing can be told. Raises StoreDown."""
        number, at, found = self._known.get(bound.route, (0, 0.0, {}))
        if number != epoch or time.monotonic() - at > EVERY:
            found = _found(self._engine, bound, epoch)
            self._known[bound.route] = (epoch, time.monotonic(), found)
        return found


def _found(engine: Engine, bound: Bound, epoch: int) -> Drift:
    schema = bound.candidate.link.schema if bound.candidate else {}
    training = schema.get("about", {}).get("training", {}).get("inputs", {})
    if not training:
        return {}
    asked = [
        {name: value for name, value in one.fields.items() if name in bound.plain}
        for one in queries.sample(engine, bound.route, epoch)
    ]
    return {one["name"]: (one["psi"], one["chance"]) for one in drift.inputs(bound.settings, training, asked)}
