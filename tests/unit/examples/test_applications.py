"""The 1,000 real applications are the same on every run and carry what the contract asks for."""

from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.examples.credit.applications import actual, requests


def test_there_are_1000_applications_with_700_good_and_300_bad_ends() -> None:
    found = requests()
    assert [request["Application"]["Id"] for request in found] == [f"GC-{number:04}" for number in range(1, 1001)]
    assert list(actual()) == [request["Application"]["Id"] for request in found]
    assert Counter(actual().values()) == {"good": 700, "bad": 300}


def test_the_first_application_reads_as_in_the_data() -> None:
    assert requests()[0] == {
        "Application": {
            "Id": "GC-0001",
            "ReceivedOn": date(2004, 5, 3),
            "Applicant": {
                "Age": 67, "Employment": "A75", "Job": "A173", "Housing": "A152", "ResidenceSince": 4,
                "Dependents": 1, "Telephone": "A192",
            },
            "Loan": {"DurationMonths": 6, "Amount": Decimal("1169.00"), "Purpose": "A43", "InstallmentRate": 4},
            "Accounts": {"Checking": "A11", "Savings": "A65", "History": "A34", "ExistingCredits": 2},
            "Security": {"OtherDebtors": "A101", "Property": "A121", "OtherPlans": "A143"},
            "Channel": "BRANCH",
        }
    }  # fmt: skip


def test_amounts_have_two_places() -> None:
    assert {request["Application"]["Loan"]["Amount"].as_tuple().exponent for request in requests()} == {-2}


def test_ten_are_received_each_working_day_and_the_same_on_every_run() -> None:
    days = [request["Application"]["ReceivedOn"] for request in requests()]
    assert set(Counter(days).values()) == {10}
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}
    assert days == sorted(days)
    assert requests() == requests()


def test_an_application_without_a_channel_leaves_it_out() -> None:
    channels = Counter(request["Application"].get("Channel", "absent") for request in requests())
    assert channels == {"BRANCH": 400, "PHONE": 200, "INTERNET": 200, "absent": 200}


def test_another_file_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        requests(tmp_path / "none.csv")
