"""Eight client libraries, generated from the WSDL that the gateway serves, read the right values in every stage.

What the legacy service answers is worked out by its scorecard, what the candidate answers by hand.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from gateway.cutover import in_cohort
from gateway.examples.credit.legacy import RELEASE
from gateway.examples.credit.scorecard import judge
from gateway.examples.credit.tariff import tariff
from tests.interop.rig import PERCENT, Caller, Stages
from tests.interop.wording import Answer, Fields, batch, score
from tests.served import ROUTE

pytestmark = pytest.mark.interop

DAY = "2004-05-03"
GOOD = {
    "ReceivedOn": DAY, "Channel": "BRANCH", "Age": "40", "Employment": "A75", "Job": "A173", "Housing": "A152",
    "ResidenceSince": "4", "Dependents": "1", "Telephone": "A192", "DurationMonths": "12", "Amount": "2469.00",
    "Purpose": "A43", "InstallmentRate": "2", "Checking": "A13", "Savings": "A64", "History": "A31",
    "ExistingCredits": "1", "OtherDebtors": "A103", "Property": "A121", "OtherPlans": "A143",
}  # fmt: skip
BAD = GOOD | {
    "Channel": "PHONE", "Age": "22", "Employment": "A71", "Job": "A171", "Housing": "A153", "ResidenceSince": "1",
    "DurationMonths": "48", "Amount": "8765.00", "Purpose": "A410", "InstallmentRate": "4", "Checking": "A11",
    "Savings": "A65", "History": "A34", "OtherDebtors": "A101", "Property": "A124", "OtherPlans": "A141",
}  # fmt: skip
UNCLEAR = {name: value for name, value in GOOD.items() if name not in ("Savings", "ResidenceSince")}
"""Its clerks decide: the incumbent keeps what lacks these."""
MINOR = {"Id": "AA-1004"} | GOOD | {"Age": "17"}
KINDS = (GOOD, BAD, UNCLEAR)


def inside(key: str) -> bool:
    """Whether the candidate answers this key in canary."""
    return in_cohort(ROUTE, key, Decimal(PERCENT))


def ids(kept: bool, prefix: str = "AA-") -> Sequence[str]:
    """Three keys within the cohort, or outside of it."""
    return [key for number in range(1000, 1100) if inside(key := f"{prefix}{number}") == kept][:3]


def applications(keys: Sequence[str]) -> list[Fields]:
    """A good one, a bad one and an unclear one."""
    return [{"Id": key} | fields for key, fields in zip(keys, KINDS, strict=True)]


INSIDE, OUTSIDE = applications(ids(True)), applications(ids(False))
APPROVED = {"Decision": "A", "Score": Decimal("753.1"), "Reasons": (), "Limit": "absent"}
REJECTED = {"Decision": "R", "Score": Decimal("123.5"), "Reasons": ("R05", "R12"), "Limit": "absent"}


def of_legacy(caller: Caller, application: Fields) -> Mapping[str, Any]:
    """What the legacy service decides."""
    judged = judge(application)
    limit = judged.limit if judged.limit is not None else "nil" if judged.decision == "R" else "absent"
    read = {"Decision": judged.decision, "Score": judged.score, "Reasons": tuple(judged.reasons), "Limit": limit}
    return _read(caller, application, read)


def _read(caller: Caller, application: Fields, says: Mapping[str, Any]) -> Mapping[str, Any]:
    always = {"ApplicationId": application["Id"], "DecidedOn": date.fromisoformat(application["ReceivedOn"])}
    untold = says["Limit"] in ("nil", "absent") and not caller.client.tells_nil
    return {**says, **always, "Limit": "none" if untold else says["Limit"]}


def relays(caller: Caller, stages: Stages, asked: Sequence[Fields]) -> None:
    """The client reads what the legacy service decides, and the same to the letter as from the service itself."""
    calls = [score(application) for application in asked]
    direct = caller.direct(*calls)
    before = stages.asked()
    read = caller.call(*calls)
    assert stages.asked() == before + len(calls)
    assert [answer.fields for answer in read] == [of_legacy(caller, application) for application in asked]
    assert [answer.text for answer in read] == [answer.text for answer in direct]


def _detail(caller: Caller, answer: Answer) -> Mapping[str, Any]:
    fields = dict(answer.fields)
    codes = ("Sender", "Receiver") if caller.version == "1.2" else ("Client", "Server")
    assert not caller.client.tells_code or fields.pop("faultcode") in codes
    assert fields.pop("fault") == "InvalidApplication"
    return fields


def answers(caller: Caller, stages: Stages, asked: Sequence[Fields]) -> None:
    """The client reads what the candidate says of the good and the bad ones; the unclear are kept by the incumbent."""
    kept = [application for application in asked if "Savings" not in application]
    before = stages.asked()
    read = caller.call(*map(score, asked))
    assert stages.asked() == before + len(kept)
    assert [answer.fields for answer in read] == [of_candidate(caller, application) for application in asked]


def of_candidate(caller: Caller, application: Fields) -> Mapping[str, Any]:
    """What is answered where the candidate may answer."""
    if "Savings" not in application:
        return of_legacy(caller, application)
    return _read(caller, application, APPROVED if application["Amount"] == GOOD["Amount"] else REJECTED)


def test_scores_in_stage_off(caller: Caller, stages: Stages) -> None:
    """In stage off every client reads the legacy service's answers, as if it called it."""
    stages.to("off")
    relays(caller, stages, INSIDE)


def test_scores_in_stage_shadow(caller: Caller, stages: Stages) -> None:
    """In stage shadow every client reads the legacy service's answers, as if it called it."""
    stages.to("shadow")
    relays(caller, stages, INSIDE)


def test_reads_a_batch_of_legacy(caller: Caller, stages: Stages) -> None:
    """In stage shadow a batch is answered by the legacy service; one invalid application refuses it."""
    stages.to("shadow")
    calls = [batch("B-17", INSIDE), batch("B-19", [INSIDE[0], MINOR])]
    direct, read = caller.direct(*calls), caller.call(*calls)
    assert [answer.text for answer in read] == [answer.text for answer in direct]
    assert read[0].fields == {"BatchId": "B-17"}
    assert read[0].results == [of_legacy(caller, application) for application in INSIDE]
    assert _detail(caller, read[1])["ApplicationId"] == MINOR["Id"]


def test_reads_a_fault_of_legacy(caller: Caller, stages: Stages) -> None:
    """The fields of a declared fault of the legacy service are read."""
    stages.to("shadow")
    [direct], [read] = caller.direct(score(MINOR)), caller.call(score(MINOR))
    assert read.text == direct.text
    assert _detail(caller, read) == {
        "ApplicationId": MINOR["Id"], "Field": "Applicant.Age", "Code": "E04", "Message": "must be 18 or more",
    }  # fmt: skip


def test_scores_in_canary_within_the_cohort(caller: Caller, stages: Stages) -> None:
    """In canary the clients of the cohort read the candidate's answers."""
    stages.to("canary")
    answers(caller, stages, INSIDE)


def test_scores_in_canary_outside_of_the_cohort(caller: Caller, stages: Stages) -> None:
    """In canary all others read the legacy service's answers, as if they called it."""
    stages.to("canary")
    relays(caller, stages, OUTSIDE)


def test_reads_a_batch_in_canary(caller: Caller, stages: Stages) -> None:
    """The key of a batch decides its cohort, whoever is in it."""
    stages.to("canary")
    mine, theirs = ids(True, "B-")[0], ids(False, "B-")[0]
    [made, relayed] = caller.call(batch(mine, OUTSIDE[:2]), batch(theirs, INSIDE[:2]))
    assert made.results == [of_candidate(caller, application) for application in OUTSIDE[:2]]
    assert relayed.results == [of_legacy(caller, application) for application in INSIDE[:2]]


def test_scores_in_stage_live(caller: Caller, stages: Stages) -> None:
    """In stage live every client reads the candidate's answers."""
    stages.to("live")
    answers(caller, stages, INSIDE + OUTSIDE)


def test_reads_a_batch_of_the_candidate(caller: Caller, stages: Stages) -> None:
    """In stage live the candidate answers a whole batch, and all those in which the incumbent keeps nothing."""
    stages.to("live")
    made = batch("B-17 \u00e4<&>", OUTSIDE[:2] + INSIDE[:2])
    before = stages.asked()
    [answer] = caller.call(made)
    assert stages.asked() == before
    assert answer.fields == {"BatchId": "B-17 \u00e4<&>"}
    assert answer.results == [of_candidate(caller, application) for application in OUTSIDE[:2] + INSIDE[:2]]
    kept = [batch("B-17", INSIDE), batch("B-19", [INSIDE[0], MINOR])]
    assert [answer.text for answer in caller.call(*kept)] == [answer.text for answer in caller.direct(*kept)]


def test_reads_a_fault_of_the_candidate(caller: Caller, stages: Stages) -> None:
    """The fields of a declared fault are read where a rule refuses, the legacy service not asked."""
    stages.to("live")
    before = stages.asked()
    [read] = caller.call(score(MINOR))
    assert stages.asked() == before
    message = "An applicant must be 18 years old at least."
    assert _detail(caller, read) == {"Field": "Applicant.Age", "Code": "E04", "Message": message}


def test_passes_through_what_has_no_route(caller: Caller, stages: Stages) -> None:
    """Operations without a route are answered by the legacy service in every stage, live too."""
    stages.to("live")
    text = "Gr\u00fc\u00dfe & <tags> \u20ac"
    calls = ["tariff:24;DEM;5000.00", f"ping:{text}"]
    direct, read = caller.direct(*calls), caller.call(*calls)
    assert [answer.text for answer in read] == [answer.text for answer in direct]
    rates = tariff(24, Decimal(5000), "DEM")
    assert read[0].fields == {
        "NominalRate": rates.nominal, "EffectiveRate": rates.effective, "ValidFrom": rates.valid_from,
    }  # fmt: skip
    assert read[1].fields == {"Text": text, "Release": RELEASE}
