"""`understudy status`: every route, the replicas and the holds, from the store; the gateway may be running or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.cli import console
from gateway.cli.running import Running, running
from gateway.cli.standing import Standing, caps_of, opened, standings
from gateway.config import Loaded
from gateway.report.evidence import epochs, evidence, ledger, total
from gateway.report.rate import rate
from gateway.store.holds import holds
from gateway.store.model import ALL, SEEN, ReplicaState
from gateway.store.queries import balance, traffic
from gateway.store.replicas import replicas
from gateway.store.waivers import waivers

FRESH = 60.0
"""Seconds after which a replica without heartbeat is taken for gone."""


def status(path: Path, as_json: bool) -> None:
    """Prints it. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    stood, problems = standings(loaded, caps_of(engine))
    living = [one for one in replicas(engine) if not one.ended and one.age < FRESH]
    since = min((one.started for one in living), default=None)
    now = running(loaded.folder)
    told = {
        "configuration": {"file": str(loaded.path), "version": loaded.version, "problems": list(problems)},
        "running": asdict(now) if now else None,
        "since": since,
        "routes": {name: _route(engine, standing, since) for name, standing in stood.items()},
        "replicas": [_replica(one, loaded) for one in living],
        "waivers": [asdict(one) for one in waivers(engine)],
        "holds": [asdict(one) | {"scope": "all" if one.scope == ALL else one.scope} for one in holds(engine)],
    }
    engine.dispose()
    if as_json:
        console.print_json(told)
    else:
        _print(told, now)


def _route(engine: Engine, standing: Standing, since: datetime | None) -> dict[str, Any]:
    name = standing.route
    calls = total(list(traffic(engine, name, since and since.replace(second=0, microsecond=0)).values()))
    begun = epochs(engine, name)
    found, terms = evidence(engine, name, begun), ledger(engine, name)
    return {
        "stage": str(standing.settings.stage),
        "percent": float(standing.settings.percent),
        "in_force": None if standing.in_force is None else str(standing.in_force),
        "sources": {source: None if stage is None else str(stage) for source, stage in standing.sources.items()},
        "reasons": standing.reasons,
        "model": standing.tag,
        "traffic": {
            "calls": calls.calls, "incumbent": calls.answered_incumbent, "candidate": calls.answered_candidate,
            "errors": calls.errors,
        },
        "agreement": rate(found.agreement.agreed, found.agreement.compared) | {"model": found.model},
        "ledger": terms,
        "unaccounted": balance(terms),
        "balanced": balance(terms) == 0,
    }  # fmt: skip


def _replica(one: ReplicaState, loaded: Loaded) -> dict[str, Any]:
    replica = one.replica
    return {
        "id": replica.id, "host": replica.host, "pid": replica.pid, "started": one.started,
        "heartbeat_age": round(one.age, 1), "version": replica.version, "current": replica.version == loaded.version,
    }  # fmt: skip


def _print(told: Mapping[str, Any], now: Running | None) -> None:
    version = told["configuration"]["version"]
    console.line(f"{told['configuration']['file']}, version {version}")
    console.line(_running(now, version))
    for problem in told["configuration"]["problems"]:
        console.warn(problem)
    since = f"calls observed since {told['since']:%Y-%m-%d %H:%M} UTC" if told["since"] else "calls observed so far"
    columns = ["route", "configured", "in force", "model", "incumbent answered", "candidate answered", "errors"]
    out = console.console()
    out.print(console.table(f"Routes; {since}", columns, map(_traffic, told["routes"].items())))
    columns = ["route", "agreement, 95 % interval", "compared", "seen", "ledger"]
    out.print(console.table("Agreement", columns, map(_agreement, told["routes"].items())))
    for name, route in told["routes"].items():
        for reason in route["reasons"]:
            console.line(f"{name}: {reason}", style="yellow")
    _print_holds(told["holds"])
    for one in told["waivers"]:
        until = f"{one['until']:%Y-%m-%d %H:%M} UTC"
        console.line(f"{one['route']}: {one['condition']} waived by {one['who']} until {until}: {one['reason']}")
    columns = ["replica", "host", "pid", "heartbeat", "table"]
    out.print(console.table("Replicas", columns, map(_beat, told["replicas"])))


def _running(now: Running | None, version: str) -> str:
    if now is None:
        return "no gateway runs on this host with this configuration"
    serves = "this version" if now.version == version else f"version {now.version}"
    restart = f"; restart needed: {', '.join(now.restart)} changed" if now.restart else ""
    return f"gateway {now.pid} serves {serves} at {now.data}, admin {now.admin}{restart}"


def _traffic(entry: tuple[str, Mapping[str, Any]]) -> Sequence[Any]:
    name, route = entry
    stage = f"{route['stage']} {route['percent']:g} %" if route["stage"] == "canary" else route["stage"]
    calls = route["traffic"]
    return name, stage, route["in_force"], route["model"], calls["incumbent"], calls["candidate"], calls["errors"]


def _agreement(entry: tuple[str, Mapping[str, Any]]) -> Sequence[Any]:
    name, route = entry
    agreed, compared = route["agreement"]["agreed"], route["agreement"]["compared"]
    balanced = "balanced" if route["balanced"] else f"{route['unaccounted']} unaccounted for"
    return name, console.share(agreed, compared), compared, route["ledger"].get(SEEN, 0), balanced


def _print_holds(opened: Sequence[Mapping[str, Any]]) -> None:
    if opened:
        rows = [
            (one["scope"], one["kind"], one["who"], f"{one['since']:%Y-%m-%d %H:%M}", one["reason"]) for one in opened
        ]
        console.console().print(console.table("Holds", ["scope", "kind", "who", "since (UTC)", "reason"], rows))


def _beat(one: Mapping[str, Any]) -> Sequence[Any]:
    table = f"{one['version']}{'' if one['current'] else ' (not this configuration)'}"
    return one["id"], one["host"], one["pid"], f"{one['heartbeat_age']:g} s ago", table
