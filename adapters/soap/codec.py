"""One operation's messages: bytes to values and back, as its WSDL says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.soap import amend
from adapters.soap.decode import Decoder
from adapters.soap.decode import Read as ReadElement
from adapters.soap.encode import Encoder, Write
from adapters.soap.envelope import sniff
from adapters.soap.faults import enveloped, fault_body
from adapters.soap.flaws import Flaw
from adapters.soap.namespaces import MEDIA, SOAP11, SOAP12, clark
from adapters.soap.particles import Complex, Element
from adapters.soap.reading import Reader
from gateway.contract import Call, Opaque, Outcome, Path, Payload, Raw, Refusal, Undecodable, Unencodable, Values

_ENVELOPES = {f"{{{namespace}}}Envelope": namespace for namespace in (SOAP11, SOAP12)}
_BODIES = {namespace: f"{{{namespace}}}Body" for namespace in (SOAP11, SOAP12)}
_NAMESPACE11, _NAMESPACE12 = SOAP11.encode(), SOAP12.encode()
_BEGINNING = 512
_PREFIXED = re.compile(r"[^\s:]+:")


@dataclass(slots=True, frozen=True)
class Messages:
    """The elements of an operation: request, response, and the detail of each declared fault by its name."""

    request: Element
    response: Element
    faults: Mapping[str, Element] = field(default_factory=dict)


class OperationCodec:
    """gateway.contract.Codec for one operation. A payload is the content of Body's child.

    Where that child has simple content, the payload is `{"#text": value}`. A derived type is `@xsi:type`."""

    def __init__(self, messages: Messages, versions: tuple[str, ...], limit: int) -> None:
        """`versions`: the SOAP versions it is bound under; `limit`: bytes that are decoded at most."""
        self._versions = versions
        self._messages = messages
        self._reader = Reader(limit)
        decoder, encoder = Decoder(), Encoder()
        self._request, self._request_tag = decoder.element(messages.request), clark(messages.request.name)
        self._response, self._response_tag = decoder.element(messages.response), clark(messages.response.name)
        self._details = {
            clark(detail.name): (name, decoder.element(detail), detail) for name, detail in messages.faults.items()
        }
        self._write = _rooted(encoder, messages.response)
        self._write_faults = {name: _rooted(encoder, detail) for name, detail in messages.faults.items()}

    def request(self, raw: Raw) -> Payload:
        """The decoded request. Raises Undecodable."""
        child = self._body_child(self._reader.root(raw.body, raw.media))
        if child is None or child.tag != self._request_tag:
            found = "nothing" if child is None else child.tag
            raise Undecodable(f"Body has {found}, expected is {self._request_tag}.", "wrong_operation")
        return _read(self._request, child)

    def reply(self, raw: Raw) -> Outcome:
        """Values, a declared fault as Refusal, all that is technical as Opaque. Raises Undecodable."""
        odd = raw.status not in (0, 200)
        try:
            child = self._body_child(self._reader.root(raw.body, raw.media))
        except Undecodable as error:
            if error.reason == "too_large":
                raise
            return Opaque(f"http:{raw.status}" if odd else "not_soap")
        if child is not None and child.tag in (f"{{{SOAP11}}}Fault", f"{{{SOAP12}}}Fault"):
            return self._fault(child)
        if odd and not 200 <= raw.status < 300:
            return Opaque(f"http:{raw.status}")
        if child is None or child.tag != self._response_tag:
            found = "nothing" if child is None else child.tag
            raise Undecodable(f"Body has {found}, expected is {self._response_tag}.", "wrong_operation")
        return Values(_read(self._response, child))

    def encode(self, outcome: Values | Refusal, call: Call) -> Raw:
        """The answer in the SOAP version of the call: status 200, a declared fault 500. Raises Unencodable."""
        version = self._version(call.raw.body)
        if isinstance(outcome, Refusal):
            return self._refuse(outcome, version)
        content = _written(self._write, outcome.fields, self._messages.response)
        return Raw(enveloped(version, content), MEDIA[version], 200)

    def amend(self, raw: Raw, changes: Mapping[Path, Any]) -> Raw:
        """The reply with leaf values, whole lists of them, or attributes replaced in place. Raises Unencodable."""
        return amend.amended(raw, self._messages.response, changes)

    def _version(self, body: bytes) -> str:
        head = body[:_BEGINNING]
        older, newer = _NAMESPACE11 in head, _NAMESPACE12 in head
        if older != newer:
            return "1.1" if older else "1.2"
        return sniff(body).version or self._versions[0]

    @staticmethod
    def _body_child(root: Any) -> Any:
        namespace = _ENVELOPES.get(root.tag)
        if namespace is None:
            raise Undecodable(f"The root element is {root.tag}, not a SOAP envelope.", "not_soap")
        tag = _BODIES[namespace]
        body = next((child for child in root if child.tag == tag), None)
        if body is None:
            raise Undecodable("The envelope has no Body.", "not_soap")
        if len(body) > 1:
            raise Undecodable(f"Body has {len(body)} elements, one is expected.", "wrong_operation")
        return body[0] if len(body) else None

    def _fault(self, node: Any) -> Outcome:
        code, reason, detail = _fault_parts(node)
        child = detail[0] if detail is not None and len(detail) else None
        known = self._details.get(child.tag) if child is not None else None
        if known is None:
            return Opaque(f"fault:{code}")
        name, read, _ = known
        return Refusal(name, reason, _read(read, child))

    def _refuse(self, outcome: Refusal, version: str) -> Raw:
        write = self._write_faults.get(outcome.code)
        if write is None:
            known = ", ".join(self._write_faults) or "none"
            raise Unencodable(f"The WSDL declares no fault {outcome.code!r} for this operation; declared: {known}.")
        detail = _written(write, outcome.detail, self._messages.faults[outcome.code])
        return Raw(fault_body(version, "Server", outcome.message or outcome.code, detail), MEDIA[version], 500)


def _rooted(encoder: Encoder, element: Element) -> Write:
    """A writer of the element with every namespace that it needs declared in its start tag."""
    encoder.element(element)
    fresh = Encoder()
    fresh.element(element)
    return fresh.element(element, fresh.declarations())


def _read(read: ReadElement, node: Any) -> Payload:
    try:
        value = read(node)
    except Flaw as flaw:
        raise Undecodable(str(flaw), flaw.reason) from None
    except ValueError as error:
        raise Undecodable(f"#text: {error}", "invalid_value") from None
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else {"#text": value}


def _written(write: Write, fields: Payload, element: Element) -> str:
    value = fields if isinstance(element.type, Complex) else fields.get("#text", fields)
    try:
        return write(value)
    except Flaw as flaw:
        raise Unencodable(str(flaw)) from None
    except ValueError as error:
        raise Unencodable(f"#text: {error}") from None


def _fault_parts(node: Any) -> tuple[str, str, Any]:
    """Code without its prefix, reason, and the detail element of a fault of either version."""
    if node.tag == f"{{{SOAP11}}}Fault":
        parts = {str(child.tag).rpartition("}")[2]: child for child in node}
        code, reason, detail = parts.get("faultcode"), parts.get("faultstring"), parts.get("detail")
    else:
        space = {"s": SOAP12}
        code, reason, detail = (
            node.find(path, space) for path in ("s:Code/s:Value", "s:Reason/s:Text", "s:Detail")
        )  # fmt: skip
    name = (code.text or "").strip() if code is not None else ""
    return _PREFIXED.sub("", name, count=1) or "unknown", (reason.text or "") if reason is not None else "", detail
