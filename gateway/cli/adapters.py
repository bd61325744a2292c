"""What operators ask of one adapter, while no gateway has to run; and `understudy leave`."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from gateway import assembly
from gateway.capabilities import Leaves
from gateway.cli import console
from gateway.cli.running import running
from gateway.complaints import nearest
from gateway.config import Loaded, load
from gateway.contract import Adapter, ConfigError, Unfinished

Asked = TypeVar("Asked")


def leave(path: Path, name: str, patience: float) -> None:
    """Takes an adapter out of the legacy system and says what was done. Raises ConfigError, Unfinished."""
    if now := running(load(path.absolute(), os.environ).folder):
        raise Unfinished(
            f"the gateway of this configuration runs (process {now.pid}) and would put everything back; set the "
            "routes to off, point the legacy system back, stop the gateway, then leave"
        )
    _, adapter = adapter_of(path, name)
    if not isinstance(adapter, Leaves):
        console.line(f"{name} has put nothing into the legacy system: there is nothing to take out")
        return
    done = asked(adapter, lambda: adapter.leave(patience))
    for sentence in done or [f"nothing of {name} was there any more"]:
        console.line(sentence)
    console.line(f"{name} has left; take it out of the configuration", style="bold green")


def adapter_of(path: Path, name: str) -> tuple[Loaded, Adapter]:
    """A configuration and its adapter of this name. Raises ConfigError that suggests the nearest."""
    loaded = load(path.absolute(), os.environ)
    if name not in loaded.config.adapters:
        raise ConfigError(f"no adapter is called {name!r}{nearest(name, loaded.config.adapters)}")
    return loaded, assembly.adapters(loaded)[name]


def asked(adapter: Adapter, question: Callable[[], Awaitable[Asked]]) -> Asked:
    """What it answers; it is closed then. Raises what the question raises."""

    async def answer() -> Asked:
        try:
            return await question()
        finally:
            await adapter.close()

    with _quiet():
        return asyncio.run(answer())


@contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out what an adapter would log: what is wrong is said once, as the command's own error."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
