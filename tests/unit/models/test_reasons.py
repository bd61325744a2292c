"""Contributions are exact: they add up to the score, and are the Shapley values of the game on trees."""

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

from models.credit.data import Application
from models.credit.reasons import Contributions
from models.credit.scorer import CreditScorer


def known_to(tree: Any, record: NDArray[np.float64], known: frozenset[int], node: int = 0) -> float:
    """The tree's mean answer when only these columns of the record are known."""
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        return float(tree.value[node, 0, 0])
    column = int(tree.feature[node])
    if column in known:
        return known_to(tree, record, known, left if record[column] <= tree.threshold[node] else right)
    cover = tree.weighted_n_node_samples
    both = [cover[child] * known_to(tree, record, known, child) for child in (left, right)]
    return float(sum(both) / cover[node])


def shapley(model: Any, record: NDArray[np.float64]) -> list[float]:
    """By the definition, over all subsets of columns."""

    def worth(known: frozenset[int]) -> float:
        return float(model.learning_rate) * sum(known_to(each.tree_, record, known) for each in model.estimators_[:, 0])

    players = range(len(record))
    values = []
    for player in players:
        others = [each for each in players if each != player]
        total = 0.0
        for size in range(len(players)):
            weight = factorial(size) * factorial(len(players) - size - 1) / factorial(len(players))
            for chosen in combinations(others, size):
                known = frozenset(chosen)
                total += weight * (worth(known | {player}) - worth(known))
        values.append(total)
    return values


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("subsample", [1.0, 0.6])
def test_contributions_are_the_shapley_values_of_all_subsets(seed: int, depth: int, subsample: float) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 5, (80, 5)).astype(np.float64)
    outcome = (matrix @ [1, -1, 0.5, 0, 0] + matrix[:, 0] * matrix[:, 3] / 4 + rng.normal(0, 1, 80)) > 1
    model = GradientBoostingClassifier(
        n_estimators=6, max_depth=depth, subsample=subsample, min_samples_leaf=3, random_state=seed % 1000
    ).fit(matrix, outcome)
    found = Contributions(model, list("abcde")).of(matrix[:8])
    for row, record in zip(found, matrix[:8], strict=True):
        np.testing.assert_allclose(row, shapley(model, record), atol=1e-12)


def test_contributions_add_up_to_each_applications_score(scorer: CreditScorer, applications: list[Application]) -> None:
    matrix = scorer.preprocessor.matrix([each.row for each in applications])
    total = scorer.contributions.of(matrix).sum(axis=1) + scorer.contributions.expected
    np.testing.assert_allclose(total, scorer.model.decision_function(matrix), rtol=0, atol=1e-9)


def test_columns_of_one_field_are_added_up(scorer: CreditScorer, applications: list[Application]) -> None:
    matrix = scorer.preprocessor.matrix([each.row for each in applications[:50]])
    width = matrix.shape[1]
    by_column = Contributions(scorer.model, [str(column) for column in range(width)]).of(matrix)
    fields = scorer.contributions.fields
    owners = np.array([fields.index(name) for name in scorer.preprocessor.columns])
    summed = np.stack([by_column[:, owners == field].sum(axis=1) for field in range(len(fields))], axis=1)
    np.testing.assert_allclose(scorer.contributions.of(matrix), summed, atol=1e-12)


def test_reasons_are_the_strongest_fields_towards_bad_in_order(
    scorer: CreditScorer, applications: list[Application]
) -> None:
    matrix = scorer.preprocessor.matrix([each.row for each in applications])
    contributions = scorer.contributions.of(matrix)
    for row, reasons in zip(contributions, scorer.contributions.reasons(matrix), strict=True):
        by_name = dict(zip(scorer.contributions.fields, row, strict=True))
        strongest = sorted((value for value in row if value > 0), reverse=True)[:4]
        assert [by_name[name] for name in reasons] == strongest


def test_a_batch_gives_what_single_records_give(scorer: CreditScorer, applications: list[Application]) -> None:
    matrix = scorer.preprocessor.matrix([each.row for each in applications[:64]])
    single = np.concatenate([scorer.contributions.of(matrix[at : at + 1]) for at in range(64)])
    np.testing.assert_allclose(scorer.contributions.of(matrix), single, atol=1e-12)


def test_trees_too_deep_for_tables_are_refused() -> None:
    matrix = np.arange(40.0).reshape(-1, 1)
    model = GradientBoostingClassifier(n_estimators=1, max_depth=4).fit(matrix, matrix[:, 0] > 20)
    with pytest.raises(ValueError, match="depth 3 or less"):
        Contributions(model, ["a"])
