"""The header blocks of an envelope that are meant for us, as plain values."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.soap import content
from adapters.soap.names import Names
from adapters.soap.namespaces import SOAP11, SOAP12, VERSIONS, QName, clark, split
from adapters.soap.raw import raw as written
from adapters.soap.reading import Reader
from gateway.contract import Raw, Undecodable

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSA = "http://www.w3.org/2005/08/addressing"
WSA_2004 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
SECURITY = clark((WSSE, "Security"))

_NEXT = {
    "1.1": frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"}),
    "1.2": frozenset({"", f"{SOAP12}/role/next", f"{SOAP12}/role/ultimateReceiver"}),
}
_TARGETS = {"1.1": f"{{{SOAP11}}}actor", "1.2": f"{{{SOAP12}}}role"}
_MUST = {version: f"{{{namespace}}}mustUnderstand" for namespace, version in VERSIONS.items()}
_PARAMETERS = frozenset({f"{{{WSA}}}ReferenceParameters", f"{{{WSA_2004}}}ReferenceParameters"})
_EMPTY = re.compile(rb"<(?:[\w.\-]+:)?Header[ \t\r\n]*(?:/>|>[ \t\r\n]*</(?:[\w.\-]+:)?Header[ \t\r\n]*>)")
_KNOWN = (
    WSSE, WSU, WSA, WSA_2004, SOAP11, SOAP12, "Envelope", "Header", "Body", "Security", "UsernameToken", "Username",
    "Password", "Nonce", "Created", "Expires", "Timestamp", "Type", "EncodingType", "Id", "mustUnderstand", "Action",
    "To", "MessageID", "ReplyTo", "FaultTo", "From", "RelatesTo", "Address", "ReferenceParameters",
)  # fmt: skip


@dataclass(slots=True)
class Node:
    """An element: `text` is what stands before its first child, `attributes` are by `{namespace}name`."""

    name: str
    text: str
    attributes: dict[str, str]
    children: "list[Node]"
    xml: str = ""
    """The element as it stands on its own; of what an address wants to have back, and of blocks where they are kept."""

    def all(self, name: str) -> "list[Node]":
        """The children of this name."""
        return [child for child in self.children if child.name == name]


@dataclass(slots=True)
class Headers:
    """What is meant for us; `must` are the names of blocks that have to be understood."""

    version: str | None = None
    blocks: list[Node] = field(default_factory=list)
    others: list[Node] = field(default_factory=list)
    """What is meant for somebody else."""
    must: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[Node]:
        """The blocks of this name."""
        return [block for block in self.blocks if block.name == name]

    def not_understood(self, understood: Collection[str]) -> list[QName]:
        """The blocks that must be understood and are not among these names, or `{namespace}` for all of one."""
        return [split(name) for name in dict.fromkeys(self.must) if not is_among(name, understood)]


def is_among(name: str, names: Collection[str]) -> bool:
    """Whether a name is one of these, or of a `{namespace}` among them."""
    return name in names or f"{{{split(name)[0]}}}" in names


NONE = Headers()


class HeaderReader:
    """Reads the headers of messages of up to `limit` bytes."""

    def __init__(self, limit: int, *, keep: bool) -> None:
        """With `keep` blocks come with their XML."""
        self._keep = keep
        self._reader = Reader(limit, Names(_KNOWN))
        self._limit = limit

    def headers(self, raw: Raw) -> Headers:
        """The blocks for the next actor and for the ultimate receiver. Raises Undecodable."""
        raw = content.opened(raw, self._reader, self._limit)
        if _has_none(raw.body):
            return NONE
        return self._reader.read(raw.body, raw.media, lambda root: _headers(root, self._keep))


def _has_none(body: bytes) -> bool:
    """Whether there is no header for sure: most messages have none, and need no parsing for it."""
    count = body.count(b"Header")
    if count > 2 or b"\0" in body[:4]:
        return False
    match = _EMPTY.search(body) if count else None
    return count == 0 or (match is not None and match[0].count(b"Header") == count)


def _headers(root: Any, keep: bool) -> Headers:
    namespace, local = split(root.tag)
    version = VERSIONS.get(namespace)
    if local != "Envelope" or version is None:
        raise Undecodable(f"The root element is {root.tag}, not a SOAP envelope.", "not_soap")
    heads = root.findall(f"{{{namespace}}}Header")
    if len(heads) > 1 or (heads and root[0] is not heads[0]):
        raise Undecodable("The envelope has a Header that is not the one before its Body.", "not_soap")
    found = Headers(version)
    for block in heads[0] if heads else ():
        if block.get(_TARGETS[version], "").strip() not in _NEXT[version]:
            found.others.append(_node(block, keep=keep))
        else:
            found.blocks.append(_node(block, keep=keep))
            if block.get(_MUST[version], "").strip() in ("1", "true"):
                found.must.append(block.tag)
    return found


def _node(element: Any, *, keep: bool = False) -> Node:
    tag = element.tag
    children = [_node(child, keep=tag in _PARAMETERS) for child in element]
    return Node(tag, element.text or "", dict(element.attrib), children, written(element) if keep else "")


def with_blocks(template: bytes, blocks: Sequence[str]) -> bytes:
    """The envelope (UTF-8, 1.1 or 1.2) with these blocks at the end of its Header, which is added where it has none."""
    inner = "".join(blocks).encode()
    if match := re.search(rb"<((?:[\w.\-]+:)?)Header([^<>]*)/>", template):
        prefix = match[1]
        filled = b"<%bHeader%b>%b</%bHeader>" % (prefix, match[2], inner, prefix)
        return template[: match.start()] + filled + template[match.end() :]
    if match := re.search(rb"</(?:[\w.\-]+:)?Header\s*>", template):
        return template[: match.start()] + inner + template[match.start() :]
    if match := re.search(rb"<((?:[\w.\-]+:)?)Body[\s>/]", template):
        filled = b"<%bHeader>%b</%bHeader>" % (match[1], inner, match[1])
        return template[: match.start()] + filled + template[match.start() :]
    raise ValueError("it has no Body")
