"""What is inside of an HTTP body: gzip and MIME packages around an envelope, told by the bytes and the content type.

Where the incumbent answers only the beginning is looked at, to find the operation; the bytes go on as they came.
"""

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace

from adapters.soap import attachments
from adapters.soap.envelope import HEAD, sniff
from adapters.soap.reading import Reader
from gateway.contract import Raw, Undecodable

_MAGIC = b"\x1f\x8b"
WORTH = 512
"""Bytes from which an answer is worth compressing."""
_CODING = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([0-9.]+)\s*)?")


def is_gzip(body: bytes) -> bool:
    """Whether it begins as gzip does; no XML does."""
    return body.startswith(_MAGIC)


def is_plain(raw: Raw) -> bool:
    """Whether it is surely XML by itself in an encoding that begins as ASCII does: nearly every message is."""
    return raw.body[:1] == b"<" and raw.media[:1] not in "mM"


def inflated(body: bytes, limit: int) -> bytes:
    """What was compressed with gzip, `limit` bytes at most. Raises Undecodable."""
    found, rest = b"", body
    while is_gzip(rest):
        unzip = zlib.decompressobj(31)
        try:
            found += unzip.decompress(rest, limit + 1 - len(found))
        except zlib.error:
            raise Undecodable("The message is broken gzip.", "gzip") from None
        if len(found) > limit:
            raise Undecodable(f"The message has more than {limit} bytes when it is inflated.", "too_large")
        if not unzip.eof:
            raise Undecodable("The message is gzip that ends too early.", "gzip")
        rest = unzip.unused_data
    return found


def deflated(body: bytes) -> bytes:
    """The body in gzip, the same for the same bytes."""
    return gzip.compress(body, 6, mtime=0)


def beginning(raw: Raw) -> bytes:
    """The beginning of the envelope in a message, 64 KB at most, for a sniff. Never raises."""
    head = raw.body[:HEAD]
    if is_plain(raw):
        return head
    if is_gzip(head):
        try:
            head = zlib.decompressobj(31).decompress(head, HEAD)
        except zlib.error:
            return b""
    if attachments.is_package(raw.media):
        try:
            return attachments.content(head, attachments.parts(head, raw.media)[0])
        except Undecodable:
            return b""
    return head


def version_of(raw: Raw) -> str | None:
    """The SOAP version of a message, if need be by its media type."""
    media = "1.2" if raw.media.lower().startswith("application/soap+xml") else None
    return sniff(beginning(raw)).version or media


def opened(raw: Raw, reader: Reader, limit: int) -> Raw:
    """The message as plain XML. Raises Undecodable."""
    if is_plain(raw):
        return raw
    if is_gzip(raw.body):
        raw = Raw(inflated(raw.body, limit), raw.media, raw.status)
    return attachments.envelope(raw, reader, limit) if attachments.is_package(raw.media) else raw


def compressed(raw: Raw, headers: Mapping[bytes, bytes]) -> Raw:
    """The answer in gzip where the caller accepts it and it is worth it; `headers` are the caller's."""
    if not accepts(headers.get(b"accept-encoding", b"").decode("latin-1")):
        return raw
    more = [*raw.headers, (b"vary", b"Accept-Encoding")]
    if len(raw.body) < WORTH or any(name.lower() == b"content-encoding" for name, _ in raw.headers):
        return replace(raw, headers=more)
    return replace(raw, body=deflated(raw.body), headers=[*more, (b"content-encoding", b"gzip")])


def accepts(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3)."""
    found = [match for item in accepted.lower().split(",") if (match := _CODING.fullmatch(item))]
    named = {match[1]: match[2] for match in found}
    quality = named.get("gzip", named.get("x-gzip", named.get("*", "0")))
    return quality is None or float(quality if quality.count(".") < 2 and quality != "." else "0") > 0
