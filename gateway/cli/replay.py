"""`understudy replay`: recorded calls against another model, or other rules, before anybody is answered by them."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway import assembly
from gateway.candidate import Candidate
from gateway.cli import console
from gateway.cli.since import since as moment
from gateway.cli.standing import route_of
from gateway.cli.trial import connected, kind_of
from gateway.config import Loaded, load
from gateway.contract import ConfigError
from gateway.keeping import keyring
from gateway.link import Link
from gateway.mapping import compile_route
from gateway.replay import Replay, Replayed
from gateway.report.rate import rate
from gateway.requirement import Requirement, requirement, value_of
from gateway.store import queries
from gateway.store.engine import connect
from gateway.store.secret import digest, secret
from gateway.table import compile_table, misfits

SHAPE = 1


def replay(
    path: Path, route: str, model: str | None, since: str | None, limit: int, require: Sequence[str], as_json: bool
) -> int:
    """Prints what came of it; 0, or 1 where a requirement is not met. Raises ConfigError, StoreDown,
    ModelUnavailable."""
    first, required = moment(since) if since else None, [requirement(text) for text in require]
    loaded = load(path.absolute(), os.environ, withhold=True)
    engine = connect(loaded.config.store, loaded.path.parent)
    told = asyncio.run(_replayed(loaded, engine, route, model, first, limit))
    engine.dispose()
    values = _values(told)
    told["requirements"] = [_judged(one, values) for one in required]
    told["ok"] = all(one["met"] for one in told["requirements"])
    if as_json:
        console.print_json(told)
    else:
        _print(told)
    return 0 if told["ok"] else 1


async def _replayed(
    loaded: Loaded, engine: Engine, name: str, model: str | None, first: datetime | None, limit: int
) -> dict[str, Any]:  # fmt: skip
    route = route_of(loaded, name)
    if not route.candidate:
        raise ConfigError(f"routes.{name}.candidate: the route has no candidate; name one")
    kind = kind_of(loaded, route.candidate, model)
    ring = keyring(loaded.config.records, partial(digest, secret(engine)))
    async with connected(route.candidate, kind) as link:
        _fits(loaded, route.candidate, name, link)
        rules = compile_route(name, route)
        one = Replay(name, route, Candidate(rules, rules.feature_names, link), loaded.config.records, ring)
        for records in queries.history(engine, name, first, limit):
            await one.take(records)
        told = _told(one.found) | {"route": name, "version": loaded.version, "model": link.tag, "since": first}
        currency = route.cost.currency if route.cost else None
        return told | {"currency": currency, "not_compared": one.not_compared}


def _fits(loaded: Loaded, model: str, route: str, link: Link) -> None:
    """Raises ConfigError where the model does not fit the route's mapping."""
    table = compile_table(loaded, assembly.adapters(loaded), dict.fromkeys(loaded.config.models, link))
    described = link.model.schema if link.model else {}
    if wrong := misfits(loaded, table, link.name, described, route):
        raise ConfigError(*wrong)


def _told(found: Replayed) -> dict[str, Any]:
    sums, beside = found.sums, found.beside
    compared = sums.compared
    return {
        "shape": SHAPE,
        "records": found.records,
        "replayed": sum(sums.words.values()),
        "left_out": dict(found.left_out.most_common()),
        "failed": dict(found.failed.most_common()),
        "agreement": rate(sums.agreed, compared),
        "known": dict(sorted(sums.known.items())),
        "opaque": sums.words.get("opaque", 0),
        "fields": {name: rate(*pair) for name, pair in sorted(sums.fields.items())},
        "segments": {name: rate(*pair) for name, pair in sorted(sums.segments.items())},
        "confusions": {name: _confused(found, name) for name in sorted(sums.pairs) if queries.confused(sums, name)},
        "cost_per_1000": sums.cost / compared * 1000 if compared else None,
        "recorded": {
            "both": beside[True, True], "recorded_only": beside[True, False], "now_only": beside[False, True],
            "neither": beside[False, False],
        },
    }  # fmt: skip


def _confused(found: Replayed, name: str) -> list[dict[str, Any]]:
    pairs = queries.confused(found.sums, name)
    return [{"incumbent": theirs, "candidate": ours, "records": count} for theirs, ours, count in pairs]


def _values(told: Mapping[str, Any]) -> Mapping[str, float | None]:
    """What a requirement may be about."""
    records = told["records"]
    values = {
        "agreement": told["agreement"]["rate"],
        "low": told["agreement"]["low"] if told["agreement"]["compared"] else None,
        "replayed": told["replayed"] / records if records else None,
        "failed": sum(told["failed"].values()) / records if records else None,
        "cost": told["cost_per_1000"],
    }
    for part in ("field", "segment"):
        values |= {f"{part}:{name}": rate["rate"] for name, rate in told[f"{part}s"].items()}
    return values


def _judged(wanted: Requirement, values: Mapping[str, float | None]) -> dict[str, Any]:
    value = value_of(wanted, values)
    return {"require": wanted.text, "value": value, "met": wanted.met(value)}


def _print(told: Mapping[str, Any]) -> None:
    console.line(f"{told['route']} with {told['model']}: {told['replayed']} of {told['records']} records replayed")
    for reason, count in told["left_out"].items():
        console.warn(f"{count} left out: {reason}")
    for reason, count in told["failed"].items():
        console.warn(f"{count} left without an answer by the model: {reason}")
    if told["not_compared"]:
        console.line(f"not compared, since records do not carry them: {', '.join(told['not_compared'])}")
    console.line(f"agreement: {_share(told['agreement'])}, {told['agreement']['compared']} records compared")
    for entry, count in told["known"].items():
        console.line(f"known difference {entry}: {count} records, counted apart")
    if told["currency"] and told["cost_per_1000"] is not None:
        console.line(f"at risk: {told['cost_per_1000']:,.2f} {told['currency']} per 1,000 records")
    _tables(told)
    for one in told["requirements"]:
        value = "not known" if one["value"] is None else f"{one['value']:.4g}"
        verdict = "met" if one["met"] else "NOT MET"
        console.line(f"{one['require']}: {value}, {verdict}", style="green" if one["met"] else "bold red")


def _tables(told: Mapping[str, Any]) -> None:
    out = console.console()
    for part, title in (("fields", "Fields"), ("segments", "Segments")):
        rows = [(name, _share(rate), rate["compared"]) for name, rate in told[part].items()]
        if rows:
            out.print(console.table(title, ["name", "agreement, 95 % interval", "compared"], rows))
    for name, pairs in told["confusions"].items():
        rows = [(pair["incumbent"], pair["candidate"], pair["records"]) for pair in pairs]
        out.print(console.table(f"{name}, where they disagree", ["incumbent", "candidate", "records"], rows))
    recorded: Mapping[str, int] = told["recorded"]
    named = {"both": "agreed then and now", "recorded_only": "agreed then, not now", "now_only": "agrees now, not then",
             "neither": "neither"}  # fmt: skip
    out.print(
        console.table("Beside what was recorded", ["", "records"], [(named[key], recorded[key]) for key in named])
    )


def _share(rate: Mapping[str, Any]) -> str:
    return console.share(rate["agreed"], rate["compared"])
