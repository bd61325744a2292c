"""`understudy report`: what is known of one route, from the store."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.cli import console
from gateway.cli.evidence import Epoch, Evidence, confusions, epochs, evidence, latencies, ledger, total
from gateway.cli.standing import Standing, caps_of, opened, route_of, standings
from gateway.config import Loaded
from gateway.store import audit, queries
from gateway.store.sums import Rollup

SHAPE = 1
"""Raised whenever a key of the JSON changes its meaning or goes away; new ones may come without."""
LATEST = 10
"""Disagreements shown."""


def report(path: Path, route: str, as_json: bool) -> None:
    """Prints it. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    route_of(loaded, route)
    stood, problems = standings(loaded, caps_of(engine))
    told = _told(loaded, engine, stood[route]) | {"problems": list(problems)}
    engine.dispose()
    if as_json:
        console.print_json(told)
    else:
        _print(told)


def _told(loaded: Loaded, engine: Engine, standing: Standing) -> dict[str, Any]:
    route = standing.route
    begun, traffic, terms = epochs(engine, route), queries.traffic(engine, route), ledger(engine, route)
    found = evidence(engine, route, begun)
    counted = queries.sums(engine, route, lambda slot: slot.epoch)
    confused = confusions(found)
    latest = queries.disagreements(engine, route, limit=LATEST)
    return {
        "shape": SHAPE,
        "route": route,
        "version": loaded.version,
        "stage": str(standing.settings.stage),
        "percent": float(standing.settings.percent),
        "in_force": None if standing.in_force is None else str(standing.in_force),
        "reasons": standing.reasons,
        "model": standing.tag,
        "records_kept": loaded.config.records.keep,
        "traffic": [_traffic(source, stage, rollup) for (source, stage), rollup in traffic.items()],
        "latency_ms": latencies(total(list(traffic.values()))),
        "agreement": _agreement(found),
        "fields": _fields(found),
        "confusions": {
            field: [{"incumbent": ours, "candidate": theirs, "records": count} for ours, theirs, count in pairs]
            for field, pairs in confused.items()
        },
        "disagreements": [_disagreement(one) for one in latest],
        "epochs": [_epoch(one, counted.get(one.id, Rollup())) for one in begun],
        "ledger": terms,
        "audit_head": audit.head(engine),
        "unaccounted": queries.balance(terms),
        "balanced": queries.balance(terms) == 0,
    }


def _traffic(source: str, stage: str, rollup: Rollup) -> dict[str, Any]:
    return {
        "source": source, "stage": stage, "calls": rollup.calls, "incumbent": rollup.answered_incumbent,
        "candidate": rollup.answered_candidate, "errors": rollup.errors,
        "agreement": console.rate(rollup.agreed, rollup.compared), "latency_ms": latencies(rollup),
    }  # fmt: skip


def _agreement(found: Evidence) -> dict[str, Any]:
    rate = console.rate(found.agreement.agreed, found.agreement.compared)
    return rate | {"model": found.model, "epochs": list(found.epochs)}


def _fields(found: Evidence) -> dict[str, Any]:
    """By field, the one with the least agreement first."""
    rates = {name: console.rate(*pair) for name, pair in found.agreement.fields.items()}
    return dict(sorted(rates.items(), key=lambda entry: (entry[1]["rate"] is None, entry[1]["rate"] or 0.0, entry[0])))


def _disagreement(one: queries.Kept) -> dict[str, Any]:
    return {
        "call": one.call_id, "index": one.index, "received": one.received, "source": one.source, "epoch": one.epoch,
        "model": one.model, "fields": one.fields, "incumbent": one.incumbent, "candidate": one.candidate,
        "verdicts": one.verdicts,
    }  # fmt: skip


def _epoch(one: Epoch, counted: Rollup) -> dict[str, Any]:
    return {
        "epoch": one.id, "started": one.started, "model": one.model, "rules": one.rules, "step": one.step,
        "agreement": console.rate(counted.agreed, counted.compared),
    }  # fmt: skip


def _print(told: Mapping[str, Any]) -> None:
    force = told["in_force"] or "not known"
    console.line(f"{told['route']}: configured {_stage(told)}, in force {force}, model {told['model'] or 'not known'}")
    for why in (*told["reasons"], *told["problems"]):
        console.warn(why)
    of = f" of {told['agreement']['model']}" if told["agreement"]["model"] else ""
    console.line(f"agreement{of}: {_share(told['agreement'])}, {told['agreement']['compared']} records compared")
    out = console.console()
    columns = ["source", "stage", "calls", "incumbent", "candidate", "errors", "agreement, 95 % interval", *_timed()]
    out.print(console.table("Traffic", columns, map(_traffic_row, told["traffic"])))
    fields = [(name, _share(rate), rate["compared"]) for name, rate in told["fields"].items()]
    out.print(console.table("Fields, the worst first", ["field", "agreement, 95 % interval", "compared"], fields))
    for field, pairs in told["confusions"].items():
        rows = [(pair["incumbent"], pair["candidate"], pair["records"]) for pair in pairs]
        out.print(console.table(f"{field}, where they disagree", ["incumbent", "candidate", "records"], rows))
    if not told["records_kept"]:
        console.line("records.keep is false: disagreements and confusions are not kept")
    columns = ["call", "received (UTC)", "epoch", "fields that disagree"]
    out.print(console.table("Latest disagreements", columns, map(_disagreement_row, told["disagreements"])))
    columns = ["epoch", "started (UTC)", "model", "step", "agreement, 95 % interval"]
    out.print(console.table("Epochs", columns, map(_epoch_row, told["epochs"])))
    out.print(console.table("Ledger", ["term", "calls"], told["ledger"].items()))
    console.line(f"audit head {told['audit_head']}")
    console.line("the ledger balances" if told["balanced"] else f"{told['unaccounted']} calls are unaccounted for")


def _stage(told: Mapping[str, Any]) -> str:
    return f"canary {told['percent']:g} %" if told["stage"] == "canary" else str(told["stage"])


def _share(rate: Mapping[str, Any]) -> str:
    return console.share(rate["agreed"], rate["compared"])


def _timed() -> Sequence[str]:
    return [f"{who} p50, p99" for who in ("incumbent", "candidate", "gateway")]


def _traffic_row(one: Mapping[str, Any]) -> Sequence[Any]:
    times = [", ".join(map(console.milliseconds, pair.values())) for pair in one["latency_ms"].values()]
    counts = [one[name] for name in ("source", "stage", "calls", "incumbent", "candidate", "errors")]
    return [*counts, _share(one["agreement"]), *times]


def _disagreement_row(one: Mapping[str, Any]) -> Sequence[Any]:
    call = f"{one['call']}[{one['index']}]" if one["index"] else one["call"]
    fields = ", ".join(name for name, verdict in one["verdicts"].items() if verdict == "disagree")
    return call, f"{one['received']:%Y-%m-%d %H:%M:%S}", one["epoch"], fields


def _epoch_row(one: Mapping[str, Any]) -> Sequence[Any]:
    return one["epoch"], f"{one['started']:%Y-%m-%d %H:%M}", one["model"], one["step"], _share(one["agreement"])
