"""Trains the credit model and records it in a Bento model store: `python -m models.credit.train --home FOLDER`."""

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Literal

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score

from models.credit.data import SHA256, Application, load, split
from models.credit.preprocess import Preprocessor
from models.credit.scorer import CreditScorer, schema
from models.training import spreads

Rows = Literal["half", "all"]
PARAMETERS: dict[str, Any] = {
    "n_estimators": 100, "max_depth": 3, "learning_rate": 0.08, "subsample": 0.5, "max_features": 0.3,
    "min_samples_leaf": 10, "random_state": 0,
}  # fmt: skip


def train(home: Path, rows: Rows = "half", name: str = "credit") -> str:
    """The tag of a new model in the store under `home`, trained on 500 rows ("half", see `data.split`) or all 1,000.

    Takes a few seconds. Sets BENTOML_DO_NOT_TRACK in this process; BENTOML_HOME is neither read nor set."""
    scorer = fit(chosen(rows))
    return _record(home, name, scorer, facts(rows), training(rows))


def chosen(rows: Rows) -> list[Application]:
    """The applications to train on."""
    wanted = set(split()[0])
    return [each for each in load() if rows == "all" or each.id in wanted]


def fit(applications: Sequence[Application]) -> CreditScorer:
    """The model fitted on these applications; the same every time."""
    preprocessor = Preprocessor()
    model = GradientBoostingClassifier(**PARAMETERS).fit(*_arrays(preprocessor, applications))
    return CreditScorer(preprocessor, model)


def cross_validated() -> NDArray[np.float64]:
    """The AUC of each of 5 stratified folds over the 1,000 rows."""
    matrix, bad = _arrays(Preprocessor(), load())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(GradientBoostingClassifier(**PARAMETERS), matrix, bad, cv=folds, scoring="roc_auc")
    return np.asarray(scores, dtype=np.float64)


def unseen() -> float:
    """The AUC on the 500 rows of the split that a model trained on the other 500 never saw."""
    hidden = set(split()[1])
    applications = [each for each in load() if each.id in hidden]
    answers = fit(chosen("half")).predict([each.row for each in applications])
    return float(roc_auc_score([each.bad for each in applications], [each["probability_bad"] for each in answers]))


def training(rows: Rows) -> dict[str, Any]:
    """How inputs and outputs were spread in the training rows. Each row's output is of a model that was fitted on four
    fifths of the others: of its own rows a model is too sure."""
    applications = chosen(rows)
    matrix, bad = _arrays(Preprocessor(), applications)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found = cross_val_predict(GradientBoostingClassifier(**PARAMETERS), matrix, bad, cv=folds, method="predict_proba")
    return {
        "inputs": spreads([each.row for each in applications]),
        "outputs": spreads([{"probability_bad": float(probability)} for probability in found[:, 1]]),
    }


def facts(rows: Rows) -> dict[str, Any]:
    """What is recorded with the model: where it comes from and how good it is."""
    folds = cross_validated()
    return {
        "rows": rows,
        "training_rows": len(chosen(rows)),
        "data_sha256": SHA256,
        "code_version": code_version(),
        "scikit_learn": version("scikit-learn"),
        "parameters": dict(PARAMETERS),
        "auc_cv": round(float(folds.mean()), 4),
        "auc_worst_fold": round(float(folds.min()), 4),
        "auc_best_fold": round(float(folds.max()), 4),
        "auc_unseen": round(unseen(), 4),
    }


def code_version() -> str:
    """The git commit that last touched this package ("+changed" if it was edited since), else the installed version."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "log", "-1", "--format=%H", "--", ".")
        changed = _git(folder, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        commit, changed = "", ""
    if commit:
        return commit + ("+changed" if changed else "")
    try:
        return version("understudy-gateway")
    except PackageNotFoundError:
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def _arrays(
    preprocessor: Preprocessor, applications: Sequence[Application]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    matrix = preprocessor.matrix([each.row for each in applications])
    return matrix, np.array([each.bad for each in applications])


def _record(
    home: Path, name: str, scorer: CreditScorer, known: dict[str, Any], training: dict[str, Any]
) -> str:  # fmt: skip
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # bentoml reads it when a model is saved
    import bentoml
    from bentoml._internal.models import ModelStore  # public calls offer no store but that of BENTOML_HOME

    store = home.resolve() / "models"
    store.mkdir(parents=True, exist_ok=True)
    with bentoml.models.create(name, metadata=known, _model_store=ModelStore(store)) as model:
        _write(Path(model.path), model.tag.name, scorer, known, training)
    return str(model.tag)


def _write(
    folder: Path, name: str, scorer: CreditScorer, known: dict[str, Any], training: dict[str, Any]
) -> None:  # fmt: skip
    joblib.dump(scorer, folder / "model.joblib", compress=3)
    (folder / "preprocessor.json").write_text(json.dumps(scorer.preprocessor.parameters(), indent=1))
    template = Template(files(__package__).joinpath("card.md").read_text())
    settings = ", ".join(f"{key} {value}" for key, value in known["parameters"].items())
    card = template.substitute(known | {"name": name, "parameters": settings})
    (folder / "card.md").write_text(card)
    about = {"facts": known, "card": card, "training": training}
    (folder / "schema.json").write_text(json.dumps(schema(load()[0].row) | {"about": about}, indent=1))


def _main() -> None:
    parser = argparse.ArgumentParser(description="Train the credit model and record it in a Bento model store.")
    parser.add_argument("--home", type=Path, default=Path(".understudy/bentoml"), help="the store (BENTOML_HOME)")
    parser.add_argument("--rows", choices=("half", "all"), default="half", help="train on 500 rows or on all 1,000")
    parser.add_argument("--name", default="credit", help="the model's name in the store")
    options = parser.parse_args()
    print(train(options.home, options.rows, options.name))


if __name__ == "__main__":
    _main()
