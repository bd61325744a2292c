"""Reads WSDL 1.1: which operations are bound to SOAP, and the messages they are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.soap.declarations import Unresolved, resolve
from adapters.soap.documents import Document
from adapters.soap.namespaces import BINDINGS, ENCODINGS, WSDL, QName, split

Node = Any
"""An lxml element."""

_W = f"{{{WSDL}}}"
_SOAP = {version: f"{{{namespace}}}" for namespace, version in BINDINGS.items()}


@dataclass(slots=True, frozen=True)
class Part:
    """A part of a message: it names an element or a type."""

    name: str
    element: QName | None
    type: QName | None


@dataclass(slots=True, frozen=True)
class Body:
    """What soap:body says: the namespace of an rpc wrapper, the parts that it takes, those that are headers.

    `encoded`: after the rules of SOAP section 5."""

    namespace: str
    parts: tuple[str, ...] | None
    headers: frozenset[str]
    encoded: bool = False


@dataclass(slots=True, frozen=True)
class Abstract:
    """An operation of a port type: the names of its messages. A one-way operation has no response."""

    request: QName
    response: QName | None
    faults: Mapping[str, QName] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Bound:
    """An operation as one port binds it; `node` is its element in the binding."""

    operation: str
    service: str
    port: str
    binding: str
    port_type: QName
    version: str
    style: str
    action: str
    node: Node

    @property
    def encoded(self) -> bool:
        """Whether a body of it is bound as encoded."""
        return any(one.get("use") == "encoded" for one in self.node.iter(f"{_SOAP[self.version]}body"))

    @property
    def label(self) -> str:
        """Style and use, as people call them: `rpc/encoded`."""
        return f"{self.style}/{'encoded' if self.encoded else 'literal'}"


class Definitions:
    """All WSDL definitions of a set of documents. What cannot be read of an operation raises Unresolved."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self._messages: dict[QName, Node] = {}
        self._port_types: dict[QName, Node] = {}
        self._bindings: dict[QName, Node] = {}
        self._services: list[Node] = []
        for document in documents:
            self._declare(document.root)

    def _declare(self, root: Node) -> None:
        target = root.get("targetNamespace", "")
        tables = {"message": self._messages, "portType": self._port_types, "binding": self._bindings}
        for kind, table in tables.items():
            for node in root.findall(_W + kind):
                table[target, node.get("name", "")] = node
        self._services.extend(root.findall(f"{_W}service"))

    def bound(self) -> dict[str, list[Bound]]:
        """The operations that SOAP ports bind, by name."""
        found: dict[str, list[Bound]] = {}
        for service, port, name in self._ports():
            for one in self._bound(service, port, name):
                found.setdefault(one.operation, []).append(one)
        return found

    def unbound(self) -> Iterator[tuple[str, str]]:
        """Operations of port types that no SOAP port binds, with a sentence that says so."""
        known = self.bound()
        for node in self._port_types.values():
            for operation in node.findall(f"{_W}operation"):
                name = operation.get("name", "")
                if name not in known:
                    yield name, f"No SOAP port binds the operation {name}."

    def _ports(self) -> Iterator[tuple[str, str, QName]]:
        """Service, port and binding; without services, every binding counts as a port."""
        for service in self._services:
            for port in service.findall(f"{_W}port"):
                yield service.get("name", ""), port.get("name", ""), self._name(port, "binding")
        if not self._services:
            for name in self._bindings:
                yield "", name[1], name

    def _bound(self, service: str, port: str, name: QName) -> Iterator[Bound]:
        binding = self._bindings.get(name)
        if binding is None:
            return
        for version, soap in _SOAP.items():
            head = binding.find(f"{soap}binding")
            if head is None:
                continue
            for node in binding.findall(f"{_W}operation"):
                said = node.find(f"{soap}operation")
                style = (said.get("style") if said is not None else None) or head.get("style") or "document"
                action = said.get("soapAction", "") if said is not None else ""
                kind = self._name(binding, "type")
                yield Bound(node.get("name", ""), service, port, name[1], kind, version, style, action, node)

    def abstract(self, bound: Bound) -> Abstract:
        """The operation in the port type. Raises Unresolved."""
        operations = self._port_types.get(bound.port_type)
        nodes = [] if operations is None else operations.findall(f"{_W}operation")
        nodes = [one for one in nodes if one.get("name") == bound.operation]
        if not nodes:
            raise Unresolved(f"The port type {bound.port_type[1]} does not declare it.")
        if len(nodes) > 1:
            raise Unresolved(f"The port type {bound.port_type[1]} declares it {len(nodes)} times (overloading).")
        node = nodes[0]
        sides = {side: node.find(_W + side) for side in ("input", "output")}
        if sides["input"] is None:
            raise Unresolved("It has no input, so it is the service that calls; only what is called is served.")
        faults = {one.get("name", ""): self._name(one, "message") for one in node.findall(f"{_W}fault")}
        response = None if sides["output"] is None else self._name(sides["output"], "message")
        return Abstract(self._name(sides["input"], "message"), response, faults)

    def body(self, bound: Bound, side: str) -> Body:
        """What the binding says about the body of `input` or `output`. Raises Unresolved where it is not served."""
        soap = _SOAP[bound.version]
        node = bound.node.find(_W + side)
        if node is not None and any(split(child.tag)[1] == "multipartRelated" for child in node):
            raise Unresolved("It is bound with attachments (MIME), which are not served.")
        said = None if node is None else node.find(f"{soap}body")
        if said is None:
            return Body("", None, frozenset())
        encoded = said.get("use") == "encoded"
        if encoded:
            _refuse_unknown_encoding(bound, said.get("encodingStyle") or ENCODINGS[bound.version])
        parts = tuple(said.get("parts").split()) if said.get("parts") is not None else None
        headers = frozenset(head.get("part", "") for head in node.findall(f"{soap}header"))
        return Body(said.get("namespace", ""), parts, headers, encoded)

    def parts(self, message: QName, body: Body) -> list[Part]:
        """The parts of the message that stand in the body. Raises Unresolved."""
        found = [self._part(node) for node in self._message(message).findall(f"{_W}part")]
        if body.parts is not None:
            return [part for part in found if part.name in body.parts]
        return [part for part in found if part.name not in body.headers] if len(found) > 1 else found

    def detail(self, bound: Bound, name: str, message: QName) -> tuple[QName, Part]:
        """A fault's detail: the name of its element, and the part that says what it is. Raises Unresolved."""
        parts = [self._part(node) for node in self._message(message).findall(f"{_W}part")]
        said = next((one for one in bound.node.iter(f"{_SOAP[bound.version]}fault") if one.get("name") == name), None)
        if len(parts) == 1 and parts[0].element is not None:
            return parts[0].element, parts[0]
        if len(parts) == 1 and parts[0].type is not None and bound.style == "rpc":
            return ("" if said is None else said.get("namespace", ""), parts[0].name), parts[0]
        raise Unresolved(f"The fault message {message[1]} must have one part that names an element.")

    def _message(self, name: QName) -> Node:
        if name not in self._messages:
            raise Unresolved(f"The message {name[1]} is not declared.")
        return self._messages[name]

    def _part(self, node: Node) -> Part:
        element, kind = (
            self._name(node, key) if node.get(key) else None for key in ("element", "type")
        )  # fmt: skip
        return Part(node.get("name", ""), element, kind)

    @staticmethod
    def _name(node: Node, attribute: str) -> QName:
        return resolve(node, node.get(attribute, ""))


def _refuse_unknown_encoding(bound: Bound, style: str) -> None:
    if bound.style != "rpc":
        raise Unresolved("It is bound as document/encoded, which is not served.")
    if not set(style.split()) & set(ENCODINGS.values()):
        raise Unresolved(f"It is bound with the encoding style {style}, which is not served.")
