"""One operation's messages: bytes to values and back, as its WSDL says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from adapters.soap import amend
from adapters.soap.decode import Decoder
from adapters.soap.encode import Encoder
from adapters.soap.envelope import sniff
from adapters.soap.faults import enveloped, fault_body
from adapters.soap.flaws import Flaw
from adapters.soap.graph import resolved
from adapters.soap.names import Names
from adapters.soap.namespaces import ENVELOPES, MEDIA, SOAP11, SOAP12, clark
from adapters.soap.particles import Complex, Element
from adapters.soap.readers import Read as ReadElement
from adapters.soap.readers import late
from adapters.soap.reading import Reader
from adapters.soap.shapes import Shapes, marked
from adapters.soap.writers import Write
from gateway.contract import Call, Opaque, Outcome, Path, Payload, Raw, Refusal, Undecodable, Unencodable, Values

_ROOTS = {f"{{{namespace}}}Envelope": namespace for namespace in (SOAP11, SOAP12)}
_BODIES = {namespace: f"{{{namespace}}}Body" for namespace in (SOAP11, SOAP12)}
_NAMESPACE11, _NAMESPACE12 = SOAP11.encode(), SOAP12.encode()
_BEGINNING = 512
_PREFIXED = re.compile(r"[^\s:]+:")


NOTHING = Element(("", ""), Complex(None))
"""The response of a one-way operation: an HTTP status without a body."""


@dataclass(slots=True, frozen=True)
class Messages:
    """The elements of an operation: request, response, and the detail of each declared fault by its name."""

    request: Element
    response: Element
    faults: Mapping[str, Element] = field(default_factory=dict)
    encoded: tuple[bool, bool] = (False, False)
    """Whether request and response are bound as encoded (SOAP section 5)."""

    @property
    def one_way(self) -> bool:
        """Whether there is no response."""
        return self.response is NOTHING


class OperationCodec:
    """gateway.contract.Codec for one operation. A payload is the content of Body's child.

    Where that child has simple content, the payload is `{"#text": value}`. A derived type is `@xsi:type`. Compiled on
    first use: of a thousand operations most have no route."""

    def __init__(self, messages: Messages, versions: tuple[str, ...], limit: int, names: Names | None = None) -> None:
        """`versions`: the SOAP versions it is bound under; `limit`: bytes that are decoded at most."""
        self.versions = versions
        self.messages = messages
        self.reader = Reader(limit, names)
        self._encodes_request, self._encodes_response = messages.encoded
        self._request_tag, self._response_tag = clark(messages.request.name), clark(messages.response.name)

    @cached_property
    def _request(self) -> ReadElement:
        return Decoder(self._encodes_request).element(self.messages.request)

    @cached_property
    def _response(self) -> ReadElement:
        return Decoder(self._encodes_response).element(self.messages.response)

    @cached_property
    def _request_shapes(self) -> Shapes:
        read = late(lambda: Decoder(through=marked).element(self.messages.request))
        return Shapes(lambda body: self.reader.parsed(body, lambda root: self._read_request(root, read)))

    @cached_property
    def _response_shapes(self) -> Shapes:
        read = late(lambda: Decoder(through=marked).element(self.messages.response))
        return Shapes(lambda body: self.reader.parsed(body, lambda root: self._read_response(root, read)))

    @cached_property
    def _details(self) -> Mapping[str, tuple[str, ReadElement]]:
        decoder = Decoder(self._encodes_response)
        faults = self.messages.faults.items()
        return {clark(detail.name): (name, decoder.element(detail)) for name, detail in faults}

    @cached_property
    def _writers(self) -> Mapping[str, Write]:
        return self._compiled(self.messages.response, self._encodes_response)

    @cached_property
    def _request_writers(self) -> Mapping[str, Write]:
        return self._compiled(self.messages.request, self._encodes_request)

    @cached_property
    def _fault_writers(self) -> Mapping[str, Mapping[str, Write]]:
        faults = self.messages.faults.items()
        return {name: self._compiled(detail, self._encodes_response) for name, detail in faults}

    def _compiled(self, element: Element, encoded: bool) -> Mapping[str, Write]:
        """Writers by SOAP version; encoded messages differ by it."""
        if encoded:
            return {version: rooted(element, version) for version in ENVELOPES}
        return dict.fromkeys(ENVELOPES, rooted(element, ""))

    def request(self, raw: Raw) -> Payload:
        """The decoded request. Raises Undecodable."""
        body = self.reader.plain(raw.body, raw.media)
        if not self._encodes_request and (known := self._request_shapes.payload(body)) is not None:
            return known
        return self.reader.parsed(body, lambda root: self._read_request(root, self._request))

    def _read_request(self, root: Any, read: ReadElement) -> Payload:
        child = self._body_child(root, self._encodes_request)
        _expect(child, self._request_tag)
        return read_element(read, _whole(child) if self._encodes_request else child)

    def reply(self, raw: Raw) -> Outcome:
        """Values, a declared fault as Refusal, all that is technical as Opaque. Raises Undecodable.

        A one-way call that was accepted has the values {}: nothing, or an envelope without a fault, came back."""
        if self.messages.one_way and not raw.body.strip():
            return Values({}) if _is_well(raw.status) else Opaque(f"http:{raw.status}")
        try:
            body = self.reader.plain(raw.body, raw.media)
            if not self._encodes_response and (known := self._response_shapes.payload(body)) is not None:
                return Values(known) if _is_well(raw.status) else Opaque(f"http:{raw.status}")
            found = self.reader.parsed(body, lambda root: self._read_reply(root, raw.status))
        except Undecodable as error:
            if error.reason == "too_large":
                raise
            return Opaque(f"http:{raw.status}" if raw.status not in (0, 200) else "not_soap")
        if isinstance(found, Undecodable):
            raise found
        return found

    def _read_reply(self, root: Any, status: int) -> Outcome | Undecodable:
        """The outcome, or what is wrong with an envelope that can be read. Raises Undecodable where it is none."""
        child = self._body_child(root, self._encodes_response)
        try:
            return self._outcome(child, status)
        except Undecodable as error:
            return error

    def _outcome(self, child: Any, status: int) -> Outcome:
        if child is not None and child.tag in (f"{{{SOAP11}}}Fault", f"{{{SOAP12}}}Fault"):
            return self._fault(child)
        if not _is_well(status):
            return Opaque(f"http:{status}")
        if self.messages.one_way:
            return Values({})
        _expect(child, self._response_tag)
        return Values(read_element(self._response, _whole(child) if self._encodes_response else child))

    def _read_response(self, root: Any, read: ReadElement) -> Payload:
        child = self._body_child(root, encoded=False)
        _expect(child, self._response_tag)
        return read_element(read, child)

    def encode(self, outcome: Values | Refusal, call: Call) -> Raw:
        """The answer in the SOAP version of the call: status 200, a declared fault 500. Raises Unencodable."""
        version = self.version(call.raw.body)
        return self.refuse(outcome, version) if isinstance(outcome, Refusal) else self.answer(outcome.fields, version)

    def answer(self, fields: Payload, version: str) -> Raw:
        """The response with this payload; of a one-way operation, that the call is accepted. Raises Unencodable."""
        if self.messages.one_way:
            if fields:
                raise Unencodable("The operation is one-way: its callers get no values.")
            return Raw(b"", "", 202)
        content = written_element(self._writers[version], fields, self.messages.response)
        return Raw(enveloped(version, content), MEDIA[version], 200)

    def ask(self, fields: Payload, version: str = "") -> Raw:
        """A request with this payload, by default in the first SOAP version that is bound. Raises Unencodable."""
        version = version or self.versions[0]
        content = written_element(self._request_writers[version], fields, self.messages.request)
        return Raw(enveloped(version, content), MEDIA[version])

    def amend(self, raw: Raw, changes: Mapping[Path, Any]) -> Raw:
        """The reply with leaf values, whole lists of them, or attributes replaced in place. Raises Unencodable."""
        return amend.amended(raw, self.messages.response, changes)

    def version(self, body: bytes) -> str:
        """The SOAP version of a message, the first that is bound where it does not say."""
        head = body[:_BEGINNING]
        older, newer = _NAMESPACE11 in head, _NAMESPACE12 in head
        if older != newer:
            return "1.1" if older else "1.2"
        return sniff(body).version or self.versions[0]

    @staticmethod
    def _body_child(root: Any, encoded: bool) -> Any:
        namespace = _ROOTS.get(root.tag)
        if namespace is None:
            raise Undecodable(f"The root element is {root.tag}, not a SOAP envelope.", "not_soap")
        tag = _BODIES[namespace]
        body = next((child for child in root if child.tag == tag), None)
        if body is None:
            raise Undecodable("The envelope has no Body.", "not_soap")
        if len(body) > 1 and not encoded:  # there, the others are referred to
            raise Undecodable(f"Body has {len(body)} elements, one is expected.", "wrong_operation")
        return body[0] if len(body) else None

    def _fault(self, node: Any) -> Outcome:
        code, reason, detail = _fault_parts(node)
        child = detail[0] if detail is not None and len(detail) else None
        known = self._details.get(child.tag) if child is not None else None
        if known is None:
            return Opaque(f"fault:{code}")
        name, read = known
        return Refusal(name, reason, read_element(read, _whole(child) if self._encodes_response else child))

    def refuse(self, outcome: Refusal, version: str) -> Raw:
        """The fault of a refusal, with status 500. Raises Unencodable."""
        detail = self.detail(outcome, version)
        return Raw(fault_body(version, "Server", outcome.message or outcome.code, detail), MEDIA[version], 500)

    def detail(self, outcome: Refusal, version: str) -> str:
        """The declared detail of a fault as XML. Raises Unencodable."""
        writers = self._fault_writers.get(outcome.code)
        if writers is None:
            known = ", ".join(self._fault_writers) or "none"
            raise Unencodable(f"The WSDL declares no fault {outcome.code!r} for this operation; declared: {known}.")
        return written_element(writers[version], outcome.detail, self.messages.faults[outcome.code])


def rooted(element: Element, encoding: str) -> Write:
    """A writer of the element with every namespace that it needs declared in its start tag."""
    encoder = Encoder(encoding)
    encoder.root(element)
    return encoder.root(element, encoder.declarations())


def _is_well(status: int) -> bool:
    """Whether an answer of this status can be one; 0 where there is none."""
    return not status or 200 <= status < 300


def _expect(child: Any, tag: str) -> None:
    if child is None or child.tag != tag:
        found = "nothing" if child is None else child.tag
        raise Undecodable(f"Body has {found}, expected is {tag}.", "wrong_operation")


def _whole(child: Any) -> Any:
    """The element of an encoded message with all that it refers to."""
    body = next(one for one in child.iterancestors() if one.tag in _BODIES.values())
    return resolved(body, child)


def read_element(read: ReadElement, node: Any) -> Payload:
    """The payload of an element. Raises Undecodable with the path of what is wrong."""
    try:
        value = read(node)
    except Flaw as flaw:
        raise Undecodable(str(flaw), flaw.reason) from None
    except ValueError as error:
        raise Undecodable(f"#text: {error}", "invalid_value") from None
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else {"#text": value}


def written_element(write: Write, fields: Payload, element: Element) -> str:
    """The element of a payload. Raises Unencodable with the path of what is wrong."""
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
