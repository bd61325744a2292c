"""The bank's points table decides as it is documented."""

from datetime import date
from decimal import Decimal

import pytest

from gateway.examples.credit.scorecard import CUTOFF, TABLE, Banded, Coded, InvalidApplication, judge

GOOD = {
    "Id": "GC-0001", "ReceivedOn": "2004-05-03", "Checking": "A13", "DurationMonths": "12", "History": "A31",
    "Purpose": "A40", "Amount": "2150.00", "Savings": "A64", "Employment": "A75", "InstallmentRate": "1",
    "OtherDebtors": "A103", "ResidenceSince": "4", "Property": "A121", "Age": "40", "OtherPlans": "A143",
    "Housing": "A152", "ExistingCredits": "1", "Job": "A174", "Dependents": "1", "Telephone": "A192",
}  # fmt: skip
BAD = GOOD | {
    "Checking": "A11", "DurationMonths": "60", "History": "A34", "Savings": "A65", "Employment": "A71",
    "InstallmentRate": "4", "OtherDebtors": "A101", "Property": "A124", "Age": "20", "Amount": "9000.00",
}  # fmt: skip
OPTIONAL = {row.name: row.reason for row in TABLE if row.optional}


def test_an_application_with_good_values_is_approved_with_a_limit_and_no_reasons() -> None:
    judgement = judge(GOOD)
    assert (judgement.decision, judgement.reasons, judgement.decided_on) == ("A", (), date(2004, 5, 3))
    assert judgement.score > CUTOFF
    assert judgement.limit == Decimal(int(Decimal(2150) * (1 + (judgement.score - CUTOFF) / 1000) // 100) * 100)


def test_an_application_with_bad_values_is_rejected_for_the_four_that_lost_most_points() -> None:
    judgement = judge(BAD)
    assert (judgement.decision, judgement.limit) == ("R", None)
    assert judgement.reasons == ["R01", "R02", "R03", "R06"]


def test_the_score_spans_0_to_1000_with_one_decimal() -> None:
    extremes = {"fewest": dict(GOOD), "most": dict(GOOD)}
    for row in TABLE:
        values = list(row.codes) if isinstance(row, Coded) else [str(max(row.least, n)) for n in (*row.upper, 10**6)]
        ranked = sorted(values, key=row.points)
        extremes["fewest"][row.name], extremes["most"][row.name] = ranked[0], ranked[-1]
    assert [str(judge(extremes[name]).score) for name in ("fewest", "most")] == ["0.0", "1000.0"]


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_value_that_is_missing_sends_the_application_to_manual_review(name: str) -> None:
    judgement = judge({key: value for key, value in GOOD.items() if key != name})
    assert (judgement.decision, judgement.reasons, judgement.limit) == ("M", [OPTIONAL[name]], None)


@pytest.mark.parametrize("name", ["Id", "ReceivedOn", *(row.name for row in TABLE if not row.optional)])
def test_a_required_value_that_is_missing_or_empty_is_refused(name: str) -> None:
    for fields in ({key: value for key, value in GOOD.items() if key != name}, GOOD | {name: ""}):
        with pytest.raises(InvalidApplication) as caught:
            judge(fields)
        assert (caught.value.code, caught.value.field.split(".")[-1]) == ("E01", name)


@pytest.mark.parametrize(
    ("name", "text", "field", "code"),
    [
        ("Age", "17", "Applicant.Age", "E04"),
        ("Age", "4O", "Applicant.Age", "E03"),
        ("Age", "٤٠", "Applicant.Age", "E03"),
        ("Amount", "0.00", "Loan.Amount", "E04"),
        ("Amount", "-5", "Loan.Amount", "E04"),
        ("Amount", "1e9", "Loan.Amount", "E03"),
        ("Amount", "NaN", "Loan.Amount", "E03"),
        ("DurationMonths", "0", "Loan.DurationMonths", "E04"),
        ("DurationMonths", "12.5", "Loan.DurationMonths", "E03"),
        ("Checking", "A15", "Accounts.Checking", "E02"),
        ("Purpose", "a40", "Loan.Purpose", "E02"),
        ("Property", "A125", "Security.Property", "E02"),
        ("ReceivedOn", "2004-02-30", "ReceivedOn", "E03"),
        ("ReceivedOn", "03.05.2004", "ReceivedOn", "E03"),
    ],
)
def test_a_bad_value_is_refused_with_its_field_and_code(name: str, text: str, field: str, code: str) -> None:
    with pytest.raises(InvalidApplication) as caught:
        judge(GOOD | {name: text})
    assert (caught.value.field, caught.value.code, caught.value.application_id) == (field, code, "GC-0001")


def test_the_youngest_who_may_apply_is_18() -> None:
    assert judge(GOOD | {"Age": "18"}).score < judge(GOOD).score


def test_pfennigs_are_rounded_half_up_before_the_band_is_found() -> None:
    scores = [judge(GOOD | {"Amount": amount}).score for amount in ("1500.49", "1500.50", "1501.00")]
    assert scores[0] > scores[1] == scores[2]


def test_a_zone_after_the_day_is_ignored() -> None:
    assert judge(GOOD | {"ReceivedOn": "2004-05-03+02:00"}) == judge(GOOD)


def test_each_characteristic_has_its_own_reason_from_R01_to_R18() -> None:
    assert [row.reason for row in TABLE] == [f"R{number:02}" for number in range(1, 19)]
    assert all(len(row.given) == len(row.upper) + 1 for row in TABLE if isinstance(row, Banded))
