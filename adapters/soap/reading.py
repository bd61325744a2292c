"""Parses untrusted XML within limits; what is refused is Undecodable with a reason to count by.

No DOCTYPE, no entity but XML's own five, no XML version but 1.0, nothing fetched, bounded depth, elements, attributes.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar
from xml.parsers import expat  # only to find a DOCTYPE, and stopped there

from lxml import etree

from adapters.soap.names import Names, apart
from adapters.soap.namespaces import MEDIA
from gateway.contract import Undecodable

Result = TypeVar("Result")

LARGE = 1 << 15
"""Bytes of a message from which it is parsed in a thread of its own."""
DEPTH = 64
ELEMENTS = 200_000
ATTRIBUTES = 512

_SHORTEST, _SMALLEST = len(' a=""'), len("<a/>")
"""Bytes of an attribute and of an element at least."""

_DECLARATION = re.compile(
    rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*([\"'])([^\"'<>]*)\1"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*([\"'])([A-Za-z][A-Za-z0-9._-]*)\3)?[^<>]*\?>"
)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9._-]+)", re.IGNORECASE)
_TAG = re.compile(rb"[^\s/>]*((?:\"[^\"]*\"|'[^']*'|[^\"'>])*)")
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_ENCODINGS = {
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "iso-8859-1": "latin-1", "latin1": "latin-1",
    "iso-8859-15": "iso-8859-15", "windows-1252": "cp1252",
}  # fmt: skip
_PLAIN = tuple(
    b"".join((b"<?xml version=", quote, b"1.0", quote, b" encoding=", quote, name, quote, b"?>"))
    for quote in (b'"', b"'") for name in (b"utf-8", b"UTF-8")
)  # fmt: skip
_PLAIN_MEDIA = frozenset({*MEDIA.values(), "text/xml", "text/xml;charset=UTF-8", 'text/xml; charset="utf-8"'})
"""What nearly all messages begin with and are called: nothing about them has to be found out."""
tokens = re.compile(rb"<([^/>][^>]*)").findall
"""What stands between `<` and `>`, but for end tags."""
_too_deep = etree.XPath("boolean(" + "/*" * (DEPTH + 1) + ")")


class Reader:
    """Parses messages of up to `limit` bytes."""

    def __init__(self, limit: int, names: Names | None = None) -> None:
        """`names`: what lxml may remember in this thread; without it, everything."""
        self._limit = limit
        self._names = names
        self._parser = _parser()

    def read(self, body: bytes, media: str, use: Callable[[Any], Result]) -> Result:
        """What `use` makes of the root element, which must not outlive it. Raises Undecodable, and what `use` does."""
        return self.parsed(self.plain(body, media), use)

    def plain(self, body: bytes, media: str) -> bytes:
        """The message in UTF-8, unless it is too large. Raises Undecodable."""
        if len(body) > self._limit:
            raise Undecodable(f"The message has {len(body)} bytes, {self._limit} are decoded at most.", "too_large")
        return unified(body, media)

    def parsed(self, body: bytes, use: Callable[[Any], Result]) -> Result:
        """The same as `read` of a message that `plain` has given."""
        _refuse_excess(body)
        found = tokens(body) if len(body) <= LARGE else None
        if self._names is None or (found is not None and self._names.admit(body, found)):
            return use(_root(body, self._parser, DEPTH + 1 if found is None else len(found)))
        # The names of a large message would take longer to look through than a thread takes to start.
        return apart(lambda: use(_root(body, _parser())))

    def root(self, body: bytes, media: str) -> Any:
        """The root element. Raises Undecodable."""
        body = self.plain(body, media)
        _refuse_excess(body)
        return _root(body, self._parser)


def _parser() -> Any:
    return etree.XMLParser(
        resolve_entities="internal", no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        remove_pis=True, encoding="utf-8",
    )  # fmt: skip


def _root(body: bytes, parser: Any, starts: int = DEPTH + 1) -> Any:
    """The root element; `starts` is how many elements there are at most, where that is known."""
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _syntax(error) from None
    if starts > DEPTH and _too_deep(root):
        raise Undecodable(f"The message is nested deeper than {DEPTH} elements.", "too_deep")
    return root


def unified(body: bytes, media: str) -> bytes:
    """The message in UTF-8 whatever it came in: by its byte order mark, then the media type, then its declaration.

    Raises Undecodable for another encoding, broken text, or an XML version other than 1.0."""
    if body.startswith(_PLAIN) and media in _PLAIN_MEDIA:
        return body
    encoding = encoding_of(body, media)
    if encoding != "utf-8":
        try:
            body = body.decode(encoding).encode()
        except (UnicodeDecodeError, UnicodeEncodeError) as error:
            raise Undecodable(f"The message is not {encoding}: {error.reason}.") from None
    if not body.startswith(b"<"):
        body = body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if body.startswith(b"<?xml"):
        match = _DECLARATION.match(body)
        if match is None or match[2] != b"1.0":
            raise Undecodable("The XML declaration is malformed, or its version is not 1.0.")
    return body


def encoding_of(body: bytes, media: str) -> str:
    """Python's name of the encoding, "utf-8" where nothing says otherwise. Raises Undecodable for an unknown one."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if body.startswith(b"\xef\xbb\xbf"):
        return "utf-8"
    if body.startswith((b"<\0", b"\0<")):
        return "utf-16-le" if body[1] == 0 else "utf-16-be"
    name = "utf-8"
    if match := _CHARSET.search(media):
        name = match[1].lower()
    elif declared := _DECLARATION.match(body.lstrip(b" \t\r\n")):
        name = (declared[4] or b"utf-8").decode().lower()
    if name in _UTF8:
        return "utf-8"
    if name not in _ENCODINGS:
        raise Undecodable(f"The encoding {name[:40]!r} is not read.", "encoding")
    return _ENCODINGS[name]


def _refuse_excess(body: bytes) -> None:
    if len(body) > _SMALLEST * ELEMENTS and body.count(b"<") - body.count(b"</") > ELEMENTS:
        raise Undecodable(f"The message has more than {ELEMENTS} elements.", "too_large")
    if b"!" in body and b"<!DOCTYPE" in body and _has_doctype(body):
        raise Undecodable("The message has a DOCTYPE, which SOAP forbids.", "doctype")
    if len(body) > _SHORTEST * ATTRIBUTES and body.count(b"=") > ATTRIBUTES and _most_attributes(body) > ATTRIBUTES:
        raise Undecodable(f"An element of the message has more than {ATTRIBUTES} attributes.", "too_large")


class _Found(Exception):
    """A DOCTYPE."""


def _has_doctype(body: bytes) -> bool:
    """Whether it is one, and not text in a CDATA section or a comment."""

    def stop(*args: Any) -> None:
        raise _Found

    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = stop
    try:
        parser.Parse(body, True)
    except _Found:
        return True
    except expat.ExpatError:
        return True
    return False


def _most_attributes(body: bytes) -> int:
    """An upper bound: no attribute's value can contain `<`, so a start tag ends before the next one."""
    most = 0
    for part in body.split(b"<"):
        if part.count(b"=") > ATTRIBUTES and (match := _TAG.match(part)):
            most = max(most, re.sub(rb"\"[^\"]*\"|'[^']*'", b"", match[1]).count(b"="))
    return most


def _syntax(error: Exception) -> Undecodable:
    text = str(error)
    if "depth" in text.lower():
        return Undecodable(f"The message is nested deeper than {DEPTH} elements.", "too_deep")
    return Undecodable(f"The message is not well-formed XML{explained(error)}.")


def explained(error: Exception) -> str:
    """Where and why XML is refused, without what libxml2 adds of its own place and of the content."""
    if not isinstance(error, etree.XMLSyntaxError):
        return ""
    line, column = error.position
    why = str(error.msg).partition("\n")[0].removesuffix(f", line {line}, column {column}")
    return f" (line {line}, column {column}): {why[:200]}"
