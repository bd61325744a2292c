"""Which model a configuration means is settled when it is read, from the store's files."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.contract import ConfigError
from models.process import Bento, BentoSettings, resolve


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A store with two versions of one model, the newer one being the latest."""
    for version in ("old1", "new2"):
        folder = tmp_path / "home" / "models" / "credit" / version
        folder.mkdir(parents=True)
        (folder / "model.yaml").touch()
    (tmp_path / "home" / "models" / "credit" / "latest").write_text("new2\n")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("credit", "credit:new2"), ("credit:latest", "credit:new2"), ("credit:old1", "credit:old1")],
)
def test_a_tag_is_resolved_to_a_version(home: Path, tag: str, expected: str) -> None:
    assert resolve(home, tag) == expected


@pytest.mark.parametrize("tag", ["credit:gone", "debit", "debit:latest"])
def test_a_missing_model_is_an_error_that_says_which_command_trains_it(home: Path, tag: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(home, tag)
    assert f"there is no model {tag} in {home}" in str(caught.value)
    assert "understudy demo" in str(caught.value)
    assert "python -m models.credit.train" in str(caught.value)


@pytest.mark.parametrize("tag", ["", "Credit", "../../etc:passwd", "credit:../old1", "a:b:c", "credit:"])
def test_what_is_no_tag_never_reaches_the_file_system(home: Path, tag: str) -> None:
    with pytest.raises(ConfigError, match="is not a Bento tag"):
        resolve(home, tag)


def test_a_latest_that_names_nothing_is_a_missing_model(home: Path) -> None:
    (home / "models" / "credit" / "latest").write_text("")
    with pytest.raises(ConfigError, match="there is no model"):
        resolve(home, "credit")


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"tag": "credit:latest", "url": "http://127.0.0.1:3000"},
        {"url": "ftp://127.0.0.1"},
        {"tag": "credit:latest", "batch": 0},
        {"tag": "credit:latest", "in_flight": 0},
        {"tag": "credit:latest", "service": "service.py"},
        {"tag": "credit:latest", "colour": "red"},
    ],
)
def test_wrong_settings_are_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BentoSettings.model_validate(section)


def test_a_relative_home_starts_from_the_configurations_folder(home: Path) -> None:
    bento = Bento("credit", BentoSettings(tag="credit:latest", home="home"), home.parent)
    assert bento.tag == "credit:new2"


def test_the_child_is_pinned_to_the_resolved_tag_and_serves_the_socket(home: Path) -> None:
    bento = Bento("credit", BentoSettings(tag="credit:latest", home=str(home)), home.parent)
    (home / "models" / "credit" / "latest").write_text("old1")
    child = bento.child("/run/model.sock")
    assert child is not None
    assert child.argv[:4] == [sys.executable, "-m", "uvicorn", "models.service:Scorer.to_asgi"]
    assert child.argv[child.argv.index("--uds") + 1] == "/run/model.sock"
    assert child.environment["UNDERSTUDY_MODEL_TAG"] == "credit:new2"
    assert child.environment["BENTOML_HOME"] == str(home)
    assert child.environment["BENTOML_DO_NOT_TRACK"] == "True"


def test_a_model_at_a_url_has_no_child_and_no_tag_before_it_is_connected(tmp_path: Path) -> None:
    bento = Bento("credit", BentoSettings(url="http://127.0.0.1:3000"), tmp_path)
    assert bento.child("/run/model.sock") is None
    assert bento.tag == ""


def test_reading_a_configuration_does_not_load_bentoml_or_scikit_learn() -> None:
    code = "import sys, models.process, models.local; print(sorted({'bentoml', 'sklearn', 'numpy'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
