"""A trained model in a store of the tests' own, and the child process that serves it."""

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import pytest

from models.credit.train import train
from models.process import Bento, BentoSettings

PATIENCE = 60.0
"""Seconds that a child may take to be ready; only a broken one takes them."""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store, with one model trained on 500 rows."""
    folder = tmp_path_factory.mktemp("bentoml")
    train(folder)
    return folder


@pytest.fixture(scope="session")
def bento(home: Path) -> Bento:
    return Bento("credit", BentoSettings(tag="credit:latest", home=str(home)), home)


@contextmanager
def serving(bento: Bento, socket: str) -> Iterator[subprocess.Popen[bytes]]:
    """The model's child, started as the parent starts it and ready; killed at the end."""
    child = bento.child(socket)
    assert child is not None
    with subprocess.Popen(child.argv, env={**os.environ, **child.environment}) as process:
        try:
            asyncio.run(ready(process, socket))
            yield process
        finally:
            process.kill()


async def ready(process: subprocess.Popen[bytes], socket: str) -> None:
    """Returns once /readyz says 200."""
    deadline = time.monotonic() + PATIENCE
    patience = aiohttp.ClientTimeout(total=1)  # a stopped predecessor takes connections and answers nothing
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket), timeout=patience) as session:
        while not await _is_ready(session):
            assert process.poll() is None, "the model's process ended"
            assert time.monotonic() < deadline, "the model's process is not ready"
            await asyncio.sleep(0.02)


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("http://model/readyz") as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder with a short path, as Unix sockets need."""
    with tempfile.TemporaryDirectory(prefix="model-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def socket(bento: Bento, folder: Path) -> Iterator[str]:
    """The socket of a child that all tests share and none may harm."""
    path = str(folder / "shared.sock")
    with serving(bento, path):
        yield path


@pytest.fixture
def start(bento: Bento) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a child of the test's own on a socket."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(serving(bento, path))
