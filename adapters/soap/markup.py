"""Where elements and attribute values stand in a document's bytes, so that some can be replaced and the rest kept.

Works on UTF-8; `Text` carries other encodings there and back without changing a byte.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat  # stopped at any DOCTYPE, so nothing is ever expanded

from adapters.soap.namespaces import XML, QName
from adapters.soap.reading import encoding_of
from gateway.contract import Undecodable

Edit = tuple[int, int, bytes]
"""From, to, and what stands there instead."""

_START_TAG = re.compile(rb"<[^\s/>\"']+(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_TAG_NAME = re.compile(rb"<([^\s/>]+)")


@dataclass(slots=True, eq=False)
class Span:
    """An element: its start tag is `start:inner`, its content `inner:close`, the whole `start:end`."""

    name: QName
    start: int
    inner: int
    close: int = 0
    end: int = 0
    prefixes: Mapping[str, str] = field(default_factory=dict)
    children: "list[Span]" = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Text:
    """A document in UTF-8 that can be given back in its own encoding."""

    data: bytes
    encoding: str

    @classmethod
    def of(cls, body: bytes, media: str) -> "Text":
        """Raises Undecodable where the bytes would not come back the same."""
        encoding = encoding_of(body, media)
        if encoding == "utf-16":
            encoding = "utf-16-le" if body.startswith(b"\xff\xfe") else "utf-16-be"
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError as error:
            raise Undecodable(f"The document is not {encoding}: {error.reason}.") from None
        if text.encode(encoding) != body:
            raise Undecodable(f"The document does not survive {encoding} unchanged.")
        return cls(text.encode(), encoding)

    def edited(self, edits: Iterable[Edit]) -> bytes:
        """The document with these edits, in its own encoding; edits must not overlap."""
        parts, place = [], 0
        for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
            parts += [self.data[place:start], new]
            place = end
        data = b"".join([*parts, self.data[place:]])
        return data if self.encoding == "utf-8" else data.decode().encode(self.encoding, "xmlcharrefreplace")


def spans(data: bytes) -> Span:
    """The root element of a UTF-8 document, with all below it. Raises Undecodable, also for a DOCTYPE."""
    offset = len(data) - len(data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n"))
    scan = _Scan(data, offset)
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = lambda name, _: scan.open(name, parser.CurrentByteIndex + offset)
    parser.EndElementHandler = lambda _: scan.shut(parser.CurrentByteIndex + offset)
    parser.StartNamespaceDeclHandler = scan.declare
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data[offset:], True)
    except expat.ExpatError as error:
        raise Undecodable(f"The document is not well-formed XML: {error}.") from None
    return scan.top.children[0]


def _refuse(*args: Any) -> None:
    raise Undecodable("The document has a DOCTYPE.", "doctype")


class _Scan:
    """Builds spans from the parser's events."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data = data
        self.top = Span(("", ""), offset, offset, prefixes={"xml": XML})
        self.stack = [self.top]
        self.declared: dict[str, str] = {}

    def declare(self, prefix: str | None, namespace: str | None) -> None:
        self.declared[prefix or ""] = namespace or ""

    def open(self, name: str, start: int) -> None:
        namespace, _, local = name.rpartition(" ")
        tag = _START_TAG.match(self.data, start)
        if tag is None:
            raise Undecodable("A start tag cannot be found again in the document.")
        above = self.stack[-1]
        prefixes = {**above.prefixes, **self.declared} if self.declared else above.prefixes
        self.declared = {}
        span = Span((namespace, local), start, tag.end(), prefixes=prefixes)
        above.children.append(span)
        self.stack.append(span)

    def shut(self, place: int) -> None:
        span = self.stack.pop()
        if self.data[span.inner - 2 : span.inner] == b"/>":
            span.close = span.end = span.inner
        else:
            span.close, span.end = place, self.data.index(b">", place) + 1


def tag_name(data: bytes, span: Span) -> bytes:
    """The element's name with its prefix, as it is written."""
    match = _TAG_NAME.match(data, span.start)
    return match[1] if match else b""


def attribute(data: bytes, span: Span, name: QName) -> tuple[int, int, int] | None:
    """Where an attribute's value stands between its quotes, and where the blank before the attribute begins."""
    begin = span.start + 1 + len(tag_name(data, span))
    for match in _ATTRIBUTE.finditer(data, begin, span.inner):
        prefix, _, local = match[1].decode().rpartition(":")
        if local == name[1] and (span.prefixes.get(prefix, "") if prefix else "") == name[0]:
            return match.start(2) + 1, match.end(2) - 1, match.start()
    return None
