"""A model that a command starts for itself, uses, and ends: the gateway that serves, if any, is left alone."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

from gateway import registry
from gateway.complaints import nearest
from gateway.config import Loaded
from gateway.contract import ConfigError, ModelKind, ModelUnavailable
from gateway.link import Link
from gateway.process import Process, Program

START, END = 60.0, 5.0
"""Seconds that the model may take to be ready, and to end."""
LOOK = 0.05


def kind_of(loaded: Loaded, name: str, wanted: str | None) -> ModelKind:
    """The model `name` of the configuration; with `wanted` another one of the configuration, or another tag of it.

    Raises ConfigError where there is no such model."""
    if wanted in loaded.models:
        name, wanted = str(wanted), None
    settings, make = loaded.models[name], registry.model(loaded.config.models[name].type)
    if wanted and getattr(settings, "tag", None):
        settings = settings.model_copy(update={"tag": wanted})
    kind = cast(ModelKind, make(name, settings, loaded.path.parent))
    if wanted and kind.tag and kind.tag != wanted and not getattr(settings, "tag", None):
        others = nearest(wanted, loaded.models)
        raise ConfigError(f"--model {wanted}: the model {name} is {kind.tag} and has no other tag{others}")
    return kind


@asynccontextmanager
async def connected(name: str, kind: ModelKind) -> AsyncIterator[Link]:
    """The model, connected and warm; its process, if it has one, ends with the context. Raises ModelUnavailable."""
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder, _child(name, kind, folder) as (process, socket):
        link = Link(name, kind, socket)
        connecting = asyncio.create_task(link.connect())
        deadline = time.monotonic() + START
        try:
            while not (await asyncio.wait([connecting], timeout=LOOK))[0]:
                if process and process.gone():
                    raise ModelUnavailable(f"model {name}: its process ended before it was ready")
                if time.monotonic() > deadline:
                    raise ModelUnavailable(f"model {name}: not ready within {START:g} s: {link.problem}")
            connecting.result()
            yield link
        finally:
            connecting.cancel()
            await link.close()


@contextmanager
def _child(name: str, kind: ModelKind, folder: str) -> Iterator[tuple[Process | None, str]]:
    """The model's process and its socket, if it has a process of its own."""
    socket = str(Path(folder) / "model.sock")
    if (child := kind.child(socket)) is None:
        yield None, ""
        return
    environment = dict(os.environ) | dict(child.environment)
    process = Process(Program(f"model {name}", child.argv, environment, signal.SIGKILL))
    process.start()
    try:
        yield process, socket
    finally:
        process.stop(END)
        while not process.gone():
            time.sleep(LOOK)
