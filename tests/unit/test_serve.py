"""What the parent refuses before any child is told: with such orders none could ever start again."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.contract import ConfigError
from gateway.serve import Parent
from tests.integration.test_stages import config

GOOD = config("shadow")
REFUSED = {
    "an operation that the adapter does not serve": (GOOD.replace("old/ScoreBatch", "old/Scoer"), "no such operation"),
    "a mapping that does not compile": (GOOD.replace("compare: {score:", "compare: {scoer:"), "no answer field"),
    "a feature that the model does not know": (
        GOOD.replace("features: {amount: }", "features: {amuont: {from: amount}}"), "did you mean 'amount'?",
    ),
    "an answer that the model does not give": (
        GOOD.replace("score: {from: probability_bad,", "score: {from: chance,"), "the model gives no 'chance'",
    ),
    "an adapter that only a restart adds": (
        GOOD.replace("adapters:", "adapters:\n  new: {type: memory, operations: [Score]}", 1)
        .replace("old/Score:", "new/Score:"),
        "only a restart adds it",
    ),
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "understudy.yaml"
    found.write_text(GOOD)
    return found


@pytest.fixture
def parent(path: Path) -> Parent:
    return Parent(path, {})


@pytest.mark.parametrize("change", REFUSED)
def test_a_configuration_that_no_child_could_serve_is_refused_and_the_old_one_stays(
    parent: Parent, path: Path, change: str
) -> None:
    text, problem = REFUSED[change]
    before = parent._now
    path.write_text(text)
    with capture_logs() as logs:
        parent._look()
        parent._advance()
    [refused] = [log for log in logs if log["event"] == "configuration_refused"]
    assert problem in " ".join(refused["problems"])
    assert parent._now is before and parent._upcoming is None


def test_such_a_configuration_does_not_even_start(path: Path) -> None:
    path.write_text(REFUSED["a mapping that does not compile"][0])
    with pytest.raises(ConfigError, match="no answer field is called 'scoer'"):
        Parent(path, {})


def test_a_good_one_is_taken_up_as_soon_as_its_models_are_ready(parent: Parent, path: Path) -> None:
    path.write_text(GOOD.replace("percent: 0", "percent: 1"))
    parent._look()
    assert parent._upcoming and parent._upcoming.loaded.text == path.read_text()
