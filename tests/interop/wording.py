"""What the clients are told to call, and how what they read is written down: in words that every language splits.

A client is started as `CLIENT WSDL ENDPOINT VERSION CALL...`. ENDPOINT is `-` for the address that the WSDL gives,
VERSION is 1.1 or 1.2. A CALL is one of::

    score:NAME=VALUE;NAME=VALUE...      ScoreLoan of an application given by its elements and its Channel
    batch:ID|APPLICATION|APPLICATION    ScoreBatch
    tariff:MONTHS;CURRENCY;AMOUNT       GetTariff
    ping:TEXT                           Ping

It writes lines of a name, a tab and a value: `call` and its kind before each call, then what it read from its own
types; `result` before each result of a batch; `fault` before the fields of a declared fault. A Limit is a number,
`nil` or `absent`, or `none` where the client cannot tell these two apart. All else that happens to it is an error on
standard error and an exit code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

Fields = Mapping[str, str]
Read = Mapping[str, Any]

_DECIMALS = ("Score", "Limit", "NominalRate", "EffectiveRate")
_DAYS = ("DecidedOn", "ValidFrom")
_UNTOLD = ("nil", "absent", "none")


@dataclass
class Answer:
    """What a client read of one call."""

    kind: str
    text: list[str] = field(default_factory=list)
    """The lines as the client wrote them."""
    fields: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    """Of a batch."""


def score(application: Fields) -> str:
    """A ScoreLoan."""
    return f"score:{_application(application)}"


def batch(batch_id: str, applications: Sequence[Fields]) -> str:
    """A ScoreBatch."""
    return "|".join([f"batch:{batch_id}", *map(_application, applications)])


def _application(application: Fields) -> str:
    return ";".join(f"{name}={value}" for name, value in application.items())


def answers(output: str) -> Sequence[Answer]:
    """What a client wrote, one answer a call, with values of their types."""
    found: list[Answer] = []
    for line in output.splitlines():
        name, _, value = line.partition("\t")
        if name == "call":
            found.append(Answer(value))
            continue
        answer = found[-1]
        answer.text.append(line)
        if name == "result":
            answer.results.append({})
        else:
            (answer.results[-1] if answer.results else answer.fields)[name] = _typed(name, value)
    return found


def _typed(name: str, value: str) -> Any:
    if name in _DECIMALS and value not in _UNTOLD:
        return Decimal(value)
    if name in _DAYS:
        return date.fromisoformat(value)
    return tuple(value.split(",")) if name == "Reasons" and value else () if name == "Reasons" else value
