"""The 1,000 real applications of the German credit data, as the bank's callers would have sent them in 2004."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

FIRST_DAY = date(2004, 5, 3)
PER_DAY = 10
CHANNELS = ("BRANCH", "BRANCH", "PHONE", "INTERNET", None)

Row = dict[str, str]


def requests(path: Path | None = None) -> list[dict[str, Any]]:
    """The ScoreLoan requests in the file's order, each the keyword arguments of a zeep call; the same each time.

    `path` is the CSV file, by default the one in models.credit. Ten are received each working day from 2004-05-03."""
    return [{"Application": _application(row, index)} for index, row in enumerate(_rows(path))]


def actual(path: Path | None = None) -> dict[str, str]:
    """What became of each loan by application id: "good" was repaid, "bad" was not."""
    return {row["application_id"]: {"1": "good", "2": "bad"}[row["class"]] for row in _rows(path)}


def _rows(path: Path | None) -> list[Row]:
    source: Traversable = path or files("models").joinpath("credit", "german_credit.csv")
    with source.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _application(row: Row, index: int) -> dict[str, Any]:
    application = {
        "Id": row["application_id"],
        "ReceivedOn": _received(index),
        "Applicant": _applicant(row),
        "Loan": _loan(row),
        "Accounts": _accounts(row),
        "Security": _security(row),
    }
    channel = CHANNELS[index % len(CHANNELS)]
    return application | ({"Channel": channel} if channel else {})


def _received(index: int) -> date:
    weeks, weekday = divmod(index // PER_DAY, 5)
    return FIRST_DAY + timedelta(weeks=weeks, days=weekday)


def _applicant(row: Row) -> dict[str, Any]:
    return {
        "Age": int(row["age"]),
        "Employment": row["employment_since"],
        "Job": row["job"],
        "Housing": row["housing"],
        "ResidenceSince": int(row["residence_since"]),
        "Dependents": int(row["dependents"]),
        "Telephone": row["telephone"],
    }


def _loan(row: Row) -> dict[str, Any]:
    return {
        "DurationMonths": int(row["duration_months"]),
        "Amount": Decimal(row["credit_amount"]).quantize(Decimal("0.01")),
        "Purpose": row["purpose"],
        "InstallmentRate": int(row["installment_rate"]),
    }


def _accounts(row: Row) -> dict[str, Any]:
    return {
        "Checking": row["checking_status"],
        "Savings": row["savings"],
        "History": row["credit_history"],
        "ExistingCredits": int(row["existing_credits"]),
    }


def _security(row: Row) -> dict[str, Any]:
    return {
        "OtherDebtors": row["other_debtors"],
        "Property": row["property"],
        "OtherPlans": row["other_installment_plans"],
    }
