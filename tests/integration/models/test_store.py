"""A trained model lies in the Bento model store with all that says what it is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bentoml
import joblib
import pytest
from bentoml._internal.models import ModelStore

from models.credit.data import SHA256, load
from models.credit.train import train
from models.process import Bento, resolve


def facts(home: Path, tag: str) -> dict[str, Any]:
    """The metadata, read as anybody else would: by BentoML."""
    return dict(bentoml.models.get(tag, _model_store=ModelStore(home / "models")).info.metadata)


@pytest.fixture(scope="module")
def known(home: Path, bento: Bento) -> dict[str, Any]:
    return facts(home, bento.tag)


@pytest.fixture(scope="module")
def stored(home: Path, bento: Bento) -> Path:
    """The model's folder."""
    return home / "models" / bento.tag.replace(":", "/")


def test_the_metadata_hold_data_code_quality_and_rows(known: dict[str, Any]) -> None:
    assert known["data_sha256"] == SHA256
    assert known["code_version"]
    assert known["training_rows"] == 500
    assert known["auc_cv"] >= 0.77
    assert known["auc_unseen"] >= 0.75


def test_the_folder_describes_itself(stored: Path) -> None:
    schema = json.loads((stored / "schema.json").read_text())
    columns = json.loads((stored / "preprocessor.json").read_text())["columns"]
    assert list(dict.fromkeys(columns)) == list(schema["inputs"])
    (answer,) = joblib.load(stored / "model.joblib").predict([schema["example"]])
    assert answer.keys() == schema["outputs"].keys()


def test_the_card_names_source_licence_figures_and_what_was_removed(stored: Path, known: dict[str, Any]) -> None:
    card = (stored / "card.md").read_text()
    for part in ("CC BY 4.0", "doi 10.24432/C5NC77", SHA256, "Fairness", "Sex with marital status and nationality"):
        assert part in card
    for name in ("auc_cv", "auc_unseen", "training_rows"):
        assert str(known[name]) in card
    assert "$" not in card


def test_a_model_of_all_rows_is_a_new_version_and_the_latest(tmp_path: Path) -> None:
    half, full = train(tmp_path), train(tmp_path, "all")
    assert half != full
    assert resolve(tmp_path, "credit") == full
    assert facts(tmp_path, full)["training_rows"] == len(load())


def test_the_command_trains_into_the_store_it_is_given_and_nowhere_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "models.credit.train", "--home", str(tmp_path / "store"), "--name", "mine"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BENTOML_")}
    environment["HOME"] = str(tmp_path / "me")
    (tmp_path / "me").mkdir()
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == resolve(tmp_path / "store", "mine")
    assert not list((tmp_path / "me").iterdir())
