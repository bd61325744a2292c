"""`understudy backfill`: history of a legacy system, scored for comparison."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway import assembly
from gateway.backfill import PAGE, Backfill, found, observing
from gateway.capabilities import Remembers
from gateway.cli import console
from gateway.cli.standing import route_of
from gateway.cli.trial import connected, kind_of
from gateway.config import Loaded, load
from gateway.contract import Adapter, ConfigError, Undecodable, Unmappable
from gateway.link import Link
from gateway.store.engine import connect
from gateway.table import Bound, Table, compile_table, misfits


def backfill(path: Path, name: str, where: Sequence[str], rate: float, dry_run: bool, again: bool) -> None:
    """Scores what is answered and meets the conditions; goes on where an earlier run with these stopped.

    Raises ConfigError, StoreDown, ModelUnavailable, UnderstudyError."""
    loaded = load(path.absolute(), os.environ)
    route = route_of(loaded, name)
    if not route.candidate:
        raise ConfigError(f"routes.{name}.candidate: the route has no candidate; name one")
    asyncio.run(_run(loaded, name, route.candidate, where, rate, dry_run, again))


async def _run(
    loaded: Loaded, name: str, candidate: str, where: Sequence[str], rate: float, dry_run: bool, again: bool
) -> None:  # fmt: skip
    adapters = assembly.adapters(loaded)
    try:
        async with connected(candidate, kind_of(loaded, candidate, None)) as link:
            table = _table(loaded, adapters, candidate, link)
            bound = _remembering(table, adapters, name)
            if dry_run:
                return await _dry(adapters[bound.source], bound, where)
            await _backfilled(loaded, adapters[bound.source], bound, table, where, rate, again)
    finally:
        for adapter in adapters.values():
            await adapter.close()


def _table(loaded: Loaded, adapters: Mapping[str, Adapter], candidate: str, link: Link) -> Table:
    """Raises ConfigError, also where the model does not fit."""
    table = compile_table(loaded, adapters, {candidate: link})
    if link.model and (wrong := misfits(loaded, table, candidate, link.model.schema)):
        raise ConfigError(*wrong)
    return table


def _remembering(table: Table, adapters: Mapping[str, Adapter], name: str) -> Bound:
    """The route's source that has a history. Raises ConfigError where there is none, or more than one."""
    kept = [one for one in found(table, name) if isinstance(adapters[one.source], Remembers)]
    if len(kept) != 1:
        there = ", ".join(f"{one.source}/{one.operation}" for one in kept) or "none"
        raise ConfigError(f"routes.{name}.sources: backfill needs one that keeps its history; there are: {there}")
    return kept[0]


async def _dry(adapter: Any, bound: Bound, where: Sequence[str]) -> None:
    """Says how many there are, and what the mapping makes of the first; writes nothing."""
    count = await adapter.past_count(bound.operation, where)
    first = await adapter.past(bound.operation, where, "", PAGE)
    wrong: dict[str, int] = {}
    for past in first:
        try:
            bound.mapping.requests(past.call.payload)
            bound.mapping.answers(bound.codec.reply(past.answer.raw))
        except (Undecodable, Unmappable) as error:
            wrong[f"{type(error).__name__}: {error}"] = wrong.get(f"{type(error).__name__}: {error}", 0) + 1
    console.line(f"{count} answered calls would be scored")
    for past in first[:1]:
        console.line(f"the first is of {past.call.received:%Y-%m-%d %H:%M:%S} UTC")
    for why, times in sorted(wrong.items(), key=lambda one: -one[1])[:10]:
        console.line(f"of the first {len(first)}, {times} cannot be read: {why}", style="red")
    if first and not wrong:
        console.line(f"the first {len(first)} can be read on both sides")


async def _backfilled(
    loaded: Loaded, adapter: Any, bound: Bound, table: Table, where: Sequence[str], rate: float, again: bool
) -> None:  # fmt: skip
    engine = connect(loaded.config.store, loaded.path.parent)
    mark = _mark(loaded, bound, where)
    after = mark.read_text() if mark.exists() and not again else ""
    total = await adapter.past_count(bound.operation, where)
    if after:
        console.line(f"going on where an earlier run stopped ({mark}); --again begins anew")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    count = 0
    try:
        with Progress(*columns, console=console.console(error=True)) as bars:
            task = bars.add_task(bound.route, total=total)

            def done(calls: int, place: str) -> None:
                nonlocal count, after
                count, after = count + calls, place
                bars.advance(task, calls)

            async with observing(engine, loaded.config, table) as (observer, worker):
                await Backfill(adapter, bound, table, where, rate).run(observer, worker, after, done)
    finally:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(after)
        engine.dispose()
    console.line(f"{count} calls were scored and compared; `understudy report {bound.route}` tells what came of it")


def _mark(loaded: Loaded, bound: Bound, where: Sequence[str]) -> Path:
    """The file that says how far it came: of this route, source, conditions and rules."""
    told = "\0".join([bound.route, bound.source, bound.operation, bound.digest, bound.tag, *sorted(where)])
    return loaded.folder / f"backfill-{bound.route}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
