"""Puts the incumbent's own address into wsa:To of a request, in place: some stacks (WCF) compare the two."""

from contextlib import suppress
from typing import Any
from xml.parsers import expat  # events only, stopped at any DOCTYPE, so nothing is ever expanded

from adapters.soap.envelope import HEAD
from adapters.soap.escapes import escaped
from adapters.soap.headers import WSA, WSA_2004
from adapters.soap.namespaces import VERSIONS
from adapters.soap.reading import encoding_of
from gateway.contract import Undecodable

_TO = frozenset({f"{WSA} To", f"{WSA_2004} To"})
_BLANK = b" \t\r\n"


class _Seen(Exception):
    """Enough was seen."""


def readdressed(body: bytes, media: str, address: str) -> bytes:
    """The request with the text of its first wsa:To replaced, and every other byte kept. Never raises.

    Looks at the first 64 KB; what has no such header, or cannot be read so far, stays as it is."""
    try:
        encoding = encoding_of(body, media)
    except Undecodable:
        return body
    blank = len(body) - len(body.lstrip(_BLANK))
    place = _place(body[blank : blank + HEAD])
    if place is None:
        return body
    # A byte order mark is written at the beginning only.
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(body[:2], encoding)
    start, end = blank + place[0], blank + place[1]
    return body[:start] + escaped(address).encode(encoding) + body[end:]


def _place(head: bytes) -> tuple[int, int] | None:
    """Where the text of wsa:To stands."""
    found: list[int] = []
    open_: list[str] = []
    parser = expat.ParserCreate(None, " ")

    def start(name: str, attributes: Any) -> None:
        open_.append(name)
        namespace, _, local = name.rpartition(" ")
        if len(open_) == 2 and local == "Body" and namespace in VERSIONS:
            raise _Seen
        if len(open_) > 3 and inside():
            found.clear()
            raise _Seen

    def text(_: str) -> None:
        if len(open_) == 3 and inside() and not found:
            found.append(parser.CurrentByteIndex)

    def end(_: str) -> None:
        if len(open_) == 3 and inside():
            found.append(parser.CurrentByteIndex)
            raise _Seen
        open_.pop()

    def inside() -> bool:
        return open_[2] in _TO and open_[1].rpartition(" ")[::2] in _HEADERS

    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, text, end
    parser.StartDoctypeDeclHandler = _stop
    with suppress(_Seen, expat.ExpatError, ValueError, LookupError):
        parser.Parse(head, False)
    return (found[0], found[1]) if len(found) == 2 else None


_HEADERS = frozenset((namespace, "Header") for namespace in VERSIONS)


def _stop(*args: Any) -> None:
    raise _Seen
