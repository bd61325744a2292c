"""Compiles the operator's WSDL, offline: which operations there are, how they are bound, and a codec for each.

An operation that cannot be served is in `unserved` with its reason, and its calls are relayed; the others are served.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from adapters.soap.codec import Messages, OperationCodec
from adapters.soap.declarations import Declarations, Unresolved
from adapters.soap.definitions import Bound, Definitions, Part
from adapters.soap.documents import Document, read_documents
from adapters.soap.namespaces import QName
from adapters.soap.particles import Complex, Element, Group, name_keys
from adapters.soap.schema import Schema
from gateway.contract import ConfigError

MAX_DECODE = 1 << 20
"""Bytes of a message that are decoded unless configured otherwise."""

Key = TypeVar("Key")


@dataclass(slots=True, frozen=True)
class Operation:
    """One operation; several ports that bind it are one. `wrapped`: the request element is named as the operation."""

    name: str
    service: str
    ports: tuple[str, ...]
    bindings: tuple[str, ...]
    versions: tuple[str, ...]
    style: str
    wrapped: bool
    request: QName
    response: QName
    soap_actions: tuple[str, ...]
    faults: Mapping[str, QName]
    codec: OperationCodec

    @property
    def soap_action(self) -> str:
        """The action of its first port, "" where none is stated."""
        return self.soap_actions[0]


@dataclass(slots=True, frozen=True)
class Contract:
    """What a WSDL promises. `documents` are the WSDL, first, and all local files that it imports."""

    operations: Mapping[str, Operation]
    unserved: Mapping[str, str]
    documents: tuple[Document, ...]
    _elements: Mapping[QName, Operation | None] = field(default_factory=dict)
    _actions: Mapping[str, Operation | None] = field(default_factory=dict)

    def by_element(self, name: QName) -> Operation | None:
        """The only operation whose request is this element (namespace, local name)."""
        return self._elements.get(name)

    def by_action(self, action: str) -> Operation | None:
        """The only operation with this SOAPAction, quoted or not; None for an empty one."""
        return self._actions.get(action.strip().strip('"'))


def load(path: Path, max_decode: int = MAX_DECODE) -> Contract:
    """Compiles the WSDL at `path`; nothing is fetched over a network. Raises ConfigError."""
    documents = read_documents(path)
    declared = Declarations()
    for document in documents:
        for root, chameleon in document.schemas:
            declared.add(root, chameleon)
    schema = Schema(declared)
    definitions = Definitions(documents)
    try:
        found, unserved = definitions.bound(), dict(definitions.unbound())
    except Unresolved as error:
        raise ConfigError(f"The WSDL {path} cannot be read. {error}") from None
    operations: dict[str, Operation] = {}
    for name, bound in found.items():
        try:
            operations[name] = _operation(name, bound, definitions, schema, max_decode)
        except (Unresolved, RecursionError) as error:
            unserved[name] = _with_remote(str(error), documents)
    if not operations:
        reasons = " ".join(f"{name}: {reason}" for name, reason in unserved.items())
        raise ConfigError(f"The WSDL {path} has no operation that can be served. {reasons}".strip())
    elements = _unique([(one.request, one) for one in operations.values()])
    actions = _unique([(action, one) for one in operations.values() for action in one.soap_actions if action])
    return Contract(operations, unserved, documents, elements, actions)


def _unique(pairs: Iterable[tuple[Key, Operation]]) -> dict[Key, Operation | None]:
    """What each key names; None where it names several."""
    found: dict[Key, Operation | None] = {}
    for key, operation in pairs:
        found[key] = operation if found.get(key, operation) is operation else None
    return found


def _with_remote(reason: str, documents: Iterable[Document]) -> str:
    remote = [address for document in documents for address in document.remote]
    return f"{reason} Imports that are not fetched: {', '.join(remote)}." if remote else reason


def _operation(name: str, bound: Sequence[Bound], definitions: Definitions, schema: Schema, limit: int) -> Operation:
    """The operation that all these ports bind. Raises Unresolved with the reason why it cannot be served."""
    shapes = {(one.style, one.port_type) for one in bound}
    if len(shapes) > 1:
        raise Unresolved(f"The ports {', '.join(one.port for one in bound)} bind it differently.")
    first = bound[0]
    messages = _messages(first, definitions, schema)
    versions = tuple(dict.fromkeys(one.version for one in bound))
    actions = tuple(dict.fromkeys(one.action for one in bound))
    return Operation(
        name=name,
        service=first.service,
        ports=tuple(one.port for one in bound),
        bindings=tuple(dict.fromkeys(one.binding for one in bound)),
        versions=versions,
        style=first.style,
        wrapped=first.style == "rpc" or _is_wrapper(messages.request, name),
        request=messages.request.name,
        response=messages.response.name,
        soap_actions=actions,
        faults={fault: element.name for fault, element in messages.faults.items()},
        codec=OperationCodec(messages, versions, limit),
    )


def _is_wrapper(request: Element, operation: str) -> bool:
    kind = request.type
    return request.name[1] == operation and isinstance(kind, Complex) and kind.text is None and not kind.attributes


def _messages(bound: Bound, definitions: Definitions, schema: Schema) -> Messages:
    declared = definitions.abstract(bound)
    request = _element(bound, declared.request, "input", definitions, schema)
    response = _element(bound, declared.response, "output", definitions, schema)
    faults = {name: schema.message(definitions.detail(message)) for name, message in declared.faults.items()}
    return Messages(request, response, faults)


def _element(bound: Bound, message: QName, side: str, definitions: Definitions, schema: Schema) -> Element:
    body = definitions.body(bound, side)
    parts = definitions.parts(message, body)
    if bound.style == "rpc":
        suffix = "" if side == "input" else "Response"
        return _rpc_wrapper((body.namespace, bound.operation + suffix), parts, schema)
    if len(parts) != 1:
        raise Unresolved(f"The message {message[1]} has {len(parts)} parts in the body; one is served.")
    if parts[0].element is None:
        raise Unresolved(f"The part {parts[0].name} of the document message {message[1]} names a type, not an element.")
    return schema.message(parts[0].element)


def _rpc_wrapper(name: QName, parts: Sequence[Part], schema: Schema) -> Element:
    items: list[Element | Group] = []
    for part in parts:
        if part.type is None:
            raise Unresolved(f"The part {part.name} of the rpc message {name[1]} names an element, not a type.")
        items.append(schema.part(part.name, part.type))
    kind = Complex(None, Group("sequence", items))
    name_keys(kind.content)
    return Element(name, kind)
