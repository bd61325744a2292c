"""How far two judges of the same cases agree, beyond what chance alone would give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import NamedTuple


class Coefficient(NamedTuple):
    """An agreement coefficient with its 95 % interval; nan where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(slots=True, frozen=True)
class Confusion:
    """A square table of counts: rows are the incumbent's answers, columns the candidate's, in the order of `labels`."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]

    @classmethod
    def of(cls, pairs: Mapping[tuple[str, str], int]) -> "Confusion":
        """From counts by (incumbent, candidate); labels in order of the alphabet."""
        labels = sorted({label for pair in pairs for label in pair})
        return cls(labels, [[pairs.get((row, column), 0) for column in labels] for row in labels])

    @property
    def total(self) -> int:
        """All cases."""
        return sum(map(sum, self.counts))

    @property
    def agreed(self) -> int:
        """Cases on which both say the same."""
        return sum(row[at] for at, row in enumerate(self.counts))

    @property
    def incumbent(self) -> Mapping[str, int]:
        """How often the incumbent gives each answer: the base rates."""
        return {label: sum(row) for label, row in zip(self.labels, self.counts, strict=True)}

    @property
    def candidate(self) -> Mapping[str, int]:
        """How often the candidate gives each answer."""
        return {label: sum(column) for label, column in zip(self.labels, zip(*self.counts, strict=True), strict=True)}


def kappa(confusion: Confusion) -> Coefficient:
    """Cohen's kappa, (po - pe) / (1 - pe) with pe from both sides' own base rates; not defined where a side only ever
    gave one answer, and it would be 0 whatever the other says. It collapses when one answer is rare: show it beside the
    base rates and `ac1`.

    J. Cohen, Educational and Psychological Measurement 20 (1960), 37-46; the interval is that of J. L. Fleiss,
    J. Cohen, B. S. Everitt, Psychological Bulletin 72 (1969), 323-327. By statsmodels."""
    if any(sum(map(bool, side.values())) < 2 for side in (confusion.incumbent, confusion.candidate)):
        return Coefficient(nan, nan, nan)
    from statsmodels.stats.inter_rater import cohens_kappa

    found = cohens_kappa(confusion.counts)
    return Coefficient(float(found.kappa), float(found.kappa_low), float(found.kappa_upp))


def ac1(confusion: Confusion) -> Coefficient:
    """Gwet's AC1, (pa - pe) / (1 - pe) with pe = sum p_k (1 - p_k) / (K - 1) over K answers, p_k the mean of both
    sides' shares of answer k: steady where one answer is rare. Not defined where only one answer was ever given.

    K. L. Gwet, British Journal of Mathematical and Statistical Psychology 61 (2008), 29-48; the interval as there."""
    total, labels = confusion.total, confusion.labels
    if len(labels) < 2:
        return Coefficient(nan, nan, nan)
    incumbent, candidate = confusion.incumbent.values(), confusion.candidate.values()
    shares = [(row + column) / (2 * total) for row, column in zip(incumbent, candidate, strict=True)]
    odds = [(1 - share) / (len(labels) - 1) for share in shares]  # that chance agrees, given this answer
    chance = sum(share * odd for share, odd in zip(shares, odds, strict=True))
    value = (confusion.agreed / total - chance) / (1 - chance)

    def away(row: int, column: int) -> float:
        expected = (odds[row] + odds[column]) / 2
        return ((row == column) - chance - 2 * (1 - value) * (expected - chance)) / (1 - chance) - value

    squares = sum(
        count * away(row, column) ** 2
        for row, counts in enumerate(confusion.counts)
        for column, count in enumerate(counts)
    )
    spread = 1.96 * sqrt(squares) / total
    return Coefficient(value, max(-1.0, value - spread), min(1.0, value + spread))


class Test(NamedTuple):
    """A test's statistic and its p value."""

    statistic: float
    p: float


def mcnemar(incumbent: int, candidate: int) -> Test | None:
    """Whether one of two judges is right more often, from the cases on which one alone is; None where there are none.

    (b - c)^2 / (b + c) as chi squared with one degree of freedom; below 25 such cases the exact binomial test, whose
    statistic is the smaller count. Q. McNemar, Psychometrika 12 (1947), 153-157. By statsmodels."""
    if not incumbent + candidate:
        return None
    from statsmodels.stats import contingency_tables

    few = incumbent + candidate < 25
    found = contingency_tables.mcnemar([[0, incumbent], [candidate, 0]], exact=few, correction=False)
    return Test(float(found.statistic), float(found.pvalue))
