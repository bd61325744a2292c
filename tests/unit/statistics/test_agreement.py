"""Agreement coefficients and McNemar's test, against published values."""

from math import isnan

import pytest

from gateway.statistics.agreement import Confusion, ac1, kappa, mcnemar

ABSTRACTORS = Confusion(("ectopic", "abnormal", "normal"), ((13, 0, 0), (0, 20, 7), (0, 4, 56)))
"""Pregnancies by two abstractors: K. L. Gwet, Handbook of Inter-Rater Reliability (2014)."""


def test_ac1_is_the_published_one() -> None:
    """0.8493 with standard error 0.0432: the handbook's, and what its author's package irrCAC prints."""
    value, low, high = ac1(ABSTRACTORS)
    assert value == pytest.approx(0.8493305, abs=5e-8)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.04321747, abs=5e-8)


def test_kappa_is_the_published_one() -> None:
    """0.7964 (irrCAC, cohen's kappa of the same table)."""
    assert kappa(ABSTRACTORS).value == pytest.approx(0.7964094, abs=5e-8)


def test_kappa_collapses_where_an_answer_is_rare_and_ac1_does_not() -> None:
    """Feinstein and Cicchetti's paradox, Journal of Clinical Epidemiology 43 (1990), 543-549."""
    rare = Confusion(("no", "yes"), ((118, 5), (2, 0)))
    assert rare.agreed / rare.total == pytest.approx(0.944)
    assert kappa(rare).value < 0 < 0.93 < ac1(rare).value


def test_a_confusion_is_made_of_pairs_and_knows_both_sides_rates() -> None:
    made = Confusion.of({("A", "A"): 7, ("A", "R"): 2, ("R", "A"): 1, ("M", "R"): 4})
    assert (made.labels, made.total, made.agreed) == (["A", "M", "R"], 14, 7)
    assert made.incumbent == {"A": 9, "M": 4, "R": 1}
    assert made.candidate == {"A": 8, "M": 0, "R": 6}


def test_one_answer_alone_says_nothing() -> None:
    for coefficient in (kappa, ac1):
        assert isnan(coefficient(Confusion.of({("A", "A"): 5})).value)


def test_mcnemar_gives_the_published_value() -> None:
    """Approval of a president, 150 against 86: A. Agresti, Categorical Data Analysis (2002), table 10.1, z squared."""
    found = mcnemar(150, 86)
    assert found is not None
    assert found.statistic == pytest.approx(17.36, abs=0.005)
    assert found.p == pytest.approx(3.1e-5, rel=0.02)


def test_mcnemar_is_exact_where_there_are_few_and_says_nothing_where_there_are_none() -> None:
    found = mcnemar(1, 7)  # 2 (1 + 8) / 2^8
    assert found is not None and found.p == pytest.approx(18 / 256)
    assert mcnemar(0, 0) is None
