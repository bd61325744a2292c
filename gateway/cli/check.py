"""`understudy check`: whether a configuration is right and everything that it names can be reached; changes nothing."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from gateway import assembly, certificates
from gateway.cli import console
from gateway.cli.migrated import condition
from gateway.cli.reports import run_out, switched_off
from gateway.cli.running import Running, running
from gateway.cli.standing import Reached, Standing, caps_of, reached, standings
from gateway.config import Loaded, load, parse
from gateway.contract import Adapter, ConfigError, Stage
from gateway.cutover import Caps
from gateway.edit import edit
from gateway.link import Link
from gateway.store.engine import connect
from gateway.store.model import StoreDown
from gateway.table import Table, compile_table, misfits

PATIENCE = 10.0
"""Seconds that an adapter may take to try its connections."""
LIVE_SECTIONS = "all but store, folder, listen, workers, observer and adapters, which need a restart"


def check(path: Path) -> int:
    """Prints what was found; 0 when all is well, 1 when something is wrong. Raises ConfigError."""
    loaded = load(path.absolute(), os.environ)
    adapters, models = assembly.adapters(loaded), reached(assembly.models(loaded))
    table = compile_table(loaded, adapters, {name: Link(name, model, "") for name, model in models.items()})
    console.line(f"{path}: version {loaded.version} is valid")
    caps, wrong = _store(loaded)
    for name, found in _probed(adapters).items():
        wrong += _tried(f"adapter {name}", [problem.removeprefix(f"adapters.{name}.") for problem in found])
    for name, model in models.items():
        wrong += _model(loaded, name, model, table)
    for sentence in (*certificates.warnings(loaded.config.listen.tls), *_weak(adapters)):
        console.line(f"weak: {sentence}", style="yellow")
    _routes(loaded, caps)
    _restart(loaded)
    for sentence in switched_off(loaded.config):
        console.line(sentence)
    for sentence in run_out(loaded.config):
        console.line(sentence, style="yellow")
    if not wrong:
        console.line("all is well", style="bold green")
        return 0
    console.line("something is wrong:", style="bold red")
    for sentence in wrong:
        console.line(f"- {sentence}", style="red")
    return 1


def _tried(name: str, problems: Sequence[str], fine: str = "can be reached") -> list[str]:
    """Prints how an attempt went; returns what is wrong."""
    wrong = [f"{name}: {problem}" for problem in problems]
    for sentence in wrong:
        console.line(sentence, style="red")
    if not wrong:
        console.line(f"{name}: {fine}")
    return wrong


def _store(loaded: Loaded) -> tuple[Caps, list[str]]:
    engine = connect(loaded.config.store, loaded.path.parent)
    try:
        migrated, said = condition(engine)
        _tried("store", (), said)
        return (caps_of(engine) if migrated else Caps(known=True)), []
    except StoreDown as error:
        return Caps(), _tried("store", [str(error)])
    finally:
        engine.dispose()


def _probed(adapters: Mapping[str, Adapter]) -> Mapping[str, Sequence[str]]:
    async def all_of_them() -> list[Sequence[str]]:
        return await asyncio.gather(*map(_probe, adapters.values()))

    return dict(zip(adapters, asyncio.run(all_of_them()), strict=True))


async def _probe(adapter: Adapter) -> Sequence[str]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await adapter.probe()
    except TimeoutError:
        return [f"no answer within {PATIENCE:g} s"]
    finally:
        await adapter.close()


def _weak(adapters: Mapping[str, Adapter]) -> Sequence[str]:
    return [sentence for adapter in adapters.values() for sentence in adapter.warnings()]


def _model(loaded: Loaded, name: str, model: Reached, table: Table) -> list[str]:
    """Says which model it is, and whether it takes and gives what the mappings of its routes need."""
    if model.problem:
        return _tried(f"model {name}", [f"cannot be reached: {model.problem}"])
    if model.described is None:
        return _tried(f"model {name}", (), f"is {model.tag}; its schema is checked when it runs, and skipped here")
    wrong = misfits(loaded, table, name, model.described)
    return _tried(f"model {name}", wrong, f"is {model.tag} and fits its routes")


def _routes(loaded: Loaded, caps: Caps) -> None:
    stood, _ = standings(loaded, caps)  # its problems would have ended the check before
    rows = [
        (name, one.configured, console.shown(one.in_force), one.tag, ", ".join(one.sources))
        for name, one in stood.items()
    ]
    columns = ["route", "configured", "in force", "candidate", "sources"]
    console.console().print(console.table("Routes", columns, rows))
    for standing in stood.values():
        for why in standing.reasons:
            console.line(f"{standing.route}: {why}", style="yellow")
        if (stage := standing.settings.stage) < Stage.LIVE:
            higher = Stage(stage + 1)
            for why in _obstacles(loaded, standing, higher, caps):
                console.line(f"{standing.route}: not ready for {higher}: {why}")


def _obstacles(loaded: Loaded, standing: Standing, stage: Stage, caps: Caps) -> Sequence[str]:
    """What keeps a route from a higher stage: what the very configuration would be told that had it."""
    changes: dict[tuple[str | int, ...], str | Decimal] = {("routes", standing.route, "stage"): str(stage)}
    try:
        higher = parse(edit(loaded.text, changes, loaded.path.name), loaded.path, os.environ)
    except ConfigError as error:
        return error.problems
    stood, problems = standings(higher, caps)
    return [*stood[standing.route].reasons, *problems]


def _restart(loaded: Loaded) -> None:
    """Compares with the gateway that runs, as far as it has said what it serves."""
    if (now := running(loaded.folder)) is None:
        return
    if sections := sorted({*now.restart, *_moved(loaded, now)}):
        console.line(f"restart needed: the running gateway ({now.pid}) has other {', '.join(sections)}", style="yellow")
    elif now.version != loaded.version:
        console.line(
            f"the running gateway serves version {now.version}; it takes this one up by itself: {LIVE_SECTIONS}"
        )
    else:
        console.line(f"the running gateway ({now.pid}) serves this version")


def _moved(loaded: Loaded, now: Running) -> Sequence[str]:
    """The sections in which the running gateway can be seen to differ."""
    listen = loaded.config.listen
    ports = [(address.rpartition(":")[2], url.rpartition(":")[2]) for address, url in
             ((listen.data, now.data), (listen.admin, now.admin))]  # fmt: skip
    moved = any(configured not in ("0", bound) for configured, bound in ports)
    workers = sum(name.startswith("worker-") for name in now.processes)
    return [name for name, differs in (("listen", moved), ("workers", workers != loaded.config.workers)) if differs]
