"""python client.py WSDL ENDPOINT|- VERSION CALL...: what suds reads, as lines of name and value.

The calls are described in tests/interop/wording.py.
"""

import sys
from collections.abc import Callable
from typing import Any

import suds
from suds.client import Client

GROUPS = {
    "Applicant": ("Age", "Employment", "Job", "Housing", "ResidenceSince", "Dependents", "Telephone"),
    "Loan": ("DurationMonths", "Amount", "Purpose", "InstallmentRate"),
    "Accounts": ("Checking", "Savings", "History", "ExistingCredits"),
    "Security": ("OtherDebtors", "Property", "OtherPlans"),
}


def told(name: str, value: object) -> None:
    """One line."""
    print(name, value, sep="\t")


def typed(client: Any, name: str) -> Any:
    """An empty instance of a type of the WSDL."""
    return client.factory.create("{http://bank.example/loans/2004/05}" + name)


def application(client: Any, text: str) -> Any:
    """The application as an instance of its type."""
    given = dict(pair.split("=") for pair in text.split(";"))
    made = typed(client, "Application")
    made.Id, made.ReceivedOn, made._Channel = given["Id"], given["ReceivedOn"], given["Channel"]
    for group, names in GROUPS.items():
        part = typed(client, group)
        for name in names:
            setattr(part, name, given.get(name))
        setattr(made, group, part)
    return made


def result(found: Any) -> None:
    """One Result. To suds nil and absent are the same."""
    for name in ("ApplicationId", "Decision", "Score", "DecidedOn"):
        told(name, found[name])
    told("Reasons", ",".join(getattr(found.Reasons, "Reason", []) if found.Reasons else []))
    limit = getattr(found, "Limit", None)
    told("Limit", "none" if limit is None else limit)


def score(client: Any, rest: str) -> None:
    """ScoreLoan."""
    result(client.service.ScoreLoan(application(client, rest)))


def batch(client: Any, rest: str) -> None:
    """ScoreBatch."""
    batch_id, *texts = rest.split("|")
    applications = typed(client, "Applications")
    applications.Application = [application(client, text) for text in texts]
    reply = client.service.ScoreBatch(batch_id, applications)
    told("BatchId", reply.BatchId)
    for one in reply.Results.Result:
        told("result", "")
        result(one)


def tariff(client: Any, rest: str) -> None:
    """GetTariff."""
    months, currency, amount = rest.split(";")
    priced = typed(client, "CurrencyAmount")
    priced.value, priced._Currency = amount, currency
    found = client.service.GetTariff(months, priced)
    for name in ("NominalRate", "EffectiveRate", "ValidFrom"):
        told(name, found[name])


def ping(client: Any, rest: str) -> None:
    """Ping."""
    found = client.service.Ping(rest)
    told("Text", found.Text)
    told("Release", found.Release)


KINDS: dict[str, Callable[[Any, str], None]] = {"score": score, "batch": batch, "tariff": tariff, "ping": ping}


def refusal(fault: Any) -> None:
    """The declared detail."""
    detail = getattr(getattr(fault.fault, "detail", None), "InvalidApplication", None)
    if detail is None:
        raise fault
    told("fault", "InvalidApplication")
    told("faultcode", fault.fault.faultcode.rpartition(":")[2])
    for name, value in detail:
        told(name, value)


def main(wsdl: str, endpoint: str, version: str, *calls: str) -> None:
    """Makes the calls; suds knows SOAP 1.1 only."""
    assert version == "1.1", version
    client = Client(wsdl, cache=None, port="LoanScoringSoap")
    if endpoint != "-":
        client.set_options(location=endpoint)
    for call in calls:
        kind, _, rest = call.partition(":")
        told("call", kind)
        try:
            KINDS[kind](client, rest)
        except suds.WebFault as fault:
            refusal(fault)


if __name__ == "__main__":
    main(*sys.argv[1:])
