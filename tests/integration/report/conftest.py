"""One store that all tests of the report read."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.store.engine import connect
from tests.conftest import SEED
from tests.integration.report.recorded import fill

CALLS = 1500


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the configuration and the store are; repeated by UNDERSTUDY_TEST_SEED, printed at the top of a run."""
    made = tmp_path_factory.mktemp("reported")
    fill(made, Random(f"{SEED} report"), CALLS).dispose()
    return made


@pytest.fixture(scope="session")
def report(folder: Path) -> Callable[..., Result]:
    """Runs `understudy report loan` with more words."""

    def run(*words: str) -> Result:
        ran = CliRunner().invoke(app, ["report", "loan", "--config", str(folder / "understudy.yaml"), *words])
        assert ran.exit_code == 0, ran.output
        return ran

    return run


@pytest.fixture(scope="session")
def told(report: Callable[..., Result]) -> Any:
    """The report as JSON."""
    return json.loads(report("--json").stdout)


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    """The store."""
    made = connect("sqlite:///understudy.db", folder)
    yield made
    made.dispose()
