"""Compiles the operator's WSDL, offline: which operations there are, how they are bound, and a codec for each.

An operation that cannot be served is in `unserved` with its reason, and its calls are relayed; the others are served.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from adapters.soap.codec import NOTHING, Messages, OperationCodec
from adapters.soap.declarations import UNDECLARED, Declarations, Unresolved
from adapters.soap.definitions import Bound, Definitions, Part
from adapters.soap.documents import Document, read_documents
from adapters.soap.names import Names
from adapters.soap.namespaces import QName
from adapters.soap.particles import Complex, Element, Group, name_keys
from adapters.soap.schema import Schema
from gateway.contract import ConfigError

MAX_DECODE = 1 << 20
"""Bytes of a message that are decoded unless configured otherwise."""

Key = TypeVar("Key")


@dataclass(slots=True, frozen=True)
class Operation:
    """One operation; several ports that bind it are one. `wrapped`: the request element is named as the operation.

    The response of a one-way operation has no name."""

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
class Listed:
    """An operation as one port has it, for people. `name` is what the configuration calls it; `reason` says why it is
    passed through, None where it is served."""

    service: str
    port: str
    name: str
    style: str
    soap: str
    reason: str | None


@dataclass(slots=True, frozen=True)
class Contract:
    """What a WSDL promises. `documents` are the WSDL, first, and all local files that it imports.

    `listed` has every operation of every SOAP port; `repairs` what was put right while reading, a sentence each."""

    operations: Mapping[str, Operation]
    unserved: Mapping[str, str]
    documents: tuple[Document, ...]
    listed: tuple[Listed, ...] = ()
    repairs: tuple[str, ...] = ()
    _elements: Mapping[QName, Operation | None] = field(default_factory=dict)
    _actions: Mapping[str, Operation | None] = field(default_factory=dict)

    def by_element(self, name: QName) -> Operation | None:
        """The only operation whose request is this element (namespace, local name)."""
        return self._elements.get(name)

    def by_action(self, action: str) -> Operation | None:
        """The only operation with this SOAPAction, quoted or not; None for an empty one."""
        return self._actions.get(action.strip().strip('"'))


def load(path: Path, max_decode: int = MAX_DECODE) -> Contract:
    """Compiles the WSDL at `path`; nothing is fetched over a network. Raises ConfigError.

    A WSDL of which nothing can be served is no error: all its calls are passed through."""
    documents = read_documents(path)
    declared, repairs = declarations(documents)
    schema = Schema(declared)
    definitions = Definitions(documents)
    try:
        found, unserved = _named(definitions.bound()), dict(definitions.unbound())
    except Unresolved as error:
        raise ConfigError(f"The WSDL {path} cannot be read. {error}") from None
    if not found and not unserved:
        raise ConfigError(f"The WSDL {path} has no operation that a SOAP port binds.")
    compiler = _Compiler(definitions, schema, max_decode, Names(declared.names()))
    operations: dict[str, Operation] = {}
    for name, bound in found.items():
        try:
            operations[name] = compiler.operation(name, bound)
        except Unresolved as error:
            unserved[name] = _with_missing(str(error), documents)
        except RecursionError:
            unserved[name] = "Its types are made of themselves without end."
    elements = _unique([(one.request, one) for one in operations.values()])
    actions = _unique([(action, one) for one in operations.values() for action in one.soap_actions if action])
    listed = tuple(
        Listed(one.service, one.port, name, one.label, one.version, unserved.get(name))
        for name, bound in found.items() for one in bound
    )  # fmt: skip
    rest = tuple(Listed("", "", name, "", "", reason) for name, reason in unserved.items() if name not in found)
    return Contract(operations, unserved, documents, listed + rest, repairs, elements, actions)


def declarations(documents: Sequence[Document]) -> tuple[Declarations, tuple[str, ...]]:
    """All that the schemas declare, and a sentence for each thing that had to be put right."""
    declared = Declarations()
    repairs = [repair for document in documents for repair in document.repairs]
    for document in documents:
        for root, chameleon in document.schemas:
            declared.add(root, chameleon)
    for document in documents:
        for root, chameleon in document.schemas:
            declared.redefine(root, chameleon)
    by_path = {document.path: document for document in documents}
    for document in documents:
        for stated, place in document.renamed:
            for right in _targets(by_path[place], stated):
                declared.mean(stated, right)
                imported = by_path[place].name
                repairs.append(f"{document.name}: the import of {imported} states {stated!r}, which is {right!r}.")
    return declared, tuple(dict.fromkeys(repairs))


def _targets(document: Document, stated: str) -> list[str]:
    """The namespaces of a document's schemas, where none of them is the one that an import states."""
    targets = [root.get("targetNamespace") or chameleon for root, chameleon in document.schemas]
    return [] if stated in targets else targets


def _named(bound: Mapping[str, Sequence[Bound]]) -> dict[str, list[Bound]]:
    """The operations by the names that configurations use: the WSDL's own, where it means one thing.

    Where several port types or styles share a name, `Service.Operation`, or `Service.Port.Operation` if need be."""
    found: dict[str, list[Bound]] = {}
    for name, ports in bound.items():
        shapes: dict[tuple[object, ...], list[Bound]] = {}
        for one in ports:
            shapes.setdefault((one.port_type, one.label), []).append(one)
        services = [group[0].service for group in shapes.values()]
        for group in shapes.values():
            first = group[0]
            place = [first.service] if services.count(first.service) == 1 else [first.service, first.port]
            found[name if len(shapes) == 1 else ".".join([*filter(None, place), name])] = group
    return found


def _unique(pairs: Iterable[tuple[Key, Operation]]) -> dict[Key, Operation | None]:
    """What each key names; None where it names several."""
    found: dict[Key, Operation | None] = {}
    for key, operation in pairs:
        found[key] = operation if found.get(key, operation) is operation else None
    return found


def _with_missing(reason: str, documents: Iterable[Document]) -> str:
    missing = [place for document in documents for place in document.missing]
    if not missing or not reason.endswith(UNDECLARED):
        return reason
    return f"{reason} Imports that are not read: {', '.join(missing)}."


class _Compiler:
    """Makes operations of what ports bind."""

    def __init__(self, definitions: Definitions, schema: Schema, limit: int, names: Names) -> None:
        self._definitions = definitions
        self._schema = schema
        self._limit = limit
        self._names = names

    def operation(self, name: str, bound: Sequence[Bound]) -> Operation:
        """The operation that all these ports bind. Raises Unresolved with the reason why it cannot be served."""
        first = bound[0]
        messages = self._messages(first)
        versions = tuple(dict.fromkeys(one.version for one in bound))
        return Operation(
            name=name,
            service=first.service,
            ports=tuple(one.port for one in bound),
            bindings=tuple(dict.fromkeys(one.binding for one in bound)),
            versions=versions,
            style=first.style,
            wrapped=first.style == "rpc" or _is_wrapper(messages.request, first.operation),
            request=messages.request.name,
            response=messages.response.name,
            soap_actions=tuple(dict.fromkeys(one.action for one in bound)),
            faults={fault: element.name for fault, element in messages.faults.items()},
            codec=OperationCodec(messages, versions, self._limit, self._names),
        )

    def _messages(self, bound: Bound) -> Messages:
        declared = self._definitions.abstract(bound)
        encoded = tuple(self._definitions.body(bound, side).encoded for side in ("input", "output"))
        faults = {name: self._fault(bound, name, message) for name, message in declared.faults.items()}
        return Messages(
            self._element(bound, declared.request, "input"),
            NOTHING if declared.response is None else self._element(bound, declared.response, "output"),
            faults,
            (encoded[0], encoded[1]),
        )

    def _fault(self, bound: Bound, name: str, message: QName) -> Element:
        element, part = self._definitions.detail(bound, name, message)
        if part.type is None:
            return self._schema.message(element)
        made = self._schema.part(part.name, part.type)
        made.name = element
        return made

    def _element(self, bound: Bound, message: QName, side: str) -> Element:
        body = self._definitions.body(bound, side)
        parts = self._definitions.parts(message, body)
        if bound.style == "rpc":
            suffix = "" if side == "input" else "Response"
            return _rpc_wrapper((body.namespace, bound.operation + suffix), parts, self._schema)
        if len(parts) != 1:
            raise Unresolved(f"The message {message[1]} has {len(parts)} parts in the body; one is served.")
        if parts[0].element is None:
            raise Unresolved(
                f"The part {parts[0].name} of the document message {message[1]} names a type, not an element."
            )
        return self._schema.message(parts[0].element)


def _is_wrapper(request: Element, operation: str) -> bool:
    kind = request.type
    return request.name[1] == operation and isinstance(kind, Complex) and kind.text is None and not kind.attributes


def _rpc_wrapper(name: QName, parts: Sequence[Part], schema: Schema) -> Element:
    items: list[Element | Group] = []
    for part in parts:
        if part.type is None:
            raise Unresolved(f"The part {part.name} of the rpc message {name[1]} names an element, not a type.")
        items.append(schema.part(part.name, part.type))
    kind = Complex(None, Group("sequence", items))
    name_keys(kind.content)
    return Element(name, kind)
