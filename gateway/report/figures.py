"""Every figure of a report as plain data, from the store and what travels with the model; docs/cli.md has the keys."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from gateway import drift
from gateway.config import Loaded, Route
from gateway.cutover import Caps
from gateway.drifting import Drifts
from gateway.lookout import observe
from gateway.noise import ceiling
from gateway.report import scores
from gateway.report.evidence import Epoch, confusions, epochs, latencies, ledger, of_latest
from gateway.report.guarding import guarded, planned
from gateway.report.rate import rate
from gateway.report.slices import Slices, slices, within
from gateway.store import audit, queries
from gateway.store.histogram import Histogram
from gateway.store.model import ALL
from gateway.store.sums import WHOLE, Rollup
from gateway.store.waivers import waivers
from gateway.table import Bound

SHAPE = 1
"""Raised whenever a key of the JSON changes its meaning or goes away; new ones may come without."""
LATEST = 10
"""Disagreements shown."""
SAMPLE = 1000
"""Records read for what sums do not tell."""
POINTS = 400
"""Pairs of numbers of a field that are shown each by itself."""
ENTRIES = 50
"""Changes of the route that are shown."""


@dataclass(slots=True)
class Standing:
    """How the route stands, as far as it is known without the store."""

    stage: str
    percent: float
    in_force: str | None
    reasons: Sequence[str]
    model: str
    problems: Sequence[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    """What travels with the model, see `contract.Model.schema`."""
    data: str = ""
    """The revision of the data that the model was trained on."""
    bound: Bound | None = None
    """The route's source that goes furthest; None where it has no candidate, or is off."""
    allowed: Caps = field(default_factory=Caps)


def figures(loaded: Loaded, engine: Engine, name: str, standing: Standing) -> dict[str, Any]:
    """All that is known of a route, now. Raises StoreDown."""
    route, begun, cut = loaded.config.routes[name], epochs(engine, name), slices(engine, name)
    numbers = of_latest(begun)
    sums, terms = cut.of(within(numbers)), ledger(engine, name)
    records = _sampled(engine, name, cut, numbers)
    return {
        "shape": SHAPE,
        "made": datetime.now(UTC),
        "route": name,
        "version": loaded.version,
        "stage": standing.stage,
        "percent": standing.percent,
        "in_force": standing.in_force,
        "reasons": list(standing.reasons),
        "problems": list(standing.problems),
        "model": standing.model,
        "records_kept": loaded.config.records.keep,
        "traffic": _traffic(cut),
        "latency_ms": latencies(cut.of()),
        "agreement": rate(sums.agreed, sums.compared) | {"model": begun[0].model if begun else "", "epochs": numbers},
        "words": dict(sorted(sums.words.items())),
        "over_time": {"seconds": cut.width, "buckets": _buckets(cut, numbers)},
        "fields": _rates(sums.fields),
        "segments": _rates(sums.segments),
        "noise": _noise(sums),
        "confusions": {
            field: [{"incumbent": theirs, "candidate": ours, "records": count} for theirs, ours, count in pairs]
            for field, pairs in confusions(sums).items()
        },
        "answers": scores.confused(sums),
        "scores": scores.compared(sums) if loaded.config.records.keep else {},
        "points": _points(sums, records),
        "cost": _cost(route, sums),
        "drift": _drift(loaded, route, standing, records),
        "known_differences": [_known(route, entry, sums) for entry in route.known_differences],
        "times": _times(cut.of()),
        **_judged(engine, standing),
        "waivers": [asdict(one) for one in waivers(engine, name)],
        "disagreements": [_disagreement(one) for one in queries.disagreements(engine, name, limit=LATEST)],
        "epochs": [_epoch(one, cut) for one in begun],
        "ledger": dict(terms),
        "unaccounted": queries.balance(terms),
        "balanced": queries.balance(terms) == 0,
        "changes": _changes(engine, name),
        "card": {
            "data": standing.data,
            "facts": standing.about.get("facts", {}),
            "text": standing.about.get("card", ""),
        },
        "audit_head": audit.head(engine),
    }  # fmt: skip


def _sampled(engine: Engine, name: str, cut: Slices, numbers: Sequence[int]) -> Sequence[queries.Kept]:
    """A fair sample over the epochs: of each as many as its share of what was compared."""
    compared = {number: cut.of(within([number])).compared for number in numbers}
    total = sum(compared.values())
    sizes = {number: math.ceil(SAMPLE * count / total) for number, count in compared.items() if count}
    return [one for number, size in sizes.items() for one in queries.sample(engine, name, number, size)]


def _traffic(cut: Slices) -> list[dict[str, Any]]:
    kinds: dict[tuple[str, str], Rollup] = {}
    for one, rollup in sorted(cut.sums.items()):
        kinds.setdefault((one.source, one.stage), Rollup()).merge(rollup)
    return [_of_source(*kind, rollup) for kind, rollup in kinds.items()]


def _of_source(source: str, stage: str, rollup: Rollup) -> dict[str, Any]:
    return {
        "source": source, "stage": stage, "calls": rollup.calls, "incumbent": rollup.answered_incumbent,
        "candidate": rollup.answered_candidate, "errors": rollup.errors,
        "agreement": rate(rollup.agreed, rollup.compared), "latency_ms": latencies(rollup),
    }  # fmt: skip


def _buckets(cut: Slices, numbers: Collection[int]) -> list[dict[str, Any]]:
    """By time: calls by source and answerer, of all models; agreement and cost, of the latest one."""
    made, sources = [], sorted({one.source for one in cut.sums})
    mine = within(numbers)
    for at in cut.times():
        here = {one: rollup for one, rollup in cut.sums.items() if one.at == at}
        judged = Slices(cut.width, here).of(mine)
        made.append({
            "at": at,
            "calls": {source: sum(rollup.calls for one, rollup in here.items() if one.source == source)
                      for source in sources},
            "candidate": sum(rollup.answered_candidate for rollup in here.values()),
            "errors": sum(rollup.errors for rollup in here.values()),
            "agreement": rate(judged.agreed, judged.compared),
            "cost": judged.cost,
        })  # fmt: skip
    return made


def _rates(pairs: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """By name, the least agreement first."""
    rates = {name: rate(agreed, compared) for name, (agreed, compared) in pairs.items()}
    return dict(sorted(rates.items(), key=lambda entry: (entry[1]["rate"] is None, entry[1]["rate"] or 0.0, entry[0])))


def _noise(sums: Rollup) -> dict[str, Any]:
    agreed, compared = sums.repeats.get(WHOLE, (0, 0))
    fields = {name: pair for name, pair in sums.repeats.items() if name != WHOLE}
    return rate(agreed, compared) | {"ceiling": ceiling(agreed, compared), "fields": _rates(fields)}


def _points(sums: Rollup, records: Sequence[queries.Kept]) -> dict[str, list[tuple[float, float]]]:
    """By field with numbers on both sides: (incumbent, candidate) of some records of the sample."""
    found: dict[str, list[tuple[float, float]]] = {}
    for name in sums.numbers:
        sides = [(_number(one.incumbent, name), _number(one.candidate, name)) for one in records]
        pairs = [(theirs, ours) for theirs, ours in sides if theirs is not None and ours is not None]
        if pairs:
            found[name] = pairs[:POINTS]
    return found


def _number(answer: Any, name: str) -> float | None:
    return scores.number(answer.get(name)) if isinstance(answer, Mapping) else None


def _cost(route: Route, sums: Rollup) -> dict[str, Any] | None:
    if route.cost is None:
        return None
    per = sums.cost / sums.compared * 1000 if sums.compared else None
    return {"currency": route.cost.currency, "total": sums.cost, "compared": sums.compared, "per_1000": per}


def _drift(
    loaded: Loaded, route: Route, standing: Standing, records: Sequence[queries.Kept]
) -> dict[str, list[dict[str, Any]]]:
    """Of fields that are kept as they are; the furthest from training first."""
    plain = loaded.config.records.plain
    training = standing.about.get("training", {})
    asked = [{name: value for name, value in one.fields.items() if name in plain} for one in records]
    answers = [{name: value for name, value in one.candidate.items() if name in plain} for one in records
               if isinstance(one.candidate, Mapping)]  # fmt: skip
    found = {
        "inputs": list(drift.inputs(route, training.get("inputs", {}), asked)),
        "scores": list(drift.scores(route, training.get("outputs", {}), answers)),
    }
    return {part: sorted(made, key=lambda one: -one["psi"]) for part, made in found.items()}


def _judged(engine: Engine, standing: Standing) -> dict[str, Any]:
    """What guard and plan say; null where the route has none."""
    bound, allowed = standing.bound, standing.allowed
    guard, plan = (bound.settings.guard, bound.settings.plan) if bound else (None, None)
    if bound is None or not (guard or plan):
        return {"guard": None, "plan": None}
    seen = observe(engine, bound, allowed, Drifts(engine), kept=False)
    return {
        "guard": guarded(bound, seen) if guard else None,
        "plan": planned(engine, bound, plan, allowed, seen, ahead=True) if plan else None,
    }


def _known(route: Route, name: str, sums: Rollup) -> dict[str, Any]:
    entry = route.known_differences[name]
    return {
        "name": name, "field": entry.field, "owner": entry.owner, "reason": entry.reason, "expires": entry.expires,
        "expired": datetime.now(UTC).date() > entry.expires, "records": sums.known.get(name, 0),
    }  # fmt: skip


def _times(sums: Rollup) -> dict[str, Any]:
    """By side: how many were timed, and quantiles in milliseconds, within 2.5 % of themselves."""
    sides = {who: sums.latency.get(who, Histogram()) for who in ("incumbent", "candidate", "gateway")}
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    return {
        who: {"calls": one.count} | {name: one.quantile(share) for name, share in shares.items()}
        for who, one in sides.items()
    }


def _disagreement(one: queries.Kept) -> dict[str, Any]:
    return {
        "call": one.call_id, "index": one.index, "received": one.received, "source": one.source, "epoch": one.epoch,
        "model": one.model, "fields": one.fields, "incumbent": one.incumbent, "candidate": one.candidate,
        "verdicts": one.verdicts,
    }  # fmt: skip


def _epoch(one: Epoch, cut: Slices) -> dict[str, Any]:
    counted = cut.of(within([one.id]))
    return {
        "epoch": one.id, "started": one.started, "model": one.model, "rules": one.rules, "step": one.step,
        "data": one.revision, "agreement": rate(counted.agreed, counted.compared),
    }  # fmt: skip


def _changes(engine: Engine, name: str) -> list[dict[str, Any]]:
    """The latest changes of the route, and of all routes, the newest first."""
    found = [one for scope in (name, ALL) for one in audit.entries(engine, scope, ENTRIES)]
    found.sort(key=lambda one: -one.number)
    return [{"number": one.number, "at": one.at, **asdict(one.event)} for one in found[:ENTRIES]]
