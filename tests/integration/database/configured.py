"""Configurations of a database adapter over the tests' legacy tables, and a gateway that runs them."""

import json
from collections.abc import Mapping
from typing import Any

from adapters.database.config import DatabaseSettings
from tests.integration.database.legacy_tables import Legacy

STATUS = {"status": {"column": "state", "new": ["NEW"], "done": ["DONE"], "error": "ERROR"}}
TABLE: Mapping[str, Any] = {"table": "loans", "find": STATUS, "refusal": {"code": "fault"}, "size": 50}
BATCH = {"coexists": "view", "verify": "1s"}
ROUTE = """
store: sqlite:///understudy.db
models:
  scorer: {type: python, call: "tests.models:MODEL"}
adapters:
  bank: ADAPTER
routes:
  loan:
    stage: STAGE
    percent: PERCENT
    candidate: scorer
    accept: MODEL:1
    effects: none
    key: id
    join_window: 1h
    fields: {id: text, amount: decimal}
    features: {amount: {from: amount, type: float}}
    answer:
      fields:
        decision: {from: probability_bad, bands: [{below: 0.5, value: approve}, {value: reject}]}
        score: {from: probability_bad, scale: -1000, offset: 1000, round: 1}
      refuse:
        - when: {field: amount, above: 1900}
          fault: TOO_MUCH
    compare: {score: {absolute: 1}}
    sources:
      bank/Score:
        request: {id: id, amount: amount}
        answer:
          decision: {from: decision, codes: {A: approve, R: reject}}
          score: {from: score}
"""


def adapter(legacy: Legacy, **table: Any) -> dict[str, Any]:
    """The adapter's settings."""
    return {
        "type": "database", "url": legacy.engine.url.render_as_string(hide_password=False),
        "poll": {"fastest": "1ms", "slowest": "20ms", "reconcile": "50ms"}, "tables": {"Score": {**TABLE, **table}},
    }  # fmt: skip


def settings(legacy: Legacy, **table: Any) -> DatabaseSettings:
    """The same, typed."""
    values = adapter(legacy, **table)
    del values["type"]
    return DatabaseSettings.model_validate(values)


def config(values: Mapping[str, Any], stage: str = "live", percent: float = 0, model: str = "by_amount") -> str:
    """A configuration with one route."""
    text = ROUTE.replace("ADAPTER", json.dumps(values)).replace("STAGE", stage).replace("PERCENT", str(percent))
    return text.replace("MODEL", model)
