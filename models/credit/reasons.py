"""Why a record was scored as it was: exact contributions of the fields to the score of a boosted-tree model.

The contributions are Shapley values of the path-dependent game on trees: a feature that is not known is averaged over
both branches, weighted by the training records that went each way (Lundberg et al., "From local explanations to
global understanding with explainable AI for trees", Nature Machine Intelligence 2, 2020, algorithm 1). A tree of
depth 3 has at most seven tests, so its values are a table over their 128 outcomes: scoring looks up and adds. The
outcomes of a tree's tests are the bits of one byte.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_DEPTH = 3
_BITS = 8


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One way through a tree: its value, and per column the share of records kept and the outcomes that stay on it."""

    value: float
    share: dict[int, float]
    stays: dict[int, NDArray[np.bool_]]


class Contributions:
    """Exact contributions of fields to the raw score (log odds of the positive class), for trees up to depth 3."""

    def __init__(self, model: Any, columns: Sequence[str]) -> None:
        """`model` is a fitted binary GradientBoostingClassifier; `columns` names the field of each of its columns.

        Raises ValueError for deeper trees, whose tables would not fit."""
        if model.max_depth is None or model.max_depth > MAX_DEPTH:
            raise ValueError(f"exact tables need trees of depth {MAX_DEPTH} or less, this model has {model.max_depth}")
        self.fields = tuple(dict.fromkeys(columns))
        owner = np.array([self.fields.index(name) for name in columns])
        tests = 2**model.max_depth - 1
        trees = [each.tree_ for each in model.estimators_[:, 0]]
        self.expected = _prior(model, len(columns)) + model.learning_rate * sum(map(_mean, trees))
        """The mean score, of which the contributions are the difference."""
        layouts = [_layout(tree) for tree in trees]
        self._columns = np.concatenate([columns for columns, _ in layouts])
        self._thresholds = np.concatenate([thresholds for _, thresholds in layouts])
        tables = [model.learning_rate * _table(tree, tests, owner) for tree in trees]
        self._table = np.concatenate(tables)
        self._starts = np.arange(len(trees)) * 2**tests
        self._every_tree = np.ones(len(trees))  # a product with ones is four times as fast as a sum

    def of(self, matrix: Floats) -> Floats:
        """Shape (records, fields), in units of the raw score; a row adds up to that record's score less `expected`."""
        tested = matrix.astype(np.float32).take(self._columns, axis=1)  # scikit-learn compares float32 too
        outcomes = np.packbits(tested > self._thresholds, axis=1, bitorder="little") + self._starts
        total: Floats = self._every_tree @ self._table.take(outcomes, axis=0)
        return total

    def reasons(self, matrix: Floats, most: int = 4) -> list[list[str]]:
        """Per record the fields that raise its score most, strongest first; those that do not raise it are left out."""
        contributions = self.of(matrix)
        order = np.argsort(-contributions, axis=1, kind="stable")[:, :most]
        return [
            [self.fields[field] for field in best if row[field] > 0]
            for row, best in zip(contributions.tolist(), order.tolist(), strict=True)
        ]


def _prior(model: Any, width: int) -> float:
    """The score before the first tree: what is left of any record's score without its leaves."""
    record = np.zeros((1, width))
    leaves = sum(float(each.predict(record)[0]) for each in model.estimators_[:, 0])
    return float(model.decision_function(record)[0]) - float(model.learning_rate) * leaves


def _mean(tree: Any) -> float:
    leaves = tree.children_left < 0
    cover = tree.weighted_n_node_samples[leaves]
    return float(cover @ tree.value[leaves, 0, 0] / cover.sum())


def _layout(tree: Any) -> tuple[NDArray[np.intp], Floats]:
    """Column and threshold of each test, numbered as in a full binary tree; a missing test never goes right."""
    columns, thresholds = np.zeros(_BITS, dtype=np.intp), np.full(_BITS, np.inf)
    waiting = [(0, 0)]
    while waiting:
        node, place = waiting.pop()
        if tree.children_left[node] >= 0:
            columns[place], thresholds[place] = tree.feature[node], tree.threshold[node]
            waiting += [(tree.children_left[node], 2 * place + 1), (tree.children_right[node], 2 * place + 2)]
    return columns, thresholds


def _leaves(tree: Any, tests: int) -> list[_Leaf]:
    outcomes = np.arange(2**tests)
    leaves, waiting = [], [(0, 0, dict[int, float](), dict[int, NDArray[np.bool_]]())]
    while waiting:
        node, place, share, stays = waiting.pop()
        if tree.children_left[node] < 0:
            leaves.append(_Leaf(float(tree.value[node, 0, 0]), share, stays))
            continue
        column = int(tree.feature[node])
        goes_right = (outcomes >> place & 1).astype(bool)
        for child, offset, taken in (
            (tree.children_left[node], 1, ~goes_right),
            (tree.children_right[node], 2, goes_right),
        ):
            part = float(tree.weighted_n_node_samples[child] / tree.weighted_n_node_samples[node])
            kept = {**share, column: share.get(column, 1.0) * part}
            waiting.append((child, 2 * place + offset, kept, {**stays, column: stays.get(column, True) & taken}))
    return leaves


def _table(tree: Any, tests: int, owner: NDArray[np.intp]) -> Floats:
    """Shape (outcomes, fields): the Shapley values of one tree; columns of one field are added up."""
    table = np.zeros((2**tests, int(owner.max()) + 1))
    for leaf in _leaves(tree, tests):
        for column in leaf.share:
            table[:, owner[column]] += leaf.value * _shapley(leaf, column)
    return table


def _shapley(leaf: _Leaf, column: int) -> Floats:
    """The Shapley value of knowing `column` in the game "the share of the record that reaches this leaf"."""
    others = [each for each in leaf.share if each != column]
    total = np.zeros(len(leaf.stays[column]))
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
        for known in combinations(others, size):
            reach = np.full(len(total), weight)
            for each in others:
                reach *= leaf.stays[each] if each in known else leaf.share[each]
            total += reach
    return total * (leaf.stays[column] - leaf.share[column])
