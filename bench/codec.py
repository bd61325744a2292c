"""The compiled SOAP codec against zeep's own run-time, in turns: the loan message, each construct, 100 records.

`python -m bench.codec` prints the figures as JSON. Goals: decoding and encoding each at least 5 times as fast, on the
loan message and as the median of the constructs; at least 7 times with 100 records. What is compared: whole envelope to
plain values and back, as a server would do it with either. The loan message is decoded twice: its markup seen before,
as most callers' is, and never seen; constructs and records always as if never seen. A WSDL of 1,000 operations is
measured by itself.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep.helpers import serialize_object

import gateway.examples.credit as example
from adapters.soap.envelope import sniff
from adapters.soap.wsdl import load
from bench import constructs, thousand
from bench.turns import Key, Turn, Work, faster, result, turns
from gateway.contract import Call, Raw, Values

AREA = "codec"
GOAL = 5.0
GOAL_MANY = 7.0
ROUNDS = 15
CALLS = 400
"""Calls a round."""

_NAMESPACE = "http://bank.example/loans/2004/05"
_APPLICANT = {
    "Age": 44, "Employment": "A73", "Job": "A173", "Housing": "A152", "ResidenceSince": 4, "Dependents": 1,
    "Telephone": "A192",
}  # fmt: skip
_LOAN = {"DurationMonths": 24, "Amount": "3200.50", "Purpose": "A43", "InstallmentRate": 2}
_ACCOUNTS = {"Checking": "A11", "Savings": "A61", "History": "A32", "ExistingCredits": 1}
_SECURITY = {"OtherDebtors": "A101", "Property": "A121", "OtherPlans": "A143"}
_RESULT = {
    "ApplicationId": "AB-12345",
    "Decision": "A",
    "Score": Decimal("712.5"),
    "DecidedOn": date(2004, 5, 6),
    "Reasons": {"Reason": ["R01", "R07", "R12"]},
    "Limit": Decimal("3200.00"),
}


def run() -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes about 30 s."""
    rounds = turns(_cases(Path(example.__file__).with_name("loans.wsdl")), ROUNDS, CALLS)
    many = turns(_records(Path(example.__file__).with_name("loans.wsdl")), 7, 5)
    each = turns(constructs.cases(), 5, 40)
    results = [result(AREA, key, found) for key, found in (*rounds.items(), *many.items(), *each.items())]
    ratios = [_ratio(case, rounds, GOAL) for case in ("decode", "decode, new markup", "encode")]
    ratios += [_ratio(case, many, GOAL_MANY) for case in ("decode 100 records", "encode 100 records")]
    ratios += [_median(side, each) for side in ("decode", "encode")]
    return {"results": [*results, *thousand.results()], "ratios": ratios}


def _median(side: str, each: Mapping[Key, Sequence[Turn]]) -> dict[str, Any]:
    """The median ratio of all constructs of one side."""
    names = [case for case, name, _ in each if name == "zeep" and case.startswith(side)]
    values = [_ratio(case, each, GOAL)["value"] for case in names]
    value = statistics.median(values)
    case = f"{side}, median of {len(values)} constructs ({min(values):.1f} to {max(values):.1f})"
    return {"area": AREA, "case": case, "against": "zeep", "value": round(value, 2), "goal": GOAL, "met": value >= GOAL}


def _cases(wsdl: Path) -> dict[Key, Work]:
    """What is measured, by case, name and kind."""
    codec = load(wsdl).operations["ScoreLoan"].codec
    raw = Raw(_request(), "text/xml; charset=utf-8")
    call, answer = Call("bench", "ScoreLoan", raw, codec, timeout=60), Values({"Result": _RESULT})
    fresh = Raw(raw.body + constructs.NEVER_SEEN, raw.media)
    peer = _Zeep(wsdl)
    payload = codec.request(raw)
    assert peer.decode(raw.body)["Application"]["Id"] == payload["Application"]["Id"]
    assert etree.fromstring(peer.encode(_RESULT)).tag == etree.fromstring(codec.encode(answer, call).body).tag
    return {
        ("decode", "compiled codec", "ours"): lambda: codec.request(raw),
        ("decode", "zeep", "peer"): lambda: peer.decode(raw.body),
        ("decode, new markup", "compiled codec", "ours"): lambda: codec.request(fresh),
        ("decode, new markup", "zeep", "peer"): lambda: peer.decode(fresh.body),
        ("decode", "lxml, parsing only", "floor"): lambda: etree.fromstring(raw.body),
        ("encode", "compiled codec", "ours"): lambda: codec.encode(answer, call),
        ("encode", "zeep", "peer"): lambda: peer.encode(_RESULT),
        ("sniff", "envelope", "ours"): lambda: sniff(raw.body),
    }


def _records(wsdl: Path) -> Mapping[Key, Work]:
    payload = load(wsdl).operations["ScoreLoan"].codec.request(Raw(_request(), "text/xml"))
    return constructs.records(wsdl, payload["Application"], _RESULT)


class _Zeep:
    """zeep's run-time as a server would have to use it."""

    def __init__(self, wsdl: Path) -> None:
        client = zeep.Client(str(wsdl))
        service = client.wsdl.services["LoanScoring"]
        self._operation = service.ports["LoanScoringSoap"].binding.get("ScoreLoan")

    def decode(self, body: bytes) -> Any:
        root = etree.fromstring(body)
        found = self._operation.input._deserialize_body(root.find("{*}Body"))
        return serialize_object(found["body"], dict)

    def encode(self, result: Mapping[str, Any]) -> bytes:
        made: bytes = etree.tostring(self._operation.output.serialize(Result=result).content)
        return made


def _request() -> bytes:
    names = ("Applicant", "Loan", "Accounts", "Security")
    groups: dict[str, Mapping[str, Any]] = dict(zip(names, (_APPLICANT, _LOAN, _ACCOUNTS, _SECURITY), strict=True))
    content = "".join(f"<t:{name}>{_fields(fields)}</t:{name}>" for name, fields in groups.items())
    head = _fields({"Id": "AB-12345", "ReceivedOn": "2004-05-06"})
    return (
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<soap:Body><t:ScoreLoan xmlns:t="{_NAMESPACE}"><t:Application Channel="BRANCH">{head}{content}'
        "</t:Application></t:ScoreLoan></soap:Body></soap:Envelope>"
    ).encode()


def _fields(fields: Mapping[str, Any]) -> str:
    return "".join(f"<t:{name}>{value}</t:{name}>" for name, value in fields.items())


def _ratio(case: str, rounds: Mapping[Key, Sequence[Turn]], goal: float) -> dict[str, Any]:
    return faster(AREA, case, rounds[case, "compiled codec", "ours"], rounds[case, "zeep", "peer"], "zeep", goal)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
