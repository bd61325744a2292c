"""What the fault tests share: a trained model, the answers that are right, and running gateways."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from models.credit.train import train
from tests.legacy import Legacy
from tests.load import answers, envelopes
from tests.served import Served, served


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is ended with the test, whatever becomes of it."""
    with ExitStack() as one:
        yield one


@pytest.fixture(scope="session")
def bento(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Bento model store with the credit model, trained on 500 rows."""
    home = tmp_path_factory.mktemp("bentoml")
    train(home)
    return home


@pytest.fixture(scope="session")
def expected() -> Sequence[str]:
    """The SHA-256 of what the legacy service itself answers to each of the 1,000 applications."""
    legacy = Legacy()
    try:
        return answers(legacy.url, envelopes())
    finally:
        legacy.end()


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bento: Path) -> Iterator[Served]:
    """A gateway in stage shadow with the real model, which every test leaves as whole as it was."""
    folder = tmp_path_factory.mktemp("gateway")
    short = {"loans_soap": {"timeout": "2s"}}
    with served(folder, workers=request.param, bento=bento, adapters=short, observer={"timeout": "1s"}) as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway in stage shadow with a constant model and two workers."""
    with served(tmp_path_factory.mktemp("plain"), workers=2) as one:
        yield one


@pytest.fixture
def plain(shared: Served) -> Iterator[Served]:
    """The shared gateway, whose configuration is taken back afterwards."""
    content = shared.content()
    yield shared
    shared.write(content)
    shared.ready()
