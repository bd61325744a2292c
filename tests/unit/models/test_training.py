"""The model is as good as promised, the same every time, and says what it was made of."""

import io
import re
from collections import Counter

import joblib
import numpy as np
from sklearn.metrics import roc_auc_score

from models.credit.data import Application, split
from models.credit.preprocess import INPUTS
from models.credit.scorer import OUTPUTS, CreditScorer, schema
from models.credit.train import chosen, code_version, cross_validated, fit, training, unseen
from models.training import spreads


def test_the_cross_validated_auc_over_the_1000_rows_is_at_least_0_77() -> None:
    folds = cross_validated()
    assert len(folds) == 5
    assert folds.mean() >= 0.77


def test_the_auc_on_the_500_unseen_rows_is_that_of_a_model_which_never_saw_them(
    scorer: CreditScorer, applications: list[Application]
) -> None:
    unseen_ids = set(split()[1])
    hidden = [each for each in applications if each.id in unseen_ids]
    answers = scorer.predict([each.row for each in hidden])
    auc = roc_auc_score([each.bad for each in hidden], [each["probability_bad"] for each in answers])
    assert unseen() == auc
    assert auc >= 0.75


def test_training_chooses_half_of_the_rows_or_all_of_them() -> None:
    assert [each.id for each in chosen("half")] == list(split()[0])
    assert len(chosen("all")) == 1000


def test_training_again_gives_the_same_model(scorer: CreditScorer, applications: list[Application]) -> None:
    rows = [each.row for each in applications[:100]]
    assert fit(chosen("half")).predict(rows) == scorer.predict(rows)


def test_probabilities_are_scikit_learns_own(scorer: CreditScorer, applications: list[Application]) -> None:
    rows = [each.row for each in applications]
    expected = scorer.model.predict_proba(scorer.preprocessor.matrix(rows))[:, 1]
    np.testing.assert_array_equal([each["probability_bad"] for each in scorer.predict(rows)], expected)


def test_a_bad_record_is_named_and_leaves_the_others_as_they_are(
    scorer: CreditScorer, applications: list[Application]
) -> None:
    rows = [dict(each.row) for each in applications[:3]]
    alone = scorer.predict(rows)
    rows[1]["purpose"] = "A99"
    answers = scorer.predict(rows)
    assert answers[0] == alone[0]
    assert answers[2] == alone[2]
    assert answers[1].keys() == {"error"}
    assert answers[1]["error"].startswith("purpose: unknown code 'A99'")


def test_a_stored_model_answers_as_before(scorer: CreditScorer, applications: list[Application]) -> None:
    stored = io.BytesIO()
    joblib.dump(scorer, stored)
    rows = [each.row for each in applications[:50]]
    assert joblib.load(stored).predict(rows) == scorer.predict(rows)


def test_the_schema_describes_the_18_inputs_both_outputs_and_an_example(applications: list[Application]) -> None:
    described = schema(applications[0].row)
    assert list(described["inputs"]) == list(INPUTS)
    assert described["outputs"] == OUTPUTS
    assert described["example"] == applications[0].row


def test_the_code_version_is_a_commit_or_a_version() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}(\+changed)?|\d+\.\d+.*|unknown", code_version())


def test_what_travels_with_a_model_says_how_its_training_rows_were_spread(applications: list[Application]) -> None:
    spread = training("half")
    rows = [each.row for each in applications if each.id in set(split()[0])]
    purposes = spread["inputs"]["purpose"]
    assert purposes == {"rows": 500, "counts": dict(sorted(Counter(row["purpose"] for row in rows).items()))}
    ages = sorted(float(row["age"]) for row in rows)
    assert spread["inputs"]["age"]["sample"][0] == ages[1] and spread["inputs"]["age"]["sample"][99] == ages[248]
    assert len(spread["inputs"]["age"]["sample"]) == 200 and set(spread["inputs"]) == set(INPUTS)
    assert spread["outputs"].keys() == {"probability_bad"}


def test_a_column_is_told_as_counts_or_as_ascending_values_and_free_text_not_at_all() -> None:
    rows = [{"n": 3 - at, "t": "a", "b": True, "free": str(at), "many": ["x"], "late": 1} for at in range(3)]
    assert spreads([*rows, {"n": None}]) == {
        "n": {"rows": 3, "sample": [1.0, 2.0, 3.0]},
        "t": {"rows": 3, "counts": {"a": 3}},
        "b": {"rows": 3, "counts": {"true": 3}},
        "free": {"rows": 3, "counts": {"0": 1, "1": 1, "2": 1}},
        "late": {"rows": 3, "sample": [1.0, 1.0, 1.0]},
    }
    assert spreads([{"free": str(at)} for at in range(201)]) == {}
