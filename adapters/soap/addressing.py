"""WS-Addressing: what a caller's headers ask of the answer, and the headers of the answer. Replies go back the way the
call came, and no other.

Sources: Web Services Addressing 1.0 Core (3.4), SOAP Binding (5, 6) and Metadata (4.4: default actions); the member
submission of August 2004, which old stacks speak.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.soap.documents import Document
from adapters.soap.escapes import escaped
from adapters.soap.headers import WSA, WSA_2004, Headers, Node
from adapters.soap.namespaces import WSDL, QName
from adapters.soap.reading import encoding_of
from gateway.contract import Raw

_ANONYMOUS = {WSA: f"{WSA}/anonymous", WSA_2004: f"{WSA_2004}/role/anonymous"}
_FAULT = {WSA: f"{WSA}/fault", WSA_2004: f"{WSA_2004}/fault"}
_SOAP_FAULT = {WSA: f"{WSA}/soap/fault", WSA_2004: f"{WSA_2004}/fault"}
_ONCE = ("To", "Action", "MessageID", "From", "ReplyTo", "FaultTo")
_PLACE = re.compile(r"<((?:[\w.\-]+:)?)(Header|Body)((?:[\s][^<>]*?)?)(/?)>")
_W = f"{{{WSDL}}}"
_METADATA, _EARLIER = "http://www.w3.org/2007/05/addressing/metadata", "http://www.w3.org/2006/05/addressing/wsdl"
_ACTIONS = tuple(f"{{{namespace}}}Action" for namespace in (_METADATA, _EARLIER, WSA, WSA_2004))


class Misaddressed(Exception):
    """The headers of WS-Addressing are contradictory, or ask for what is not done here."""

    def __init__(self, sentence: str, *subcodes: QName) -> None:
        super().__init__(sentence)
        self.subcodes = subcodes


@dataclass(slots=True, frozen=True)
class Actions:
    """The actions of an operation's answers: of its output, and of each declared fault."""

    output: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Addressing:
    """What is to be echoed. `parameters` are XML: the caller wants them back as header blocks."""

    namespace: str
    action: str
    message_id: str
    parameters: Sequence[str]

    def header(self, action: str) -> str:
        """The blocks of an answer with this action."""
        xmlns = f'xmlns:wsa="{self.namespace}"'
        blocks = [f"<wsa:Action {xmlns}>{escaped(action)}</wsa:Action>"] if action else []
        if self.message_id:
            blocks.append(f"<wsa:RelatesTo {xmlns}>{escaped(self.message_id)}</wsa:RelatesTo>")
        blocks.append(f"<wsa:To {xmlns}>{_ANONYMOUS[self.namespace]}</wsa:To>")
        return "".join([*blocks, *self.parameters])

    @property
    def fault_action(self) -> str:
        """Of a fault that the WSDL does not declare."""
        return _SOAP_FAULT[self.namespace]


def addressing(headers: Headers) -> Addressing | None:
    """What the headers ask for; None where they are none of WS-Addressing. Raises Misaddressed."""
    for namespace in (WSA, WSA_2004):
        found = {name: headers.all(f"{{{namespace}}}{name}") for name in _ONCE}
        if any(found.values()):
            return _addressing(namespace, found, headers.must)
    return None


def _addressing(namespace: str, found: Mapping[str, Sequence[Node]], must: Sequence[str]) -> Addressing:
    for name, blocks in found.items():
        if len(blocks) > 1:
            subcodes = _invalid(namespace, "InvalidCardinality")
            raise Misaddressed(f"The header wsa:{name} is there more than once.", *subcodes)
    for name in ("ReplyTo", "FaultTo"):
        if f"{{{namespace}}}{name}" in must and not _is_back(found[name], namespace):
            subcodes = _invalid(namespace, "OnlyAnonymousAddressSupported")
            raise Misaddressed(f"Replies go back the way the call came: wsa:{name} must be anonymous.", *subcodes)
    action, message = (found[name][0].text.strip() if found[name] else "" for name in ("Action", "MessageID"))
    parameters = _parameters(found["ReplyTo"], namespace) if _is_back(found["ReplyTo"], namespace) else []
    return Addressing(namespace, action, message, parameters)


def _invalid(namespace: str, detail: str) -> Sequence[QName]:
    outer = "InvalidAddressingHeader" if namespace == WSA else "InvalidMessageInformationHeader"
    return ((namespace, outer), (namespace, detail)) if namespace == WSA else ((namespace, outer),)


def _is_back(blocks: Sequence[Node], namespace: str) -> bool:
    """Whether the reply goes back over the same connection; `none` wants none, and does no harm."""
    addresses = [address.text.strip() for block in blocks for address in block.all(f"{{{namespace}}}Address")]
    return all(address in ("", _ANONYMOUS[namespace], f"{WSA}/none") for address in addresses)


def _parameters(blocks: Sequence[Node], namespace: str) -> Sequence[str]:
    wanted = [one for block in blocks for one in block.all(f"{{{namespace}}}ReferenceParameters")]
    return [_marked(child.xml) if namespace == WSA else child.xml for one in wanted for child in one.children]


def _marked(xml: str) -> str:
    """A reference parameter as a header block (SOAP Binding, 3.3)."""
    end = re.search(r"[\s/>]", xml)
    place = end.start() if end else len(xml)
    return f'{xml[:place]} xmlns:wsa="{WSA}" wsa:IsReferenceParameter="true"{xml[place:]}'


def with_header(raw: Raw, inner: str) -> Raw:
    """The answer with these blocks at the beginning of its Header, which is added where it has none."""
    encoding = encoding_of(raw.body, raw.media)
    text = raw.body.decode(encoding)
    match = _PLACE.search(text)
    if match is None:
        return raw
    prefix, name, attributes, closed = match.groups()
    start, end = match.span()
    if name == "Body":
        text = f"{text[:start]}<{prefix}Header>{inner}</{prefix}Header>{text[start:]}"
    elif closed:
        text = f"{text[:start]}<{prefix}Header{attributes}>{inner}</{prefix}Header>{text[end:]}"
    else:
        text = text[:end] + inner + text[end:]
    return Raw(text.encode(encoding, "xmlcharrefreplace"), raw.media, raw.status, raw.headers)


def actions(documents: Iterable[Document]) -> Mapping[str, Actions]:
    """The actions of all operations of the WSDL's port types, by name: as stated, else by the default pattern."""
    found: dict[str, Actions] = {}
    for document in documents:
        target = document.root.get("targetNamespace", "")
        for kind in document.root.findall(f"{_W}portType"):
            for operation in kind.findall(f"{_W}operation"):
                found.setdefault(operation.get("name", ""), _actions(target, kind.get("name", ""), operation))
    return found


def _actions(target: str, kind: str, operation: Any) -> Actions:
    mark = ":" if target.startswith("urn:") else "/"
    name, start = operation.get("name", ""), target.removesuffix(mark) + mark + kind + mark
    output = operation.find(f"{_W}output")
    if output is None:
        return Actions()
    stated = _stated(output) or start + (output.get("name") or f"{name}Response")
    faults = {
        fault.get("name", ""): _stated(fault) or mark.join([start + name, "Fault", fault.get("name", "")])
        for fault in operation.findall(f"{_W}fault")
    }
    return Actions(stated, faults)


def _stated(node: Any) -> str:
    return next((value for name in _ACTIONS if (value := node.get(name))), "")
