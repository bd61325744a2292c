"""What `understudy wsdl` shows: what of a WSDL is served and why not the rest, and messages as payloads and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.soap.envelope import sniff
from adapters.soap.flaws import Flaw
from adapters.soap.namespaces import MEDIA, QName
from adapters.soap.particles import Element
from adapters.soap.plain import plain, typed
from adapters.soap.reading import unified
from adapters.soap.wsdl import Contract, Operation, load
from gateway.contract import ConfigError, Outcome, Raw, Refusal, Undecodable, Unencodable, Values

LARGEST = 64 << 20
"""Bytes of a message that are decoded."""


def report(path: Path) -> Mapping[str, Any]:
    """`loads`, `error`, `repairs`, and `operations`: each as every port has it, served or why not."""
    try:
        contract = load(path)
    except ConfigError as error:
        return {"loads": False, "error": str(error), "repairs": [], "operations": []}
    listed = [
        {
            "service": one.service, "port": one.port, "name": one.name, "style": one.style, "soap": one.soap,
            "served": one.reason is None, "reason": one.reason,
        }
        for one in contract.listed
    ]  # fmt: skip
    return {"loads": True, "error": None, "repairs": list(contract.repairs), "operations": listed}


def decode(path: Path, message: bytes, name: str | None) -> Mapping[str, Any]:
    """The payload of a request or a response, as JSON can carry it. Raises ConfigError and Undecodable."""
    contract = load(path, LARGEST)
    sniffed = sniff(unified(message, ""))
    raw = Raw(message, MEDIA[sniffed.version or "1.1"].partition(";")[0])
    operation = _operation(contract, name, sniffed.body_child)
    if sniffed.body_child == operation.request:
        return _plain(operation.codec.messages.request, operation.codec.request(raw))
    return _told(operation, operation.codec.reply(raw))


def encode(path: Path, payload: Mapping[str, Any], name: str, response: bool) -> bytes:
    """The envelope of a request with this payload, or of a response. Raises ConfigError and Unencodable."""
    operation = _named(load(path), name)
    codec = operation.codec
    if response and codec.messages.one_way:
        raise ConfigError(f"The operation {name} is one-way: it has no response.")
    element = codec.messages.response if response else codec.messages.request
    try:
        fields = _typed(element, payload)
    except (Flaw, ValueError) as error:
        raise Unencodable(str(error)) from None
    if not response:
        return codec.ask(fields).body
    return codec.answer(fields, operation.versions[0]).body


def _told(operation: Operation, outcome: Outcome) -> Mapping[str, Any]:
    if isinstance(outcome, Values):
        return _plain(operation.codec.messages.response, outcome.fields)
    if isinstance(outcome, Refusal):
        detail = _plain(operation.codec.messages.faults[outcome.code], outcome.detail)
        return {"fault": outcome.code, "message": outcome.message, "detail": detail}
    return {"technical": outcome.reason}


def _operation(contract: Contract, name: str | None, child: QName | None) -> Operation:
    if name is not None:
        return _named(contract, name)
    found = [one for one in contract.operations.values() if child in (one.request, one.response)]
    if len(found) != 1:
        said = "nothing that can be seen" if child is None else f"{child[1]} ({child[0]})"
        many = f"{len(found)} operations that are served"
        raise Undecodable(f"Body has {said}; that is {many}: name one with --operation.")
    return found[0]


def _named(contract: Contract, name: str) -> Operation:
    if name in contract.operations:
        return contract.operations[name]
    if name in contract.unserved:
        raise ConfigError(f"The operation {name} is not served. {contract.unserved[name]}")
    raise ConfigError(f"There is no operation {name!r}; served are: {', '.join(contract.operations) or 'none'}.")


def _plain(element: Element, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    found = plain(element.type, fields)
    if fields.keys() == {"#text"}:
        found = {"#text": plain(element.type, fields["#text"])} if found is fields else found
    return found if isinstance(found, Mapping) else {"#text": found}


def _typed(element: Element, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    made = typed(element.type, fields)
    if made is fields and fields.keys() == {"#text"}:
        return {"#text": typed(element.type, fields["#text"])}
    return made if isinstance(made, Mapping) else {"#text": made}
