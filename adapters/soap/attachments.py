"""MIME packages around an envelope: SOAP with Attachments, and MTOM, whose values stand in parts of their own.

Sources: RFC 2387 (multipart/related), RFC 2046 5.1 (boundaries), XOP 1.0, section 3.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree

from adapters.soap.reading import Reader
from gateway.contract import Raw, Undecodable

PARTS = 200
"""Parts of a package that are read at most."""
HEADERS = 1 << 14
"""Bytes of a part's headers at most."""

_XOP = "http://www.w3.org/2004/08/xop/include"
_INCLUDE = f"{{{_XOP}}}Include"
_PARAMETER = re.compile(r";\s*([\w-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]+))")
_FOLDED = re.compile(r"\r?\n[ \t]+")
_END_OF_HEADERS = re.compile(rb"\A\r?\n|\r?\n\r?\n")


@dataclass(slots=True, frozen=True)
class Part:
    """One part: its headers by name in lower case, and where its content stands in the package."""

    headers: Mapping[str, str]
    start: int
    end: int

    @property
    def id(self) -> str:
        """Its Content-ID without the angle brackets."""
        return self.headers.get("content-id", "").strip().removeprefix("<").removesuffix(">")

    @property
    def encoding(self) -> str:
        """Its transfer encoding."""
        return self.headers.get("content-transfer-encoding", "8bit").strip().lower()


def is_package(media: str) -> bool:
    """Whether the content type is that of a package."""
    return media[:17].lower() == "multipart/related"


def parts(body: bytes, media: str) -> Sequence[Part]:
    """The parts, the root first; what is cut off at the end ends there. Raises Undecodable."""
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(media)}
    boundary = parameters.get("boundary", "")
    if not 0 < len(boundary) <= 200:
        raise Undecodable("The multipart message states no boundary.", "attachments")
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("latin-1")) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    found: list[Part] = []
    opened = None
    for match in delimiter.finditer(body):
        if opened is not None:
            found.append(_part(body, opened, match.start()))
        opened = None if match[1] else match.end()
        if opened is None:
            break
        if len(found) >= PARTS:
            raise Undecodable(f"The message has more than {PARTS} parts.", "too_large")
    if opened is not None:
        found.append(_part(body, opened, len(body)))
    if not found:
        raise Undecodable("The multipart message has no part.", "attachments")
    wanted = parameters.get("start", "").removeprefix("<").removesuffix(">")
    root = next((one for one in found if wanted and one.id == wanted), found[0])
    return [root, *(one for one in found if one is not root)]


def _part(body: bytes, start: int, end: int) -> Part:
    match = _END_OF_HEADERS.search(body[start : min(end, start + HEADERS)])
    if match is None:
        raise Undecodable("A part of the multipart message has no end of its headers.", "attachments")
    lines = _FOLDED.sub(" ", body[start : start + match.start()].decode("latin-1")).splitlines()
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Part(headers, start + match.end(), end)


def content(body: bytes, part: Part) -> bytes:
    """A part's content, its transfer encoding undone. Raises Undecodable."""
    data = body[part.start : part.end]
    try:
        if part.encoding == "base64":
            return base64.b64decode(data)
        return quopri.decodestring(data) if part.encoding == "quoted-printable" else data
    except binascii.Error as error:
        raise Undecodable(f"A part of the multipart message is not base64: {error}.", "attachments") from None


def envelope(raw: Raw, reader: Reader, limit: int) -> Raw:
    """The envelope in a package, with the values of MTOM in their places: `limit` bytes at most. Raises Undecodable."""
    root, *others = parts(raw.body, raw.media)
    media = root.headers.get("content-type", "")
    body = content(raw.body, root)
    if _XOP.encode() in body:
        body = reader.read(body, media, lambda root: _included(raw.body, root, others, limit))
        media = "text/xml; charset=utf-8"
    return Raw(body, media, raw.status)


def _included(package: bytes, root: Any, others: Sequence[Part], limit: int) -> bytes:
    """The envelope with each xop:Include replaced by what it refers to, in base64."""
    known = {part.id: part for part in others}
    size = 0
    for include in list(root.iter(_INCLUDE)):
        reference = unquote(include.get("href", ""))
        part = known.get(reference.removeprefix("cid:")) if reference.startswith("cid:") else None
        holder = include.getparent()
        if part is None or holder is None:
            raise Undecodable("An xop:Include refers to a part that is not in the message.", "attachments")
        size += (part.end - part.start) * 4 // 3
        if size > limit:
            raise Undecodable(f"The attachments of the message are larger than {limit} bytes.", "too_large")
        holder.remove(include)
        holder.text = base64.b64encode(content(package, part)).decode()
    return bytes(etree.tostring(root))
