"""`understudy export`: a route's records as a Parquet file, for whoever analyses them elsewhere."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from gateway.answers import answer_rules
from gateway.cli import console
from gateway.cli.audit import noted
from gateway.cli.since import since as moment
from gateway.cli.standing import opened, route_of
from gateway.config import Route
from gateway.contract import ConfigError
from gateway.keeping import keyring
from gateway.records import Records
from gateway.rules import Rule
from gateway.seal import Keyring, place, sealed
from gateway.store.secret import digest, secret
from gateway.store.stream import stream
from gateway.store.text import dumps, loads

KINDS = {"integer": "int64", "decimal": "decimal", "float": "float64", "boolean": "bool", "date": "date32", "datetime":
         "timestamp", "time": "time64"}  # fmt: skip
"""Arrow's type of a canonical type; all else is text."""


def export(path: Path, route: str, target: Path, decrypt: bool, since: str | None, reason: str) -> None:
    """Writes the file whole or not at all. Raises ConfigError, StoreDown, Unopened."""
    try:
        from gateway.cli.parquet import Writer
    except ModuleNotFoundError:
        raise ConfigError("export needs pyarrow: pip install 'understudy-gateway[parquet]'") from None
    loaded, engine = opened(path)
    settings, records = route_of(loaded, route), loaded.config.records
    ring = keyring(records, partial(digest, secret(engine))) if decrypt else None
    columns = Columns(route, settings, records, ring)
    draft, rows = target.with_name(f".{target.name}.{os.getpid()}"), 0
    try:
        with Writer(draft, columns.types) as writer:
            for step in stream(engine, route, moment(since) if since else None):
                rows += writer.write([columns.row(row) for row in step])
        draft.replace(target)
    except OSError as error:
        raise ConfigError(f"{error.filename or target}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    opened_ = ", decrypted" if decrypt else ""
    console.line(f"{target}: {rows} records{opened_}")
    noted(engine, "export", route, "", f"{rows} records{opened_}", reason, file=target.name, since=since or "all")
    engine.dispose()


class Columns:
    """What an exported record consists of. `types` are names of KINDS' values, or `text`, `binary`, `float64` ..."""

    def __init__(self, route: str, settings: Route, records: Records, ring: Keyring | None) -> None:
        """With `ring` what is encrypted is exported opened, else as it is kept: as text."""
        self._route = route
        self._ring = ring
        self._ways = {name: way for name, way in records.fields.items() if way != "drop"}
        requests = {name: rule.type or "text" for name, rule in settings.fields.items()}
        answers = {name: _kind(rule) for name, rule in answer_rules(settings).items()}
        self._sides = {"field": self._typed(requests), "incumbent": self._typed(answers), "candidate":
                       self._typed(answers)}  # fmt: skip
        self.types: dict[str, str] = {
            "call": "text", "position": "int64", "received": "timestamp", "source": "text", "stage": "text",
            "answered_by": "text", "verdict": "text", "late": "bool", "key": "binary", "epoch": "int64", "step": "text",
            "model": "text", "data_revision": "text", "version": "text", "cost": "float64", "segments": "text",
            "incumbent_ms": "float64", "candidate_ms": "float64", "gateway_ms": "float64",
            "incumbent_outcome": "text", "candidate_outcome": "text", "verdicts": "text", "distances": "text",
        }  # fmt: skip
        for side, kinds in self._sides.items():
            self.types |= {f"{side}.{name}": kind for name, kind in kinds.items()}

    def row(self, row: Row[Any]) -> Mapping[str, Any]:
        """One record. Raises Unopened."""
        theirs, ours = loads(row.incumbent), loads(row.candidate)
        told = {
            "call": row.call_id, "position": row.position, "received": row.received, "source": row.source,
            "stage": row.stage, "answered_by": row.answered_by, "verdict": row.verdict, "late": row.late,
            "key": row.key, "epoch": row.epoch, "step": row.step or "", "model": row.model,
            "data_revision": row.revision or "", "version": row.version, "cost": row.cost,
            "segments": ", ".join(loads(row.segments)), "incumbent_ms": row.incumbent_ms,
            "candidate_ms": row.candidate_ms, "gateway_ms": row.gateway_ms, "incumbent_outcome": _outcome(theirs),
            "candidate_outcome": _outcome(ours), "verdicts": row.verdicts, "distances": row.distances,
        }  # fmt: skip
        for side, values in (("field", loads(row.fields)), ("incumbent", theirs), ("candidate", ours)):
            told.update(self._values(side, values))
        return told

    def _typed(self, kinds: Mapping[str, str]) -> dict[str, str]:
        """The fields that records carry, each with its type, where it is kept as it is or opened."""
        plain = ("keep", "encrypt") if self._ring else ("keep",)
        return {
            name: KINDS.get(kind, "text") if self._ways[name] in plain else "text"
            for name, kind in kinds.items() if name in self._ways
        }  # fmt: skip

    def _values(self, side: str, values: Any) -> Iterator[tuple[str, Any]]:
        for name, kind in self._sides[side].items():
            value = values.get(name) if isinstance(values, Mapping) else None
            if (text := sealed(value)) is not None:
                value = self._ring.open(text, place(self._route, name)) if self._ring else text
            yield f"{side}.{name}", None if value is None else FIT[kind](value)


def _kind(rule: Rule) -> str:
    """The type of an answer field; a scaled prediction is a number without saying so."""
    if rule.many or rule.fields:
        return "text"
    scaled = rule.bands is None and any(step is not None for step in (rule.scale, rule.offset, rule.round))
    return rule.type or ("float" if scaled else "text")


def _outcome(answer: Any) -> str | None:
    """`values`, `refused CODE`, or the name of the error."""
    if not isinstance(answer, Mapping):
        return None
    if "$refusal" in answer:
        return f"refused {answer['$refusal']}"
    return str(answer["$error"]) if "$error" in answer else "values"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def _as(kind: type | tuple[type, ...], convert: Callable[[Any], Any] = lambda value: value) -> Callable[[Any], Any]:
    """The value where it has the type; None else: rules may have changed since it was recorded."""

    def fitted(value: Any) -> Any:
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return convert(value) if fits else None

    return fitted


FIT: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "int64": _as(int, lambda value: value if -(2**63) <= value < 2**63 else None),
    "float64": _as((int, float, Decimal), float),
    "decimal": _as((int, float, Decimal), lambda value: Decimal(str(value))),
    "bool": _as(bool),
    "date32": _as(date, lambda value: value.date() if isinstance(value, datetime) else value),
    "timestamp": _as(datetime, lambda value: value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)),
    "time64": _as(time, lambda value: value.replace(tzinfo=None)),
}
