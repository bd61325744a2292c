"""python client.py WSDL ENDPOINT|- VERSION CALL...: what zeep reads, as lines of name and value.

The calls are described in tests/interop/wording.py.
"""

import sys
from collections.abc import Callable
from typing import Any

import zeep

SERVICE = "{http://bank.example/loans/2004/05}"
DETAIL = f"{SERVICE}InvalidApplication"
GROUPS = {
    "Applicant": ("Age", "Employment", "Job", "Housing", "ResidenceSince", "Dependents", "Telephone"),
    "Loan": ("DurationMonths", "Amount", "Purpose", "InstallmentRate"),
    "Accounts": ("Checking", "Savings", "History", "ExistingCredits"),
    "Security": ("OtherDebtors", "Property", "OtherPlans"),
}


def told(name: str, value: object) -> None:
    """One line."""
    print(name, value, sep="\t")


def application(text: str) -> dict[str, Any]:
    """The application as keyword arguments."""
    given = dict(pair.split("=") for pair in text.split(";"))
    groups = {group: {name: given[name] for name in names if name in given} for group, names in GROUPS.items()}
    return {name: given[name] for name in ("Id", "ReceivedOn", "Channel")} | groups


def result(found: Any) -> None:
    """One Result. To zeep nil and absent are the same, and so are an empty and an absent Reasons."""
    for name in ("ApplicationId", "Decision", "Score", "DecidedOn"):
        told(name, found[name])
    told("Reasons", ",".join(found.Reasons.Reason if found.Reasons else []))
    told("Limit", "none" if found.Limit is None else found.Limit)


def score(service: Any, rest: str) -> None:
    """ScoreLoan."""
    result(service.ScoreLoan(Application=application(rest)))


def batch(service: Any, rest: str) -> None:
    """ScoreBatch."""
    batch_id, *texts = rest.split("|")
    reply = service.ScoreBatch(BatchId=batch_id, Applications={"Application": [application(text) for text in texts]})
    told("BatchId", reply.BatchId)
    for one in reply.Results.Result:
        told("result", "")
        result(one)


def tariff(service: Any, rest: str) -> None:
    """GetTariff."""
    months, currency, amount = rest.split(";")
    found = service.GetTariff(DurationMonths=months, Amount={"_value_1": amount, "Currency": currency})
    for name in ("NominalRate", "EffectiveRate", "ValidFrom"):
        told(name, found[name])


def ping(service: Any, rest: str) -> None:
    """Ping."""
    found = service.Ping(Text=rest)
    told("Text", found.Text)
    told("Release", found.Release)


KINDS: dict[str, Callable[[Any, str], None]] = {"score": score, "batch": batch, "tariff": tariff, "ping": ping}


def refusal(client: Any, fault: Any) -> None:
    """The declared detail, read with its type from the WSDL."""
    [detail] = fault.detail if fault.detail is not None else [None]
    if detail is None or detail.tag != DETAIL:
        raise fault
    found = client.get_element(DETAIL).parse(detail, client.wsdl.types)
    told("fault", "InvalidApplication")
    told("faultcode", fault.code.rpartition(":")[2])
    for name in ("ApplicationId", "Field", "Code", "Message"):
        if found[name] is not None:
            told(name, found[name])


def main(wsdl: str, endpoint: str, version: str, *calls: str) -> None:
    """Makes the calls."""
    port = "LoanScoringSoap12" if version == "1.2" else "LoanScoringSoap"
    client = zeep.Client(wsdl, port_name=port)
    service = client.service if endpoint == "-" else client.create_service(SERVICE + port, endpoint)
    for call in calls:
        kind, _, rest = call.partition(":")
        told("call", kind)
        try:
            KINDS[kind](service, rest)
        except zeep.exceptions.Fault as fault:
            refusal(client, fault)


if __name__ == "__main__":
    main(*sys.argv[1:])
