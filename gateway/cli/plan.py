"""`understudy plan` and `understudy approve`: where a route is on its plan, and a person's yes to the next step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.cli import console
from gateway.cli.guard import bound_of
from gateway.cli.standing import caps_of, opened, route_of
from gateway.cli.who import who
from gateway.config import Loaded
from gateway.contract import ConfigError
from gateway.drifting import Drifts
from gateway.lookout import observe
from gateway.plan import Plan
from gateway.report.guarding import planned
from gateway.store import plans


def plan(path: Path, route: str, dry_run: bool, as_json: bool) -> None:
    """Prints it; changes nothing. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    steps = _plan(loaded, route)
    bound, allowed = bound_of(loaded, route), caps_of(engine)
    seen = observe(engine, bound, allowed, Drifts(engine), kept=False)
    told = {"shape": 1} | planned(engine, bound, steps, allowed, seen, dry_run)
    engine.dispose()
    if as_json:
        console.print_json(told)
    else:
        _print(told, dry_run)


def approve(path: Path, route: str, reason: str) -> None:
    """Approves that the step in force is passed. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    steps = _plan(loaded, route)
    if not reason.strip():
        raise ConfigError("--reason is empty; whoever reads the audit has to know why it was approved")
    was = plans.progress(engine).get(route)
    if was is None or was.percents != steps.percents or not 0 <= was.position.step < len(steps.steps):
        raise ConfigError(f"route {route!r} is on no step of its plan; `understudy plan {route}` says why")
    step = was.position.step
    if not plans.approve(engine, route, step, who(), reason):
        raise ConfigError(f"route {route!r} has just moved; look again with `understudy plan {route}`")
    engine.dispose()
    gate = "" if steps.steps[step].gate else ", which asks for no approval"
    console.line(f"{route}: step {step + 1} of {len(steps.steps)} ({steps.steps[step].percent} %){gate} is approved")


def _plan(loaded: Loaded, route: str) -> Plan:
    found = route_of(loaded, route).plan
    if found is None:
        raise ConfigError(f"route {route!r} has no plan; docs/guard.md says what to write")
    return found


def _print(told: dict[str, Any], dry_run: bool) -> None:
    where = f"step {told['step'] + 1} of {told['steps']}" if 0 <= told["step"] < told["steps"] else (
        "before its first step" if told["step"] < 0 else "done")  # fmt: skip
    level = told["in_force"]
    console.line(f"{told['route']}: {where}; in force: {level['stage']} {level['percent']:f} %")
    for missing in told["waits"]:
        console.line(f"waits: {missing}")
    columns = ["step", "percent", "for", "guard", "keys", "gate", "", *(["earliest (UTC)"] if dry_run else [])]
    rows = [_row(one, dry_run) for one in told["rows"]]
    console.console().print(console.table("Steps", columns, rows))
    if dry_run:
        console.line("at the earliest: if nothing but time is missing from now on")


def _row(one: dict[str, Any], dry_run: bool) -> Sequence[Any]:
    length = None if one.get("for") is None else f"{one['for'] / 3600:g} h"
    cells = [one["step"], one["percent"], length, one.get("guard"), one.get("keys"), one.get("gate"), one["where"]]
    if dry_run:
        cells.append(f"{one['earliest']:%Y-%m-%d %H:%M}" if one["earliest"] else None)
    return cells
