"""`understudy report`: what is known of one route, from the store."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway import assembly
from gateway.cli import console
from gateway.cli.standing import caps_of, opened, reached, route_of, standings, table_of
from gateway.config import Loaded
from gateway.contract import ConfigError
from gateway.lookout import leading
from gateway.report.figures import Standing, figures
from gateway.table import Bound


def report(path: Path, route: str, as_json: bool, html: Path | None) -> None:
    """Prints it, or writes it as one HTML file. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    route_of(loaded, route)
    allowed = caps_of(engine)
    stood, problems = standings(loaded, allowed)
    one = stood[route]
    # Without its model, or with another problem of the configuration, a route still has a report.
    about, data = ({}, "") if problems else _about(loaded, one.settings.candidate)
    bound = None if problems else _furthest(loaded, route)
    standing = Standing(
        str(one.settings.stage), float(one.settings.percent), None if one.in_force is None else str(one.in_force),
        one.reasons, one.tag, problems, about, data, bound, allowed,
    )  # fmt: skip
    told = figures(loaded, engine, route, standing)
    engine.dispose()
    if html is not None:
        _write(html, told)
    elif as_json:
        console.print_json(told)
    else:
        _print(told)


def _write(file: Path, told: Mapping[str, Any]) -> None:
    from gateway.report.page import page

    try:
        file.write_text(page(told), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--html {file}: cannot be written: {error.strerror}") from error
    console.line(f"{file}: the report of {told['route']}; audit head {told['audit_head']}")


def _furthest(loaded: Loaded, route: str) -> Bound | None:
    return next((bound for bound in leading(table_of(loaded)) if bound.route == route), None)


def _about(loaded: Loaded, model: str | None) -> tuple[Mapping[str, Any], str]:
    """What travels with the candidate, and the revision of the data that it was trained on."""
    if model is None:
        return {}, ""
    described = reached({model: assembly.models(loaded)[model]})[model].described or {}
    return described.get("about", {}), str(described.get("data", ""))


def _print(told: Mapping[str, Any]) -> None:
    force = told["in_force"] or "not known"
    console.line(f"{told['route']}: configured {_stage(told)}, in force {force}, model {told['model'] or 'not known'}")
    for why in (*told["reasons"], *told["problems"]):
        console.warn(why)
    for one in told["waivers"]:
        console.warn(
            f"{one['condition']}: waived by {one['who']} until {one['until']:%Y-%m-%d %H:%M} UTC: {one['reason']}"
        )
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
