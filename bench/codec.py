"""The compiled SOAP codec against zeep's own run-time, on the loan message, in turns.

`python -m bench.codec` prints the figures as JSON. Goal: decoding and encoding each at least 5 times as fast.
What is compared: whole envelope to plain values and back, as a server would do it with either.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
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
from gateway.contract import Call, Raw, Values

AREA = "codec"
GOAL = 5.0
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

Work = Callable[[], Any]


def run() -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes about 15 s."""
    cases = _cases(Path(example.__file__).with_name("loans.wsdl"))
    rounds: dict[tuple[str, str, str], list[_Round]] = {key: [] for key in cases}
    for _ in range(ROUNDS):
        for key, work in cases.items():
            rounds[key].append(_Round(work))
    results = [_result(*key, found) for key, found in rounds.items()]
    return {"results": results, "ratios": [_ratio(case, rounds) for case in ("decode", "encode")]}


def _cases(wsdl: Path) -> dict[tuple[str, str, str], Work]:
    """What is measured, by case, name and kind."""
    codec = load(wsdl).operations["ScoreLoan"].codec
    raw = Raw(_request(), "text/xml; charset=utf-8")
    call, answer = Call("bench", "ScoreLoan", raw, codec, timeout=60), Values({"Result": _RESULT})
    peer = _Zeep(wsdl)
    payload = codec.request(raw)
    assert peer.decode(raw.body)["Application"]["Id"] == payload["Application"]["Id"]
    assert etree.fromstring(peer.encode(_RESULT)).tag == etree.fromstring(codec.encode(answer, call).body).tag
    return {
        ("decode", "compiled codec", "ours"): lambda: codec.request(raw),
        ("decode", "zeep", "peer"): lambda: peer.decode(raw.body),
        ("decode", "lxml, parsing only", "floor"): lambda: etree.fromstring(raw.body),
        ("encode", "compiled codec", "ours"): lambda: codec.encode(answer, call),
        ("encode", "zeep", "peer"): lambda: peer.encode(_RESULT),
        ("sniff", "envelope", "ours"): lambda: sniff(raw.body),
    }


class _Zeep:
    """zeep's run-time as a server would have to use it."""

    def __init__(self, wsdl: Path) -> None:
        client = zeep.Client(str(wsdl))  # type: ignore[no-untyped-call]  # zeep is untyped
        service = client.wsdl.services["LoanScoring"]
        self._operation = service.ports["LoanScoringSoap"].binding.get("ScoreLoan")

    def decode(self, body: bytes) -> Any:
        root = etree.fromstring(body)
        found = self._operation.input._deserialize_body(root.find("{*}Body"))
        return serialize_object(found["body"], dict)  # type: ignore[no-untyped-call]  # zeep is untyped

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


class _Round:
    """One measurement: seconds of each call, and CPU seconds a call."""

    def __init__(self, work: Work) -> None:
        self.durations: list[float] = []
        begun = time.process_time()
        for _ in range(CALLS):
            started = time.perf_counter()
            work()
            self.durations.append(time.perf_counter() - started)
        self.cpu = (time.process_time() - begun) / CALLS
        self.median = statistics.median(self.durations)


def _result(case: str, name: str, kind: str, rounds: Sequence[_Round]) -> dict[str, Any]:
    medians = [one.median for one in rounds]
    middle = statistics.median(medians)
    every = sorted(duration for one in rounds for duration in one.durations)
    return {
        "area": AREA,
        "case": case,
        "name": name,
        "kind": kind,
        "throughput": round(1 / middle, 1),
        "cpu_us": round(1e6 * statistics.median(one.cpu for one in rounds), 2),
        "p50_ms": round(every[len(every) // 2] * 1e3, 5),
        "p99_ms": round(every[len(every) * 99 // 100] * 1e3, 5),
        "spread": round((max(medians) - min(medians)) / middle, 3),
    }


def _ratio(case: str, rounds: Mapping[tuple[str, str, str], Sequence[_Round]]) -> dict[str, Any]:
    pairs = zip(rounds[case, "zeep", "peer"], rounds[case, "compiled codec", "ours"], strict=True)
    value = statistics.median(peer.median / ours.median for peer, ours in pairs)
    return {
        "area": AREA, "case": case, "against": "zeep", "value": round(value, 2), "goal": GOAL, "met": value >= GOAL
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
