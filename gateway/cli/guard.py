"""`understudy guard` and `understudy backtest`: what a guard says and why, and what another one would have said."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.backtest import Backtested, backtest
from gateway.cli import console
from gateway.cli.standing import caps_of, opened, route_of, table_of
from gateway.config import Loaded
from gateway.contract import ConfigError
from gateway.document import decode, parse
from gateway.drifting import Drifts
from gateway.guard import ASSUMED
from gateway.limits import Guard
from gateway.lookout import leading, most_of, observe
from gateway.report.evidence import Epoch, epochs
from gateway.report.guarding import guarded
from gateway.store import guards
from gateway.table import Bound
from gateway.validation import validated

SHAPE = 1


def guard(path: Path, route: str, as_json: bool) -> None:
    """Prints what the guard of a route says now; looks, and changes nothing. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    if route_of(loaded, route).guard is None:
        raise ConfigError(f"route {route!r} has no guard; docs/guard.md says what to write")
    bound, allowed = bound_of(loaded, route), caps_of(engine)
    seen = observe(engine, bound, allowed, Drifts(engine), kept=False)
    told = {"shape": SHAPE} | guarded(bound, seen) | {"held": allowed.reason(route), "step": bound.step(allowed)}
    engine.dispose()
    if as_json:
        console.print_json(told)
    else:
        _print(told)


def bound_of(loaded: Loaded, route: str) -> Bound:
    """The route's source that goes furthest, as a worker would have it. Raises ConfigError."""
    for bound in leading(table_of(loaded)):
        if bound.route == route:
            return bound
    raise ConfigError(f"route {route!r} has no candidate in any stage above off, so there is nothing to guard")


def _print(told: Mapping[str, Any]) -> None:
    console.line(f"{told['route']}, {told['step']}, {told['model']}: {told['outcome']}")
    console.line(told["reason"])
    if told["held"]:
        console.warn(f"held: {told['held']}; `understudy resume {told['route']}` ends it")
    rows = [(one["condition"], one["outcome"], one["keys"] or None, one["reason"]) for one in told["conditions"]]
    console.console().print(console.table("Conditions", ["condition", "says", "keys", "why"], rows))
    if told["day_to_day"] is not None:
        console.line(
            f"{told['keys']:,} business keys since {told['since']:%Y-%m-%d %H:%M} UTC; confidence "
            f"{told['confidence']:g}; days are taken to vary by {told['day_to_day']:.0%} of their limit"
        )


def backtested(path: Path, route: str, file: Path | None, as_json: bool) -> None:
    """Prints when a guard would have acted on what was recorded. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    settings = route_of(loaded, route)
    limits = settings.guard if file is None else _limits(file)
    if limits is None:
        raise ConfigError(f"route {route!r} has no guard; give one with --guard FILE")
    rows = []
    for epoch in sorted(epochs(engine, route), key=lambda one: one.id):
        found = _one(engine, loaded, route, limits, epoch)
        if found.records:
            rows.append(_row(epoch, found))
    engine.dispose()
    if as_json:
        console.print_json({"shape": SHAPE, "route": route, "guard": limits.model_dump(), "epochs": rows})
    else:
        _print_rows(rows)


def _limits(file: Path) -> Guard:
    try:
        text = decode(file.read_bytes(), file.name)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    document = parse(text, file.name)
    reading = document.read(os.environ, file.parent)
    limits = validated(Guard, ("guard",) if "guard" in document.written() else (), document, reading)
    if limits is None or reading.problems:
        raise ConfigError(*(problem.sentence(file.name) for problem in sorted(set(reading.problems))))
    return limits


def _one(engine: Engine, loaded: Loaded, route: str, limits: Guard, epoch: Epoch) -> Backtested:
    settings = loaded.config.routes[route]
    known = limits.day_to_day
    day_to_day = guards.variation_before(engine, route, epoch.id) if known is None else known
    plain = loaded.config.records.plain
    limits = limits.model_copy(update={"decisions": {n: x for n, x in limits.decisions.items() if n in plain}})
    records = guards.records(engine, route, epoch.id, settings.key is not None, bool(limits.decisions))
    return backtest(limits, records, ASSUMED if day_to_day is None else day_to_day, most_of(settings))


def _row(epoch: Epoch, found: Backtested) -> dict[str, Any]:
    return {
        "epoch": epoch.id, "started": epoch.started, "model": epoch.model, "step": epoch.step,
        "acted": found.acted, "waits": found.waited, "waits_reason": found.why,
        "outcome": str(found.judgement.outcome), "reason": found.judgement.reason,
        "records": found.records, "affected_calls": found.calls, "affected_keys": found.keys,
        "spared_calls": found.spared_calls, "spared_keys": found.spared_keys,
    }  # fmt: skip


def _print_rows(rows: list[dict[str, Any]]) -> None:
    if not rows:
        console.line("no records are kept of this route; `records.keep` and `records.age` say for how long they are")
        return
    for one in rows:
        console.line(f"epoch {one['epoch']}, {one['step']}, {one['model']}, since {one['started']:%Y-%m-%d %H:%M} UTC:")
        if one["waits"]:
            console.line(
                f"  a plan would have waited from {one['waits']:%A %Y-%m-%d %H:%M} UTC on: {one['waits_reason']}"
            )
        if one["acted"]:
            console.line(f"  would have rolled back on {one['acted']:%A %Y-%m-%d at %H:%M} UTC: {one['reason']}")
            console.line(
                f"  until then the candidate had answered {one['affected_calls']:,} calls of {one['affected_keys']:,} "
                f"keys; {one['spared_calls']:,} calls, and {one['spared_keys']:,} more keys, would have been spared"
            )
        else:
            console.line(f"  would not have rolled back; at its end: {one['outcome']}: {one['reason']}")
            console.line(f"  the candidate answered {one['affected_calls']:,} calls of {one['affected_keys']:,} keys")
    console.line(
        "looked at once a minute; drift is not judged, and records do not tell of calls that were dropped or lost, "
        "of what adapters noticed, or of what was removed"
    )
