"""`understudy leave` and `understudy dead`: what operators ask of one adapter, while no gateway has to run."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar, cast

import structlog

from gateway import assembly
from gateway.capabilities import Buries, DeadLetter, Leaves
from gateway.cli import console
from gateway.cli.running import running
from gateway.complaints import nearest
from gateway.config import load
from gateway.contract import Adapter, ConfigError, Unfinished

Asked = TypeVar("Asked")
LISTED = 20
"""Dead letters in a table."""
QUOTED = 200
"""Bytes of a dead letter's body that are shown."""


class BuryingAdapter(Adapter, Buries, Protocol):
    """An adapter that keeps dead letters."""


def leave(path: Path, name: str, patience: float) -> None:
    """Takes an adapter out of the legacy system and says what was done. Raises ConfigError, Unfinished."""
    if now := running(load(path.absolute(), os.environ).folder):
        raise Unfinished(
            f"the gateway of this configuration runs (process {now.pid}) and would put everything back; set the "
            "routes to off, point the legacy system back, stop the gateway, then leave"
        )
    adapter = _adapter(path, name)
    if not isinstance(adapter, Leaves):
        console.line(f"{name} has put nothing into the legacy system: there is nothing to take out")
        return
    for sentence in _asked(adapter, lambda: adapter.leave(patience)):
        console.line(sentence)
    console.line(f"{name} has left; take it out of the configuration", style="bold green")


def dead(path: Path, name: str, show: int) -> None:
    """Prints how many dead letters an adapter has, and the oldest of them; `show` of these whole.

    Raises ConfigError, Unfinished."""
    adapter = _burying(path, name)
    count, letters = _asked(adapter, lambda: adapter.dead(max(show, LISTED)))
    console.line(f"{name}: {count} dead letter{'' if count == 1 else 's'}")
    columns = ["id", "operation", "since", "reason", "bytes"]
    rows = [(one.id, one.operation, f"{one.since:%Y-%m-%d %H:%M:%S}", one.reason, len(one.body)) for one in letters]
    if rows:
        console.console().print(console.table("The oldest first, times in UTC", columns, rows))
    for letter in letters[:show]:
        _whole(letter)


def resubmit(path: Path, name: str, id: str | None) -> None:
    """Has one dead letter, or all of them, tried again. Raises ConfigError, Unfinished."""
    adapter = _burying(path, name)
    done = _asked(adapter, lambda: adapter.resubmit(None if id is None else [id]))
    console.line(f"{name}: {len(done)} put back, each with the id that it had")


def _whole(letter: DeadLetter) -> None:
    console.line(f"{letter.id}: {letter.reason}", style="bold")
    for property, value in letter.properties.items():
        console.line(f"  {property}: {value}")
    console.line(f"  body, {len(letter.body)} bytes: {letter.body[:QUOTED]!r}")


def _adapter(path: Path, name: str) -> Adapter:
    loaded = load(path.absolute(), os.environ)
    if name not in loaded.config.adapters:
        raise ConfigError(f"no adapter is called {name!r}{nearest(name, loaded.config.adapters)}")
    return assembly.adapters(loaded)[name]


def _burying(path: Path, name: str) -> "BuryingAdapter":
    adapter = _adapter(path, name)
    if not isinstance(adapter, Buries):
        raise ConfigError(f"{name} keeps no dead letters: its callers get their errors themselves")
    return cast(BuryingAdapter, adapter)


def _asked(adapter: Adapter, question: Callable[[], Awaitable[Asked]]) -> Asked:
    async def asked() -> Asked:
        try:
            return await question()
        finally:
            await adapter.close()

    with _quiet():
        return asyncio.run(asked())


@contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out what an adapter would log: what is wrong is said once, as the command's own error."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
