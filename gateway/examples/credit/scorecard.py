"""The bank's expert points scorecard: every characteristic gives points, the sum decides. Deterministic, no clock.

The table was set by credit officers and is not fitted: it takes the code lists at their word. A customer without a
checking account or with unknown savings is a stranger, a critical account is a warning, a co-applicant a comfort.

    score   1000 x (points - fewest possible) / (most possible - fewest possible), rounded half up to one decimal
    A, R    approve from CUTOFF on, reject below
    M       manual review, where an optional characteristic is missing; it counts with its fewest points
    reasons R: the four characteristics that lost most points; M: what is missing; A: none
    limit   A only: the amount, raised by a thousandth for each point above CUTOFF, cut down to whole hundreds
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

CUTOFF = Decimal(500)
REASONS = 4
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class InvalidApplication(Exception):
    """The application is refused. `code`: E01 missing, E02 unknown code, E03 not a number or date, E04 out of range."""

    def __init__(self, field: str, code: str, message: str, application_id: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.message = message
        self.application_id = application_id


@dataclass(frozen=True, slots=True)
class Coded:
    """A characteristic with a code list."""

    reason: str
    name: str
    group: str
    codes: Mapping[str, int]
    optional: bool = False

    def fewest(self) -> int:
        """The fewest points it can give."""
        return min(self.codes.values())

    def most(self) -> int:
        """The most points it can give."""
        return max(self.codes.values())

    def points(self, text: str) -> int:
        """The points of a code. Raises InvalidApplication."""
        points = self.codes.get(text)
        if points is None:
            raise InvalidApplication(f"{self.group}.{self.name}", "E02", f"unknown code {text[:20]}")
        return points


@dataclass(frozen=True, slots=True)
class Banded:
    """A numeric characteristic: `given[i]` points up to and including `upper[i]`, the last of `given` above."""

    reason: str
    name: str
    group: str
    upper: Sequence[int]
    given: Sequence[int]
    least: int = 0
    optional: bool = False

    def fewest(self) -> int:
        """The fewest points it can give."""
        return min(self.given)

    def most(self) -> int:
        """The most points it can give."""
        return max(self.given)

    def points(self, text: str) -> int:
        """The points of a number. Raises InvalidApplication."""
        number = _amount(text) if self.name == "Amount" else _integer(text)
        if number is None:
            raise InvalidApplication(f"{self.group}.{self.name}", "E03", f"not a number: {text[:20]}")
        if number < self.least:
            raise InvalidApplication(f"{self.group}.{self.name}", "E04", f"must be {self.least} or more")
        return self.given[bisect_left(self.upper, number)]


TABLE: tuple[Coded | Banded, ...] = (
    Coded("R01", "Checking", "Accounts", {"A11": 0, "A12": 15, "A13": 40, "A14": 20}),
    Banded("R02", "DurationMonths", "Loan", (12, 18, 24, 36), (30, 24, 18, 9, 0), least=1),
    Coded("R03", "History", "Accounts", {"A30": 24, "A31": 30, "A32": 26, "A33": 8, "A34": 0}),
    Coded("R04", "Purpose", "Loan", {"A40": 15, "A41": 12, "A42": 12, "A43": 10, "A44": 10, "A45": 8, "A46": 10,
                                     "A47": 0, "A48": 8, "A49": 6, "A410": 0}),
    Banded("R05", "Amount", "Loan", (1500, 4000, 8000), (25, 20, 10, 0), least=1),
    Coded("R06", "Savings", "Accounts", {"A61": 5, "A62": 12, "A63": 20, "A64": 30, "A65": 0}, optional=True),
    Coded("R07", "Employment", "Applicant", {"A71": 0, "A72": 6, "A73": 15, "A74": 25, "A75": 30}),
    Banded("R08", "InstallmentRate", "Loan", (1, 2, 3), (15, 10, 5, 0), least=1),
    Coded("R09", "OtherDebtors", "Security", {"A101": 0, "A102": 10, "A103": 20}),
    Banded("R10", "ResidenceSince", "Applicant", (1, 2, 3), (0, 3, 6, 10), optional=True),
    Coded("R11", "Property", "Security", {"A121": 24, "A122": 16, "A123": 12, "A124": 0}, optional=True),
    Banded("R12", "Age", "Applicant", (25, 35, 60), (0, 10, 18, 12), least=18),
    Coded("R13", "OtherPlans", "Security", {"A141": 0, "A142": 4, "A143": 14}),
    Coded("R14", "Housing", "Applicant", {"A151": 4, "A152": 18, "A153": 0}),
    Banded("R15", "ExistingCredits", "Accounts", (1, 2), (8, 5, 0)),
    Coded("R16", "Job", "Applicant", {"A171": 0, "A172": 6, "A173": 12, "A174": 16}),
    Banded("R17", "Dependents", "Applicant", (1,), (5, 0)),
    Coded("R18", "Telephone", "Applicant", {"A191": 0, "A192": 6}, optional=True),
)  # fmt: skip

_FEWEST = {row.reason: row.fewest() for row in TABLE}
_MOST = {row.reason: row.most() for row in TABLE}
_LEAST = sum(_FEWEST.values())
_RANGE = sum(_MOST.values()) - _LEAST


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the bank decides on one application; `limit` in DM is None unless approved."""

    application_id: str
    decision: str
    score: Decimal
    decided_on: date
    reasons: Sequence[str]
    limit: Decimal | None


def judge(fields: Mapping[str, str]) -> Judgement:
    """The decision on an application given as text by field name; equal fields give an equal judgement.

    Raises InvalidApplication."""
    application_id = fields.get("Id", "")
    try:
        received = _received(fields, application_id)
        points = {row.reason: row.points(fields[row.name]) for row in TABLE if _given(row, fields)}
    except InvalidApplication as error:
        error.application_id = application_id
        raise
    score = _score(sum(points.values()) + sum(_FEWEST[row.reason] for row in TABLE if row.reason not in points))
    missing = [row.reason for row in TABLE if row.reason not in points]
    if missing:
        return Judgement(application_id, "M", score, received, missing, None)
    if score < CUTOFF:
        return Judgement(application_id, "R", score, received, _worst(points), None)
    return Judgement(application_id, "A", score, received, (), _limit(fields["Amount"], score))


def _received(fields: Mapping[str, str], application_id: str) -> date:
    if not application_id:
        raise InvalidApplication("Id", "E01", "missing")
    text = fields.get("ReceivedOn", "")
    if not text:
        raise InvalidApplication("ReceivedOn", "E01", "missing")
    day = _date(text)
    if day is None:
        raise InvalidApplication("ReceivedOn", "E03", f"not a date: {text[:20]}")
    return day


def _date(text: str) -> date | None:
    # A zone may follow the day (2004-05-03+02:00); this bank never looks at it.
    if not _DATE.match(text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _given(row: Coded | Banded, fields: Mapping[str, str]) -> bool:
    if fields.get(row.name):
        return True
    if row.optional:
        return False
    raise InvalidApplication(f"{row.group}.{row.name}", "E01", "missing")


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _amount(text: str) -> int | None:
    # Whole Deutsche Mark, half up: the table was made for a form without pfennigs.
    return int(Decimal(text).quantize(Decimal(1), ROUND_HALF_UP)) if _DECIMAL.fullmatch(text) else None


def _score(points: int) -> Decimal:
    tenths = (20000 * (points - _LEAST) // _RANGE + 1) // 2
    return Decimal(tenths).scaleb(-1)


def _worst(points: Mapping[str, int]) -> list[str]:
    lost = sorted((points[reason] - most, reason) for reason, most in _MOST.items())
    return [reason for loss, reason in lost[:REASONS] if loss < 0]


def _limit(amount: str, score: Decimal) -> Decimal:
    raised = Decimal(amount) * (1 + (score - CUTOFF) / 1000)
    return Decimal(int(raised // 100) * 100)
