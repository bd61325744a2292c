"""A small installation without a network, its store filled as an observer would fill it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.store.engine import connect
from gateway.store.migrate import migrate

Run = Callable[..., Result]

TEXT = """\
# A small installation.
store: sqlite:///store.db
listen: {data: "127.0.0.1:0", admin: "127.0.0.1:0"}
models:
  credit: {type: python, call: "models.local:constant"}
adapters:
  loans: {type: memory, operations: [Score, Rate], incumbent: "tests.integration.cli.old:answer"}
  alone: {type: memory, operations: [Score]}
routes:
  loan_decision:
    stage: shadow   # off | shadow | canary | live
    candidate: credit
    accept: constant:1
    effects: none
    key: id
    fields: &fields {id: text, amount: decimal}
    features: {amount: amount}
    answer: &answer
      fields:
        decision: {from: probability_bad, bands: [{below: 0.5, value: approve}, {value: reject}]}
    sources:
      loans/Score: &source
        request: {id: Id, amount: Amount}
        answer: {decision: {from: Decision, codes: {A: approve, R: reject}}}
  rating:
    stage: off
    fields: *fields
    answer: *answer
    sources: {loans/Rate: *source}
  modern:
    stage: live
    candidate: credit
    accept: constant:1
    effects: none
    key: id
    fields: *fields
    features: {amount: amount}
    answer: *answer
    sources: {alone/Score: *source}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The configuration."""
    written = tmp_path / "understudy.yaml"
    written.write_text(TEXT)
    return written


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    """Its store, migrated."""
    migrate("sqlite:///store.db", path.parent)
    engine = connect("sqlite:///store.db", path.parent)
    yield engine
    engine.dispose()


@pytest.fixture
def run(path: Path) -> Run:
    """Runs a command with this configuration, given by the environment; `environment` is added to it."""

    def runs(*words: str, environment: Mapping[str, str] | None = None) -> Result:
        given = {"UNDERSTUDY_CONFIG": str(path), "COLUMNS": "200", "LOGNAME": "ada"}
        return CliRunner().invoke(app, words, env=given | dict(environment or {}))

    return runs


def gateway_json(folder: Path, text: str) -> None:
    """What a gateway that is this very process would leave in its run-time folder."""
    folder.mkdir(exist_ok=True)
    draft = folder / "gateway.json.new"
    draft.write_text(text)
    draft.replace(folder / "gateway.json")
